"""The states of all global random streams, the GPU's included: as they are, and for a checkpoint."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganstudy.trials.config.global_streams import kept_streams, seed_all
from ganstudy.trials.ensemble.streams import derive


@dataclass(frozen=True)
class GlobalStreams:
    """States of the streams of Python, NumPy and torch, and of the GPU that trains, if one does."""

    device: torch.device
    of_python: tuple[Any, ...]
    of_numpy: dict[str, Any]
    of_torch: Tensor
    of_cuda: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> GlobalStreams:
        """Return the present states."""
        numpy: Any = np.random.get_state(legacy=False)
        cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(device, random.getstate(), numpy, torch.get_rng_state(), cuda)

    @classmethod
    def of_seed(cls, seed: int, device: torch.device) -> GlobalStreams:
        """Return the states with which a training function is called for `seed`."""
        with kept_streams():
            before = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
            seed_all(derive(seed, "function"))
            made = cls.now(device)
            if before is not None:
                torch.cuda.set_rng_state(before, device)
        return made

    def put(self) -> None:
        """Make these the present states."""
        random.setstate(self.of_python)
        np.random.set_state(self.of_numpy)
        torch.set_rng_state(self.of_torch)
        if self.of_cuda is not None:
            torch.cuda.set_rng_state(self.of_cuda, self.device)

    def state_dict(self) -> dict[str, Any]:
        """Return the states as a checkpoint holds them."""
        return {
            "python": self.of_python,
            "numpy": self.of_numpy,
            "torch": self.of_torch,
            "cuda": self.of_cuda,
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], device: torch.device) -> GlobalStreams:
        """Return the states that `state_dict` was called on.

        On a GPU where there was none, or another way round, its stream begins anew.
        """
        cuda = state["cuda"]
        if device.type != "cuda":
            cuda = None
        elif cuda is None:
            cuda = torch.cuda.get_rng_state(device)
        return cls(device, state["python"], state["numpy"], state["torch"], cuda)

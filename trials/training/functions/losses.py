"""Mean losses between two evaluations, without waiting for the GPU at every step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NAMES = ("loss_d", "loss_g")
MOST_WAITING = 256
"""Losses on a GPU that are summed at a time."""


class MeanLosses:
    """Sums of losses and their numbers of steps, since the last evaluation."""

    def __init__(self, held: dict[str, Any] | None = None) -> None:
        """held: of a checkpoint, as `state` returned it."""
        self._sums = dict.fromkeys(NAMES, 0.0)
        self._counts = dict.fromkeys(NAMES, 0)
        self._waiting: dict[str, list[Tensor]] = {name: [] for name in NAMES}
        for name, (total, count) in (held or {}).items():
            self._sums[name], self._counts[name] = total, count

    def add(self, name: str, loss: Any) -> None:
        """Add the loss of a step; ValueError unless it is a number, or a tensor with one element."""
        if isinstance(loss, Tensor) and loss.numel() != 1:
            raise ValueError(f"{name} must be one number, got a tensor of shape {list(loss.shape)}")
        self._counts[name] += 1
        if isinstance(loss, Tensor) and loss.is_cuda:
            # Reading the number here would wait for the GPU.
            self._waiting[name].append(loss.detach())
            if len(self._waiting[name]) == MOST_WAITING:
                self._sum_up(name)
        else:
            self._sums[name] += loss.item() if isinstance(loss, Tensor) else float(loss)

    def _sum_up(self, name: str) -> None:
        waiting = self._waiting[name]
        if waiting:
            self._sums[name] += torch.stack([each.flatten()[0] for each in waiting]).sum().item()
            waiting.clear()

    def state(self) -> dict[str, tuple[float, int]]:
        """Return sums and counts by name."""
        for name in NAMES:
            self._sum_up(name)
        return {name: (self._sums[name], self._counts[name]) for name in NAMES}

    def take(self) -> dict[str, float | None]:
        """Return the means by name, None where there was no loss, and begin anew."""
        means = {
            name: total / count if count else None for name, (total, count) in self.state().items()
        }
        self._sums = dict.fromkeys(NAMES, 0.0)
        self._counts = dict.fromkeys(NAMES, 0)
        return means

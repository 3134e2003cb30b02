"""Objects of a training function that go on after an interruption: what run.keep was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganstudy.trials.training.functions.state_tree import decode, encode

FORMS = (
    "anything with state_dict and load_state_dict (networks, optimisers, schedulers, scalers), a "
    "torch.Generator, or a dict of plain values"
)


class KeptObjects:
    """Objects by name, restored as they are named from what a checkpoint holds of them."""

    def __init__(self, held: dict[str, Any] | None, tensors: dict[str, Tensor]) -> None:
        """held: of the checkpoint, as `state` returned it; None at the beginning."""
        self._objects: dict[str, Any] = {}
        self._held = held
        self._tensors = tensors

    def __bool__(self) -> bool:
        return bool(self._objects)

    def add(self, objects: dict[str, Any]) -> None:
        """Keep these too, and restore them; raise ValueError for what cannot be kept."""
        for name, value in objects.items():
            if name in self._objects:
                raise ValueError(f"run.keep has {name} already: each object needs its own name")
            _forms(name, value)
            self._objects[name] = value
            if self._held is None:
                continue
            if name not in self._held:
                raise ValueError(
                    f"the checkpoint has no {name}, and run.keep names it: the same objects must be "
                    "kept in every call"
                )
            put = _forms(name, value)[1]
            try:
                put(decode(self._held[name], self._tensors))
            except Exception as error:
                raise ValueError(
                    f"{name} cannot be restored from the checkpoint: {type(error).__name__}: "
                    f"{str(error).strip().splitlines()[0] if str(error).strip() else ''}"
                ) from error

    def check_complete(self) -> None:
        """Raise ValueError where the checkpoint holds objects that were not named again."""
        missing = sorted({*(self._held or {})} - {*self._objects})
        if missing:
            raise ValueError(
                f"the checkpoint has {', '.join(missing)}, which run.keep did not name before the "
                "first step: the same objects must be kept in every call"
            )
        # What was restored need not be held twice.
        self._held, self._tensors = None, {}

    def state(self, tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
        """Return the states as plain JSON, their tensors put into `tensors`; ValueError as `encode`."""
        return {
            name: encode(_forms(name, value)[0](), tensors, f"{prefix}{name}")
            for name, value in self._objects.items()
        }

    def modules(self) -> list[nn.Module]:
        """Return the networks among the objects."""
        return [value for value in self._objects.values() if isinstance(value, nn.Module)]

    def finite(self) -> bool:
        """Return whether every parameter of every network is finite."""
        return all(
            bool(torch.isfinite(parameter).all())
            for module in self.modules()
            for parameter in module.parameters()
            if parameter.is_floating_point() or parameter.is_complex()
        )


def _forms(name: str, value: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Return what reads and what restores an object's state; ValueError where there is neither."""
    if isinstance(value, torch.Generator):
        return value.get_state, value.set_state
    if isinstance(value, dict):

        def put(state: dict[Any, Any]) -> None:
            value.clear()
            value.update(state)

        return lambda: value, put
    if callable(getattr(value, "state_dict", None)) and callable(
        getattr(value, "load_state_dict", None)
    ):
        return value.state_dict, value.load_state_dict
    raise ValueError(f"run.keep takes {FORMS}, got {name}={type(value).__name__}")

"""Metrics that a training function reports of itself: the last value of each since the last evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ganstudy.trials.results.own_metrics import PREFIX, check_name


class OwnMetrics:
    """Values by name, without waiting for the GPU at every step."""

    def __init__(self, held: Mapping[str, float] | None = None) -> None:
        """held: of a checkpoint, as `state` returned it."""
        self._values: dict[str, float | Tensor] = dict(held or {})

    def put(self, name: str, value: Any) -> None:
        """Keep a value; ValueError unless it is a number, or a tensor with one element."""
        check_name(name)
        if isinstance(value, Tensor):
            if value.numel() != 1:
                raise ValueError(
                    f"{name} must be one number, got a tensor of shape {list(value.shape)}"
                )
            # A copy: optimisers and batch normalisation change their tensors in place.
            self._values[name] = value.detach().clone()
            return
        try:
            self._values[name] = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{name} must be one number, got {type(value).__name__} {str(value)[:50]!r}"
            ) from None

    def state(self) -> dict[str, float]:
        """Return the values by name."""
        return {
            name: value.item() if isinstance(value, Tensor) else value
            for name, value in self._values.items()
        }

    def take(self) -> dict[str, float]:
        """Return the values as own/NAME, and begin anew."""
        taken = {f"{PREFIX}{name}": value for name, value in self.state().items()}
        self._values = {}
        return taken

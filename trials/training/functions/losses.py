"""Mean losses between two evaluations, without waiting for the GPU at every step."""

from __future__ import annotations

from typing import Any

from torch import Tensor

NAMES = ("loss_d", "loss_g")


class MeanLosses:
    """Sums of losses and their numbers of steps, since the last evaluation."""

    def __init__(self, held: dict[str, tuple[float, int]] | None = None) -> None:
        """held: of a checkpoint, as `state` returned it."""
        self._sums: dict[str, Any] = dict.fromkeys(NAMES, 0.0)
        self._counts = dict.fromkeys(NAMES, 0)
        for name, (total, count) in (held or {}).items():
            self._sums[name], self._counts[name] = total, count

    def add(self, name: str, loss: Any) -> None:
        """Add the loss of a step: a number, or a tensor with one element."""
        self._sums[name] = self._sums[name] + (loss.detach() if isinstance(loss, Tensor) else loss)
        self._counts[name] += 1

    def state(self) -> dict[str, tuple[float, int]]:
        """Return sums and counts by name."""
        return {name: (float(self._sums[name]), self._counts[name]) for name in NAMES}

    def take(self) -> dict[str, float | None]:
        """Return the means by name, None where there was no loss, and begin anew."""
        means = {
            name: total / count if count else None for name, (total, count) in self.state().items()
        }
        self.__init__()  # type: ignore[misc]
        return means

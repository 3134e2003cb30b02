"""How long a stage still takes, from what its trials have trained so far."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Amounts of training, in whole trials, and the time that they took.

    A guess: trials of other k or batch size take another time, and the last ones leave slots idle.
    """

    def __init__(self, trials: int, clock: Callable[[], float] = time.monotonic) -> None:
        """trials: how many this run has to train."""
        self._trials = trials
        self._clock = clock
        self._start = clock()
        self._begun: dict[int, float] = {}
        self._now: dict[int, float] = {}
        self._ended: list[float] = []
        self._trained = 0.0

    def begin(self, number: int, share: float) -> None:
        """Note that a trial begins; share: how much of it an earlier run has trained."""
        self._begun[number] = self._now[number] = share

    def reach(self, number: int, share: float) -> None:
        """Note how much of a trial has been trained."""
        self._begun.setdefault(number, 0.0)
        self._now[number] = share

    def end(self, number: int) -> None:
        """Note that a trial has come to its end, however early."""
        share = self._now.pop(number, 0.0)
        self._trained += share - self._begun.pop(number, 0.0)
        self._ended.append(share)

    @property
    def share(self) -> float:
        """The share of all training that is behind, trials that ended early being over."""
        return min(1.0, (len(self._ended) + sum(self._now.values())) / max(1, self._trials))

    def seconds(self) -> float | None:
        """Return the seconds that are left; None before anything was trained."""
        running = self._now.items()
        trained = self._trained + sum(now - self._begun[number] for number, now in running)
        if trained <= 0:
            return None
        # What trials come to on average: a schedule stops some early.
        each = sum(self._ended) / len(self._ended) if self._ended else 1.0
        left = sum(max(0.0, max(each, 0.0) - now) for _, now in running)
        left += max(0, self._trials - len(self._ended) - len(self._now)) * each
        return (self._clock() - self._start) * left / trained

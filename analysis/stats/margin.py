"""Decide practical equality: a whole interval lies within a margin stated before the data.

This is the equivalence of two one-sided tests (Schuirmann 1987).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganstudy.analysis.stats.estimate import Estimate


@dataclass(frozen=True)
class Margin:
    """How far apart two scores may be to be practically equal."""

    size: float
    """Of a ratio the larger factor less 1; else a difference."""
    is_ratio: bool

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest effect within the margin, ends included."""
        return (1 / (1 + self.size), 1 + self.size) if self.is_ratio else (-self.size, self.size)

    @property
    def half_width(self) -> float:
        """Its distance from no effect on the scale on which effects are computed.

        That scale is one of logarithms for ratios.
        """
        return math.log1p(self.size) if self.is_ratio else self.size

    def encloses(self, effect: Estimate) -> bool:
        """Return whether the whole interval of an effect, factors for ratios, is within the margin."""
        low, high = self.ends
        # NaN compares as false: without an interval nothing is equal.
        return low <= effect.low and effect.high <= high

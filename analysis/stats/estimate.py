"""An estimate with its interval, and a comparison of two arms: what every statistic here returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Coverage that every interval promises, unless its `level` says otherwise."""
MIN_CONFIGURATIONS = 6
"""Below this no interval is given. A bootstrap interval of a median reaches no further than the
data, and three configurations lie all on one side of the true median one time in four, five one
time in sixteen, six one time in thirty-two."""
NAN = float("nan")
PRACTICALLY_EQUAL = "practically equal"
"""Decision of a comparison whose whole interval lies within the margin and contains no effect."""
INCONCLUSIVE = "inconclusive"
"""Decision of a comparison whose interval contains no effect and reaches beyond the margin, or that
has no interval.
"""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Scores = NDArray[np.float64]
"""[C, S]: C configurations, S seeds; smaller is better, infinity where a seed has no value (it
diverged).
"""


@dataclass(frozen=True)
class Estimate:
    """An estimate with its interval, its level and its number of independent units."""

    value: float
    """Infinite where the median falls on diverged seeds, NaN without data."""
    low: float = NAN
    """Infinite where the interval reaches diverged seeds, NaN where n is too small for an interval."""
    high: float = NAN
    level: float = LEVEL
    """Coverage that the interval promises; NaN for intervals of few seeds that cannot be given."""
    n: int = 0
    unit: str = "configurations"
    """What n counts: "configurations", "pairs" or "seeds"."""

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def in_direction(self, sign: int) -> Estimate:
        """Return the estimate of `sign` times the quantity: -1 for measures where larger is better.

        Statistics are computed with smaller as better, so such measures are negated on the way in
        and here on the way out; negation swaps the ends.
        """
        if sign > 0:
            return self
        return replace(self, value=-self.value, low=-self.high, high=-self.low)

    def as_ratio(self) -> Estimate:
        """Return the estimate of a ratio from that of its logarithm."""
        # Not math.exp, which raises OverflowError where NumPy returns infinity.
        value, low, high = (float(np.exp(end)) for end in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high)

    def without_interval(self) -> Estimate:
        """Return the value and n alone."""
        return replace(self, low=NAN, high=NAN)

    def columns(self, name: str) -> dict[str, float]:
        """Return the table columns NAME, NAME_low and NAME_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def decide(self, below: str, above: str) -> str:
        """Return `below` or `above` where the interval excludes 0 on that side, else INCONCLUSIVE."""
        # NaN compares as false: without an interval nothing is decided.
        return below if self.high < 0 else above if self.low > 0 else INCONCLUSIVE


@dataclass(frozen=True)
class Comparison:
    """Effect of one arm against another, with the two-sided p-value of no effect."""

    effect: Estimate
    p: float
    """NaN without pairs."""
    method: str
    """"crossed t", or how seeds of single configurations are compared (few_seeds.MEAN, MEDIAN)."""

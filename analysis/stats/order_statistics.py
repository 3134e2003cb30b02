"""Intervals of quantiles from the order of the values alone: no model, no resampling, infinities
allowed.

How many of n independent values lie below the quantile at p is binomial, so two of the ordered
values enclose it with a known probability whatever their distribution (Conover 1999, sec. 3.2; Hahn
& Meeker 1991, sec. 5.2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

LEVEL = 0.95


class Quantile(NamedTuple):
    """A quantile, its interval, and how many values it comes from."""

    value: float
    """NaN without values; infinite where it falls on them."""
    low: float
    """NaN where so few values cannot bound it from below."""
    high: float
    """NaN where they cannot bound it from above."""
    n: int


def median(values: ArrayLike, level: float = LEVEL) -> Quantile:
    """The median with its interval, which needs 6 values at 95%; the values hold no NaN."""
    ordered = np.sort(np.asarray(values, dtype=float))
    if not len(ordered):
        return Quantile(math.nan, math.nan, math.nan, 0)
    ends = quantile_interval(ordered, 0.5, level)
    return Quantile(float(np.median(ordered)), *ends, len(ordered))


def quantile_interval(ordered: ArrayLike, p: float, level: float = LEVEL) -> tuple[float, float]:
    """Ends that hold the quantile at `p` with probability `level` or more; NaN for an end that
    cannot be given.

    ordered: the values in ascending order, one per independent unit.
    """
    values = np.asarray(ordered, dtype=float)
    n, tail = len(values), (1 - level) / 2
    # The lower end is the greatest value that exceeds the quantile with probability `tail` or less.
    low = int(binom.ppf(tail, n, p))
    low += bool(binom.cdf(low, n, p) <= tail)
    high = int(binom.isf(tail, n, p)) + 1
    return (values[low - 1] if low >= 1 else math.nan, values[high - 1] if high <= n else math.nan)

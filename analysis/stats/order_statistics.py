"""Compute medians, and intervals of quantiles from the order of the values alone.

They need no model and no resampling, and allow infinities.

How many of n independent values lie below the quantile at p is binomial, so two of the ordered
values enclose it with a known probability whatever their distribution (Conover 1999, sec. 3.2; Hahn
& Meeker 1991, sec. 5.2; David & Nagaraja 2003, sec. 7.1).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import quantile_test

from ganstudy.analysis.stats.estimate import LEVEL, NAN, Estimate, Floats, Scores


def median(values: ArrayLike, level: float = LEVEL, unit: str = "configurations") -> Estimate:
    """Estimate the median of values without NaN, with its interval, which needs 6 of them at 95%."""
    ordered = np.sort(np.asarray(values, dtype=float))
    if not len(ordered):
        return Estimate(NAN, level=level, unit=unit)
    low, high = quantile_interval(ordered, 0.5, level)
    return Estimate(float(np.median(ordered)), low, high, level, len(ordered), unit)


def quantile_interval(ordered: ArrayLike, p: float, level: float = LEVEL) -> tuple[float, float]:
    """Return ends that enclose the quantile at `p` with probability `level` or more.

    An end that so few values cannot bound is NaN.

    ordered: the values in ascending order, one per independent unit.
    """
    values = np.asarray(ordered, dtype=float)
    low, high = interval_ranks(len(values), p, level)
    return (
        float(values[low - 1]) if low else NAN,
        float(values[high - 1]) if high else NAN,
    )


@cache
def interval_ranks(n: int, p: float, level: float) -> tuple[int, int]:
    """Return the ranks, from 1, of the two of n ordered values that enclose the quantile at `p`.

    The rank of an end that does not exist is 0.
    """
    # The ranks depend on n alone, and SciPy takes milliseconds for them: so it is asked once per n,
    # with the ranks themselves as the values.
    test = quantile_test(np.arange(1.0, n + 1), q=0.0, p=p)
    low, high = test.confidence_interval(confidence_level=level)
    return int(np.nan_to_num(low)), int(np.nan_to_num(high))


def median_over_seeds(scores: Scores) -> Floats:
    """Return the median of each row of [C, S], NaN left out; each row has a number."""
    if not scores.size:
        return np.empty(len(scores))
    if not np.isnan(scores).any():
        medians: Floats = np.median(scores, axis=1)
        return medians
    # np.nanmedian is slow by row, and warns where infinities meet.
    ordered = np.sort(scores, axis=1)  # NaN goes last
    count = (~np.isnan(scores)).sum(axis=1)
    rows = np.arange(len(scores))
    middle: Floats = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    return middle


def seed_medians(scores: Scores) -> Scores:
    """Return `scores`, or their medians over seeds [C, 1] where a configuration lacks a seed.

    So that every configuration counts alike in a summary of all scores.
    """
    return median_over_seeds(scores)[:, None] if np.isnan(scores).any() else scores

"""Intervals over configurations: the configuration is the unit, its seeds are replicates.

Arrays in, numbers out; every function takes its random generator explicitly. tests/test_intervals.py
simulates what each interval promises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
LEVEL = 0.95
MIN_CONFIGURATIONS = 6
"""Below this no interval is given. A bootstrap interval of a median reaches no further than the data, and
three configurations lie all on one side of the true median one time in four, five one time in sixteen, six one
time in thirty-two."""

Scores = NDArray[np.float64]
"""[C, S]: C configurations, S seeds; smaller is better, infinity where a seed has no value (it diverged)."""
NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and its n.

    value: infinite where the median falls on diverged seeds, NaN where there is none.
    low, high: infinite where the interval reaches diverged seeds, NaN where no interval can be given.
    """

    value: float
    low: float
    high: float
    configurations: int


def median_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Median over configurations of the median over seeds; percentile bootstrap over configurations and seeds."""
    if not len(scores):
        return Estimate(NAN, NAN, NAN, 0)
    return Estimate(_median(scores), *_percentiles(_resampled_medians(scores, rng), len(scores), LEVEL), len(scores))


def difference_of_medians(treated: Scores, control: Scores, rng: np.random.Generator, comparisons: int = 1) -> Estimate:
    """Median of `treated` minus that of `control`, resampled independently; n is the smaller group.

    comparisons: how many such differences are looked at together. The intervals are widened (Bonferroni)
    so that all of them hold at once at LEVEL.
    """
    smaller = min(len(treated), len(control))
    if not smaller:
        return Estimate(NAN, NAN, NAN, 0)
    with np.errstate(invalid="ignore"):  # diverged minus diverged is not a number, and _percentiles knows
        value = float(np.float64(_median(treated)) - _median(control))
        differences = _resampled_medians(treated, rng) - _resampled_medians(control, rng)
    return Estimate(value, *_percentiles(differences, smaller, 1 - (1 - LEVEL) / comparisons), smaller)


def share(counts: NDArray[np.int64], per_configuration: int) -> Estimate:
    """Share of seeds with a property, from the number of such seeds in each configuration.

    Wilson's interval with n = number of configurations: seeds of one configuration tend to share their
    fate, and counting them as independent would promise too much.
    """
    n = len(counts)
    if not n:
        return Estimate(NAN, NAN, NAN, 0)
    p = float(counts.sum() / (n * per_configuration))
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # At 0 and 1 the ends are exactly 0 and 1; rounding may miss them by the last digit.
    return Estimate(p, min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half)), n)


def _median(scores: Scores) -> float:
    if np.isnan(scores).any():
        raise ValueError("a seed without a value ranks as infinity, but the scores hold NaN")
    return float(np.median(np.median(scores, axis=1)))


def _resampled_medians(scores: Scores, rng: np.random.Generator) -> Scores:
    configurations, seeds = scores.shape
    chosen = rng.integers(configurations, size=(RESAMPLES, configurations))
    replicates = rng.integers(seeds, size=(RESAMPLES, configurations, seeds))
    resampled = scores[chosen[:, :, None], replicates]
    medians: Scores = np.median(np.median(resampled, axis=2), axis=1)
    return medians


def _percentiles(resampled: Scores, configurations: int, level: float) -> tuple[float, float]:
    """Ends of the interval; a resample that cannot be ranked counts against both of them."""
    if configurations < MIN_CONFIGURATIONS:
        return NAN, NAN
    tail = (1 - level) / 2
    unknown = np.isnan(resampled)
    low = np.quantile(np.where(unknown, -np.inf, resampled), tail, method="inverted_cdf")
    high = np.quantile(np.where(unknown, np.inf, resampled), 1 - tail, method="inverted_cdf")
    return float(low), float(high)

"""Intervals over configurations: the configuration is the unit, its seeds are replicates.

Arrays in, numbers out; every function takes its random generator explicitly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

RESAMPLES = 4000
LEVEL = 0.95
MIN_CONFIGURATIONS = 3
"""Below this, resampling configurations says nothing, and no interval is given."""

Scores = NDArray[np.float64]
"""[C, S]: C configurations, S seeds; infinity where a seed has no value (it diverged)."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval and its n; NaN ends where no interval can be given."""

    value: float
    low: float
    high: float
    configurations: int


def median_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Median over configurations of the median over seeds; percentile bootstrap over configurations and seeds."""
    if not len(scores):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(np.median(np.median(scores, axis=1)))
    return Estimate(value, *_percentiles(_resampled_medians(scores, rng), len(scores)), len(scores))


def difference_of_medians(treated: Scores, control: Scores, rng: np.random.Generator) -> Estimate:
    """Median of `treated` minus that of `control`, resampled independently; n is the smaller group."""
    smaller = min(len(treated), len(control))
    if not smaller:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(np.median(np.median(treated, axis=1)) - np.median(np.median(control, axis=1)))
    differences = _resampled_medians(treated, rng) - _resampled_medians(control, rng)
    return Estimate(value, *_percentiles(differences, smaller), smaller)


def share(counts: NDArray[np.int64], per_configuration: int) -> Estimate:
    """Share of seeds with a property, from the number of such seeds in each configuration.

    Wilson's interval with n = number of configurations: seeds of one configuration tend to share their
    fate, and counting them as independent would promise too much.
    """
    if not len(counts):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    value = float(counts.sum() / (len(counts) * per_configuration))
    interval = binomtest(round(value * len(counts)), len(counts)).proportion_ci(LEVEL, method="wilson")
    return Estimate(value, min(float(interval.low), value), max(float(interval.high), value), len(counts))


def _resampled_medians(scores: Scores, rng: np.random.Generator) -> Scores:
    configurations, seeds = scores.shape
    chosen = rng.integers(configurations, size=(RESAMPLES, configurations))
    replicates = rng.integers(seeds, size=(RESAMPLES, configurations, seeds))
    resampled = scores[chosen[:, :, None], replicates]
    medians: Scores = np.median(np.median(resampled, axis=2), axis=1)
    return medians


def _percentiles(resampled: Scores, configurations: int) -> tuple[float, float]:
    if configurations < MIN_CONFIGURATIONS or np.isnan(resampled).any():
        return float("nan"), float("nan")
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)

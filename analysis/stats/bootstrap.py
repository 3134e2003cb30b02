"""Bootstrap intervals over configurations: the configuration is the unit, its seeds are replicates.

Every function takes its random generator explicitly. tests/analysis/stats/test_bootstrap.py
simulates what each interval promises, docs/statistics.md has the figures.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from scipy.stats import t

from ganstudy.analysis.stats.estimate import (
    LEVEL,
    MIN_CONFIGURATIONS,
    NAN,
    Estimate,
    Floats,
    Scores,
)
from ganstudy.analysis.stats.multiplicity import bonferroni_level

# The ends are quantiles at 2.5%, so 100 resamples lie beyond each. How many are enough is a guess:
# the error of an end by chance should be small beside the interval.
RESAMPLES = 4000
# Five resamples beyond either end are few, but only studies of 30,000 scores get so few, and their
# intervals are narrow.
MIN_RESAMPLES = 200
# 48 MB of scores at a time, and as much again for the indices.
MAX_DRAWN = 6_000_000
"""Of thousands of configurations fewer resamples are drawn, so that no more than this many scores
are.
"""
MIN_SEEDS = 6
"""Below this one configuration's interquartile mean over seeds has no interval, for the reason of
MIN_CONFIGURATIONS.
"""


def median_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Estimate the median over configurations of the median over seeds; percentile bootstrap over
    configurations and seeds.
    """
    configurations = len(scores)
    if not configurations:
        return Estimate(NAN)
    low, high = _percentiles(_resampled_medians(scores, rng), configurations, LEVEL)
    return Estimate(_median(scores), low, high, n=configurations)


def difference_of_medians(
    treated: Scores, control: Scores, rng: np.random.Generator, comparisons: int = 1
) -> Estimate:
    """Estimate the median of `treated` minus that of `control`, resampled independently; n is the
    smaller group.

    comparisons: how many such differences are looked at together. The intervals are widened
    (Bonferroni) so that all of them cover at once with LEVEL.
    """
    smaller, level = min(len(treated), len(control)), bonferroni_level(comparisons)
    if not smaller:
        return Estimate(NAN, level=level)
    # Diverged minus diverged is NaN, which _percentiles counts against both ends.
    with np.errstate(invalid="ignore"):
        value = float(np.float64(_median(treated)) - _median(control))
        differences = _resampled_medians(treated, rng) - _resampled_medians(control, rng)
    # Resamples of a group do not reach beyond its own values: the smaller one decides whether there
    # is an interval.
    low, high = _percentiles(differences, smaller, level)
    return Estimate(value, low, high, level, smaller)


def interquartile_mean_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Estimate the interquartile mean of all scores; bootstrap over configurations and seeds.

    Agarwal et al. 2021 (rliable), with their tasks as configurations, which are drawn here and so
    resampled too.
    """
    configurations = len(scores)
    if not configurations:
        return Estimate(NAN)
    value = float(interquartile_mean(scores.ravel()))
    if configurations < MIN_CONFIGURATIONS:
        return Estimate(value, n=configurations)
    # A percentile interval and not a normal one: the mean of few skewed scores is skewed itself.
    resampled = interquartile_mean(_resampled(scores, rng).reshape(-1, scores.size))
    low, high = _percentiles(resampled, configurations, _expanded_level(configurations))
    return Estimate(value, low, high, n=configurations)


def interquartile_mean(scores: Floats) -> Floats:
    """Return the mean of the middle half along the last axis; a score half inside counts half.

    Infinite where more than a quarter of the scores are. scipy's trim_mean agrees where a quarter
    of n is whole.
    """
    ordered = np.sort(scores, axis=-1)
    n = ordered.shape[-1]
    ends = np.clip(np.arange(n + 1), n / 4, 3 * n / 4)
    weights = np.diff(ends) / (n / 2)
    # Scores without weight are dropped and not multiplied: 0 times infinity is NaN, and the worst
    # quarter may have diverged.
    inside = weights > 1e-12
    mean: Floats = (ordered[..., inside] * weights[inside]).sum(axis=-1)
    return mean


def interquartile_mean_of_seeds(scores: Floats, rng: np.random.Generator) -> Estimate:
    """Estimate the interquartile mean of one configuration [S] over its seeds; bootstrap over them
    from MIN_SEEDS on.
    """
    seeds = len(scores)
    if not seeds:
        return Estimate(NAN, unit="seeds")
    value = float(interquartile_mean(scores))
    if seeds < MIN_SEEDS:
        return Estimate(value, n=seeds, unit="seeds")
    resampled = interquartile_mean(scores[rng.integers(seeds, size=(RESAMPLES, seeds))])
    low, high = _percentiles(resampled, seeds, _expanded_level(seeds))
    return Estimate(value, low, high, n=seeds, unit="seeds")


def _expanded_level(n: int) -> float:
    """Return the level at which a bootstrap percentile interval of a mean of n covers LEVEL
    (Hesterberg 2015, section 3.3).

    The bootstrap divides the variance by n where n - 1 is due, and takes the normal distribution
    for Student's.
    """
    widened = math.sqrt(n / (n - 1)) * float(t.ppf((1 + LEVEL) / 2, n - 1))
    return 2 * NormalDist().cdf(widened) - 1


def _median(scores: Scores) -> float:
    if np.isnan(scores).any():
        raise ValueError("a seed without a value ranks as infinity, but the scores hold NaN")
    return float(np.median(np.median(scores, axis=1)))


def _resampled_medians(scores: Scores, rng: np.random.Generator) -> Floats:
    # Medians on both levels: seeds that diverged are infinite, and one of them would make a mean
    # so.
    medians: Floats = np.median(np.median(_resampled(scores, rng), axis=2), axis=1)
    return medians


def _resampled(scores: Scores, rng: np.random.Generator) -> Scores:
    configurations, seeds = scores.shape
    resamples = max(MIN_RESAMPLES, min(RESAMPLES, MAX_DRAWN // scores.size))
    # Configurations are the independent units: drawing all scores alike would take the seeds of one
    # for as many units. Its seeds are drawn too, since they are a sample of those it might have
    # had.
    chosen = rng.integers(configurations, size=(resamples, configurations))
    replicates = rng.integers(seeds, size=(resamples, configurations, seeds))
    return scores[chosen[:, :, None], replicates]


def _percentiles(resampled: Floats, configurations: int, level: float) -> tuple[float, float]:
    """Return the ends of the interval; a resample that cannot be ranked counts against both."""
    if configurations < MIN_CONFIGURATIONS:
        return NAN, NAN
    tail = (1 - level) / 2
    unknown = np.isnan(resampled)
    # A resampled value itself: between a finite one and infinity nothing can be interpolated.
    low = np.quantile(np.where(unknown, -np.inf, resampled), tail, method="inverted_cdf")
    high = np.quantile(np.where(unknown, np.inf, resampled), 1 - tail, method="inverted_cdf")
    return float(low), float(high)

"""Bootstrap intervals of interquartile means, over configurations or over seeds.

Every function takes its random generator explicitly. tests/analysis/stats/test_bootstrap.py
simulates what each promises, docs/statistics-appendix.md has the figures.
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

# The ends are quantiles at 2.5%, so 100 resamples lie beyond each. How many are enough is a guess:
# the error of an end by chance should be small beside the interval.
RESAMPLES = 4000
# Five resamples beyond either end are few, but only studies of 30,000 scores get so few, and their
# intervals are narrow.
MIN_RESAMPLES = 200
# 48 MB of scores at a time.
MAX_DRAWN = 6_000_000
"""Of thousands of configurations fewer resamples are drawn, so that no more than this many scores
are.
"""
MIN_SEEDS = 6
"""Below this one configuration's interquartile mean over seeds has no interval, for the reason of
MIN_CONFIGURATIONS.
"""


def interquartile_mean_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Estimate the interquartile mean of all scores [C, S] on these seeds.

    The interval is a bootstrap over configurations.

    Agarwal et al. 2021 (rliable), with their tasks as configurations, which are drawn here and so
    resampled. Seeds are not: all configurations share them, so that they are few, and what one does
    to all configurations would be drawn anew for each (docs/statistics-appendix.md).
    """
    configurations = len(scores)
    if not configurations:
        return Estimate(NAN)
    value = float(interquartile_mean(scores.ravel()))
    if configurations < MIN_CONFIGURATIONS:
        return Estimate(value, n=configurations)
    # A percentile interval and not a normal one: the mean of few skewed scores is skewed itself.
    resamples = max(MIN_RESAMPLES, min(RESAMPLES, MAX_DRAWN // scores.size))
    chosen = rng.integers(configurations, size=(resamples, configurations))
    resampled = interquartile_mean(scores[chosen].reshape(resamples, -1))
    low, high = _percentiles(resampled, _expanded_level(configurations))
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
    """Estimate the interquartile mean of one configuration [S] over its seeds.

    The interval is a bootstrap over seeds, from MIN_SEEDS of them on.
    """
    seeds = len(scores)
    if not seeds:
        return Estimate(NAN, unit="seeds")
    value = float(interquartile_mean(scores))
    if seeds < MIN_SEEDS:
        return Estimate(value, n=seeds, unit="seeds")
    resampled = interquartile_mean(scores[rng.integers(seeds, size=(RESAMPLES, seeds))])
    low, high = _percentiles(resampled, _expanded_level(seeds))
    return Estimate(value, low, high, n=seeds, unit="seeds")


def _expanded_level(n: int) -> float:
    """Return the level at which a bootstrap percentile interval of a mean of n covers LEVEL.

    Hesterberg 2015, section 3.3. The bootstrap divides the variance by n where n - 1 is due, and
    takes the normal distribution for Student's.
    """
    widened = math.sqrt(n / (n - 1)) * float(t.ppf((1 + LEVEL) / 2, n - 1))
    return 2 * NormalDist().cdf(widened) - 1


def _percentiles(resampled: Floats, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    # A resampled value itself: between a finite one and infinity nothing can be interpolated.
    low, high = np.quantile(resampled, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)

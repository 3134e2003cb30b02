"""Correlations: of seeds within a configuration, and of ranks."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f, norm, rankdata, t

from ganstudy.analysis.stats.estimate import LEVEL, NAN, Estimate, Floats, Scores
from ganstudy.analysis.stats.multiplicity import bonferroni_level

MIN_FOR_INTRACLASS = 12
"""Configurations below which the intraclass correlation has no interval; with six, ranks on two
seeds cover 86%.
"""
NEAR_ONE = 0.8
"""An intraclass correlation whose interval reaches this may be anything up to 1: ranks of a finite
number of configurations lose more by the rest of the noise than scores do, and pull it down."""
# The smallest number whose coverage is simulated (docs/statistics-over-time.md): Fisher's
# transformation makes correlations normal only for larger n.
MIN_FOR_SPEARMAN = 10
"""Pairs of values below which Spearman's correlation has no interval."""
ALMOST_ONE = 1 - 1e-9
"""Fisher's transformation of a correlation of 1 is infinite."""


def normal_scores(values: Floats) -> Floats:
    """Return Blom's normal scores of the ranks of [N]; ties share theirs, infinities too."""
    # Blom's 3/8 and 1/4 keep the quantiles off 0 and 1, whose normal scores are infinite.
    quantiles = (rankdata(values) - 0.375) / (len(values) + 0.25)
    unique, positions = np.unique(quantiles, return_inverse=True)
    scores: Floats = np.array([NormalDist().inv_cdf(q) for q in unique])[positions]
    return scores


def is_crossed(scores: Scores) -> bool:
    """Return whether every configuration of [C, S] scores that has two seeds or more has them all."""
    present = ~np.isnan(scores)
    return bool(present[present.sum(axis=1) >= 2].all())


F_LEVEL = 0.96
"""Of the F distribution, for an interval of 95%: ranks lose to noise what scores do not, and with F
at 95% the share of variance was covered in 93.4% of 1,500 studies (12 configurations, three seeds).
"""


def intraclass_correlation(scores: Scores) -> Estimate:
    """Estimate the intraclass correlation of [C, S] scores.

    It is the share of their variance that lies between configurations.

    Of the normal scores of the ranks, so that divergence counts as worst and one huge FID does not
    decide. Where all configurations have the same seeds, they are ranked seed by seed, which sets
    apart what a seed does to all of them alike (ICC(3,1) of Shrout & Fleiss 1979): of the variance
    that is left. Else (NaN where a seed is missing) all together, ICC(1), in which that is part of
    the variance within configurations, with the mean number of seeds of unequal groups (Searle
    1971). Interval from the F distribution; n is the number of configurations with two seeds or
    more.
    """
    present = ~np.isnan(scores)
    enough = present.sum(axis=1) >= 2
    scores, present = scores[enough], present[enough]
    configurations = len(scores)
    if configurations < 2:
        return Estimate(NAN, n=configurations)
    sizes = present.sum(axis=1)
    total = int(sizes.sum())
    if is_crossed(scores):
        normal = np.stack([normal_scores(seed) for seed in scores.T], axis=1)
        # Ranking seed by seed takes out the seeds' means, at the cost of S - 1 degrees of freedom.
        rest = (configurations - 1) * (scores.shape[1] - 1)
    else:
        normal = np.full(scores.shape, np.nan)
        normal[present] = normal_scores(scores[present])
        rest = total - configurations
    means = np.nanmean(normal, axis=1)
    between = float((sizes * (means - np.nanmean(normal)) ** 2).sum()) / (configurations - 1)
    within = float(np.nansum((normal - means[:, None]) ** 2)) / rest
    # All scores are tied: there is no variance to divide up.
    if between == within == 0:
        return Estimate(NAN, n=configurations)
    # The mean number of seeds as unequal groups need it (Searle 1971); S where all have S.
    size = (total - float((sizes**2).sum()) / total) / (configurations - 1)

    def correlation(ratio: float) -> float:
        # Below 0 where seeds differ more than configurations by chance, which no share of a
        # variance does.
        return 1.0 if math.isinf(ratio) else min(1.0, max(0.0, (ratio - 1) / (ratio - 1 + size)))

    ratio = between / within if within > 0 else math.inf
    if configurations < MIN_FOR_INTRACLASS:
        return Estimate(correlation(ratio), n=configurations)
    least = f.ppf((1 + F_LEVEL) / 2, configurations - 1, rest)
    most = f.ppf((1 + F_LEVEL) / 2, rest, configurations - 1)
    low, high = correlation(ratio / least), correlation(ratio * most)
    return Estimate(correlation(ratio), low, high if high < NEAR_ONE else 1.0, n=configurations)


def spearman(x: ArrayLike, y: ArrayLike, comparisons: int = 1) -> Estimate:
    """Estimate Spearman's correlation with an interval by Fisher's transformation.

    Its variance is that of Bonett & Wright (2000).

    comparisons: how many are looked at together; the intervals are then simultaneous (Bonferroni).
    """
    level = bonferroni_level(comparisons)
    ranks = [rankdata(np.asarray(values, dtype=float)) for values in (x, y)]
    n = len(ranks[0])
    if n < 3 or any(np.ptp(values) == 0 for values in ranks):
        return Estimate(NAN, level=level, n=n)
    value = float(np.corrcoef(*ranks)[0, 1])
    if n < MIN_FOR_SPEARMAN:
        return Estimate(value, level=level, n=n)
    z = float(norm.ppf(1 - (1 - LEVEL) / (2 * comparisons)))
    middle = math.atanh(max(-ALMOST_ONE, min(ALMOST_ONE, value)))
    # Ranks vary more than values do: without 1 + r^2 / 2, the interval of a strong correlation is
    # too narrow.
    half = z * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Estimate(value, math.tanh(middle - half), math.tanh(middle + half), level, n)


def pearson(first: Floats, second: Floats) -> float:
    """Return Pearson's correlation; NaN where one of the two does not vary."""
    first, second = first - first.mean(), second - second.mean()
    size = math.sqrt(float(first @ first) * float(second @ second))
    # Not above 0: of a column that a regression explains completely only rounding is left, whose
    # correlation means nothing.
    return float(first @ second) / size if size > 1e-9 else NAN


def fisher_interval(
    correlation: float, degrees: int, level: float, factor: float
) -> tuple[float, float]:
    """Return the ends of Fisher's interval of a correlation; NaN where `degrees` is 0.

    degrees: of freedom. factor: of the variance, 1 for Pearson's correlation. With Student's
    quantile for the normal one, since n is small.
    """
    if not degrees:
        return NAN, NAN
    z = math.atanh(max(-ALMOST_ONE, min(ALMOST_ONE, correlation)))
    half = float(t.ppf((1 + level) / 2, degrees)) * math.sqrt(factor / degrees)
    return math.tanh(z - half), math.tanh(z + half)


def fisher_p(correlation: float, degrees: int, factor: float) -> float:
    """Return the two-sided p-value of no correlation that belongs to fisher_interval."""
    z = math.atanh(max(-ALMOST_ONE, min(ALMOST_ONE, abs(correlation))))
    return 2 * float(t.sf(z / math.sqrt(factor / degrees), degrees))

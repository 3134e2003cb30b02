"""Intervals over configurations: the configuration is the unit, its seeds are replicates.

Arrays in, numbers out; every function takes its random generator explicitly.
tests/analysis/stats/test_intervals.py simulates what each interval promises, docs/statistics.md has
the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, chi2, f, rankdata, t

RESAMPLES = 4000
FEWEST_RESAMPLES, MOST_DRAWN = 200, 6_000_000
"""Of thousands of configurations fewer resamples are drawn, so that no more than this many scores
are.
"""
LEVEL = 0.95
MIN_CONFIGURATIONS = 6
"""Below this no interval is given. A bootstrap interval of a median reaches no further than the
data, and three configurations lie all on one side of the true median one time in four, five one
time in sixteen, six one time in thirty-two."""

Scores = NDArray[np.float64]
"""[C, S]: C configurations, S seeds; smaller is better, infinity where a seed has no value (it
diverged).
"""
NAN = float("nan")
MIN_FOR_SHARE_BETWEEN = 12
"""Configurations; with six, ranks on two seeds cover 86%."""
NEAR_ONE = 0.8
"""An intraclass correlation whose interval reaches this may be anything up to 1: ranks of a finite
number of configurations lose more by the rest of the noise than scores do, and pull it down."""
MIN_SEEDS = 6
"""Below this one configuration's median and interquartile mean over seeds have no interval, for the
same reason.
"""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and its n.

    value: infinite where the median falls on diverged seeds, NaN where there is none. low, high:
    infinite where the interval reaches diverged seeds, NaN where no interval can be given.
    """

    value: float
    low: float
    high: float
    configurations: int


def median_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Median over configurations of the median over seeds; percentile bootstrap over configurations
    and seeds.
    """
    if not len(scores):
        return Estimate(NAN, NAN, NAN, 0)
    return Estimate(
        _median(scores),
        *_percentiles(_resampled_medians(scores, rng), len(scores), LEVEL),
        len(scores),
    )


def difference_of_medians(
    treated: Scores, control: Scores, rng: np.random.Generator, comparisons: int = 1
) -> Estimate:
    """Median of `treated` minus that of `control`, resampled independently; n is the smaller group.

    comparisons: how many such differences are looked at together. The intervals are widened
    (Bonferroni) so that all of them hold at once at LEVEL.
    """
    smaller = min(len(treated), len(control))
    if not smaller:
        return Estimate(NAN, NAN, NAN, 0)
    with np.errstate(
        invalid="ignore"
    ):  # diverged minus diverged is not a number, and _percentiles knows
        value = float(np.float64(_median(treated)) - _median(control))
        differences = _resampled_medians(treated, rng) - _resampled_medians(control, rng)
    return Estimate(
        value, *_percentiles(differences, smaller, 1 - (1 - LEVEL) / comparisons), smaller
    )


def interquartile_mean_of_configurations(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Interquartile mean of all scores; bootstrap over configurations and seeds.

    Agarwal et al. 2021 (rliable), with their tasks as configurations, which are drawn here and so
    resampled too.
    """
    configurations = len(scores)
    if not configurations:
        return Estimate(NAN, NAN, NAN, 0)
    value = float(interquartile_mean(scores.ravel()))
    if configurations < MIN_CONFIGURATIONS:
        return Estimate(value, NAN, NAN, configurations)
    resampled = interquartile_mean(_resampled(scores, rng).reshape(-1, scores.size))
    return Estimate(
        value, *_percentiles(resampled, configurations, _expanded(configurations)), configurations
    )


def interquartile_mean(scores: Scores) -> Scores:
    """Mean of the middle half along the last axis; a score that lies half inside counts half.

    Infinite where more than a quarter of the scores are. scipy's trim_mean agrees where a quarter
    of n is whole.
    """
    ordered = np.sort(scores, axis=-1)
    n = ordered.shape[-1]
    ends = np.clip(np.arange(n + 1), n / 4, 3 * n / 4)
    weights = np.diff(ends) / (n / 2)
    inside = weights > 1e-12
    mean: Scores = (ordered[..., inside] * weights[inside]).sum(axis=-1)
    return mean


def median_of_seeds(scores: Scores) -> Estimate:
    """Median of one configuration [S] over its seeds, with the interval between order statistics; n
    is S.

    Exact for any distribution: the true median lies outside [kth lowest, kth highest] as often as
    fewer than k of S coins show heads, or tails (Hahn & Meeker 1991, section 5.2). With fewer than
    six seeds even the lowest and the highest enclose it less often than promised, and there is no
    interval.
    """
    seeds = len(scores)
    if not seeds:
        return Estimate(NAN, NAN, NAN, 0)
    ordered = np.sort(scores)
    inside = _inside(seeds)
    ends = (float(ordered[inside - 1]), float(ordered[seeds - inside])) if inside else (NAN, NAN)
    return Estimate(float(np.median(ordered)), *ends, seeds)


@cache
def _inside(n: int) -> int:
    """The least k with P(X <= k) >= the tail, X binomial of n coins; so P(X < k) is below it."""
    return int(binom.ppf((1 - LEVEL) / 2, n, 0.5))


def interquartile_mean_of_seeds(scores: Scores, rng: np.random.Generator) -> Estimate:
    """Interquartile mean of one configuration [S] over its seeds, bootstrap over them from
    MIN_SEEDS on.
    """
    seeds = len(scores)
    if not seeds:
        return Estimate(NAN, NAN, NAN, 0)
    value = float(interquartile_mean(scores))
    if seeds < MIN_SEEDS:
        return Estimate(value, NAN, NAN, seeds)
    resampled = interquartile_mean(scores[rng.integers(seeds, size=(RESAMPLES, seeds))])
    return Estimate(value, *_percentiles(resampled, seeds, _expanded(seeds)), seeds)


def share(
    counts: NDArray[np.int64], per_configuration: int | NDArray[np.int64], level: float = LEVEL
) -> Estimate:
    """Share of seeds with a property, from the number of such seeds in each configuration.

    per_configuration: how many seeds each has, or a number [C] where they differ; configurations
    count alike.

    Seeds of one configuration tend to share their fate, and counting them as independent would
    promise too much: see share_of_units, which this is with configurations as units.
    """
    shares = np.asarray(counts) / np.asarray(per_configuration)
    seeds = float(np.broadcast_to(per_configuration, shares.shape).sum())
    return share_of_units(shares, seeds, level)


def share_of_units(shares: Scores, most: float, level: float = LEVEL) -> Estimate:
    """Mean of shares [C] between 0 and 1, one per unit; n is C.

    Wilson's interval, with the number of independent seeds that the spread between units speaks for
    (Korn & Graubard 1998): C where every share is 0 or 1, at most `most`. One unit of each kind is
    added to the spread, so that units which happen to agree do not claim to know. Where the share
    is next to 0 or 1, the interval's inner end is Poisson's, since Wilson's covers too seldom there
    (Brown, Cai & DasGupta 2001, section 4.1.1).
    """
    units = len(shares)
    if not units:
        return Estimate(NAN, NAN, NAN, 0)
    p, n = float(shares.mean()), _independent(shares, most)
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = min(middle - half, _beside_zero(p, n, level))
    high = max(middle + half, 1 - _beside_zero(1 - p, n, level))
    # At 0 and 1 the ends are exactly 0 and 1; rounding may miss them by the last digit.
    return Estimate(p, min(p, max(0.0, low)), max(p, min(1.0, high)), units)


def _independent(shares: Scores, most: float) -> float:
    units = len(shares)
    cautious = np.append(shares, (0.0, 1.0))
    binary = float(cautious.mean() * (1 - cautious.mean())) * (units + 2) / (units + 1)
    return max(float(units), min(most, units * binary / float(cautious.var(ddof=1))))


def _beside_zero(p: float, n: float, level: float) -> float:
    near = 1e-9 < p * n <= (2 if n <= 50 else 3)
    return float(chi2.ppf(1 - level, 2 * p * n)) / (2 * n) if near else 1.0


@cache
def share_of_seeds(count: int, seeds: int) -> Estimate:
    """Share of one configuration's seeds, which are independent of each other; n is their number.

    Clopper and Pearson's interval, which covers at least as often as promised at any n and is wide
    at three.
    """
    if not seeds:
        return Estimate(NAN, NAN, NAN, 0)
    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, count, seeds - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, seeds - count)) if count < seeds else 1.0
    return Estimate(count / seeds, low, high, seeds)


def share_between_configurations(scores: Scores) -> Estimate:
    """Share of the variance of [C, S] scores that lies between configurations: the intraclass
    correlation.

    Of the normal scores of the ranks, so that divergence counts as worst and one huge FID does not
    decide. Where all configurations have the same seeds, they are ranked seed by seed, which sets
    apart what a seed does to all of them alike (ICC(3,1) of Shrout & Fleiss 1979); else (NaN where
    a seed is missing) all together, ICC(1) with the mean number of seeds of unequal groups (Searle
    1971). Interval from the F distribution; n is the number of configurations with two seeds or
    more.
    """
    present = ~np.isnan(scores)
    enough = present.sum(axis=1) >= 2
    scores, present = scores[enough], present[enough]
    configurations = len(scores)
    if configurations < 2:
        return Estimate(NAN, NAN, NAN, configurations)
    sizes = present.sum(axis=1)
    total = int(sizes.sum())
    if present.all():
        normal = np.stack([_normal_scores(seed) for seed in scores.T], axis=1)
        rest = (configurations - 1) * (scores.shape[1] - 1)
    else:
        normal = np.full(scores.shape, np.nan)
        normal[present] = _normal_scores(scores[present])
        rest = total - configurations
    means = np.nanmean(normal, axis=1)
    between = float((sizes * (means - np.nanmean(normal)) ** 2).sum()) / (configurations - 1)
    within = float(np.nansum((normal - means[:, None]) ** 2)) / rest
    if between == within == 0:
        return Estimate(NAN, NAN, NAN, configurations)
    size = (total - float((sizes**2).sum()) / total) / (configurations - 1)

    def correlation(ratio: float) -> float:
        return 1.0 if math.isinf(ratio) else min(1.0, max(0.0, (ratio - 1) / (ratio - 1 + size)))

    ratio = between / within if within > 0 else math.inf
    if configurations < MIN_FOR_SHARE_BETWEEN:
        return Estimate(correlation(ratio), NAN, NAN, configurations)
    least = f.ppf((1 + LEVEL) / 2, configurations - 1, rest)
    most = f.ppf((1 + LEVEL) / 2, rest, configurations - 1)
    low, high = correlation(ratio / least), correlation(ratio * most)
    return Estimate(correlation(ratio), low, high if high < NEAR_ONE else 1.0, configurations)


def _normal_scores(values: Scores) -> Scores:
    """Blom's normal scores of the ranks; ties share theirs, infinities too."""
    quantiles = (rankdata(values) - 0.375) / (len(values) + 0.25)
    unique, places = np.unique(quantiles, return_inverse=True)
    scores: Scores = np.array([NormalDist().inv_cdf(q) for q in unique])[places]
    return scores


def _expanded(n: int) -> float:
    """Level at which a bootstrap percentile interval of a mean of n covers LEVEL (Hesterberg 2015,
    section 3.3).

    The bootstrap divides the variance by n where n - 1 is due, and takes the normal distribution
    for Student's.
    """
    widened = math.sqrt(n / (n - 1)) * float(t.ppf((1 + LEVEL) / 2, n - 1))
    return 2 * NormalDist().cdf(widened) - 1


def _median(scores: Scores) -> float:
    if np.isnan(scores).any():
        raise ValueError("a seed without a value ranks as infinity, but the scores hold NaN")
    return float(np.median(np.median(scores, axis=1)))


def _resampled_medians(scores: Scores, rng: np.random.Generator) -> Scores:
    medians: Scores = np.median(np.median(_resampled(scores, rng), axis=2), axis=1)
    return medians


def _resampled(scores: Scores, rng: np.random.Generator) -> Scores:
    configurations, seeds = scores.shape
    resamples = max(FEWEST_RESAMPLES, min(RESAMPLES, MOST_DRAWN // scores.size))
    chosen = rng.integers(configurations, size=(resamples, configurations))
    replicates = rng.integers(seeds, size=(resamples, configurations, seeds))
    return scores[chosen[:, :, None], replicates]


def _percentiles(resampled: Scores, configurations: int, level: float) -> tuple[float, float]:
    """Ends of the interval; a resample that cannot be ranked counts against both of them."""
    if configurations < MIN_CONFIGURATIONS:
        return NAN, NAN
    tail = (1 - level) / 2
    unknown = np.isnan(resampled)
    low = np.quantile(np.where(unknown, -np.inf, resampled), tail, method="inverted_cdf")
    high = np.quantile(np.where(unknown, np.inf, resampled), 1 - tail, method="inverted_cdf")
    return float(low), float(high)


def over_seeds(scores: Scores) -> Scores:
    """Median of each row of [C, S], NaN left out; each row holds a number."""
    if not scores.size:
        return np.empty(len(scores))
    if not np.isnan(scores).any():
        medians: Scores = np.median(scores, axis=1)
        return medians
    ordered = np.sort(scores, axis=1)  # NaN goes last
    count = (~np.isnan(scores)).sum(axis=1)
    rows = np.arange(len(scores))
    middle: Scores = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    return middle


def rectangular(scores: Scores) -> Scores:
    """`scores`, or their medians over seeds [C, 1] where some configuration lacks a seed."""
    return over_seeds(scores)[:, None] if np.isnan(scores).any() else scores

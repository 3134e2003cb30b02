"""Two arms compared pair by pair: arrays of matched configurations in, effects with intervals out.

A pair is one configuration of either arm, alike in everything else as far as the study allows;
pairs are the unit, and the seeds that both of them were trained on are replicates. If the arms do
the same, a pair's difference is as likely to be d as -d, and everything here rests on that alone:
no normal distribution, no equal spread.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np

from ganstudy.analysis.stats.estimate import (
    LEVEL,
    MIN_CONFIGURATIONS,
    NAN,
    Comparison,
    Estimate,
    Floats,
    Scores,
)
from ganstudy.analysis.stats.order_statistics import median_over_seeds
from ganstudy.analysis.stats.proportions import clustered_proportion

EXACT_UP_TO = 60
"""Pairs; above, the normal approximation is as good to four digits."""


def pair_differences(treated: Scores, control: Scores) -> Floats:
    """Return [P] from [P, S] and [P, S]: per pair the median over the seeds that both were trained
    on of treated - control.

    Where both have diverged on a seed, there is no difference on it: 0. NaN is a seed that
    was not trained on; a pair without a common seed is compared by the medians of either side.
    """
    with np.errstate(invalid="ignore"):
        by_seed = treated - control
        by_seed[np.isinf(treated) & np.isinf(control)] = 0.0
        common = ~np.isnan(by_seed).all(axis=1)
        differences = np.zeros(len(treated))
        # The median of -inf and inf is NaN: one seed diverged in one arm, one in the other. 0.
        middle = median_over_seeds(by_seed[common])
        differences[common] = np.nan_to_num(middle, nan=0.0, posinf=np.inf, neginf=-np.inf)
        if not common.all():
            first, second = median_over_seeds(treated[~common]), median_over_seeds(control[~common])
            differences[~common] = np.where(np.isinf(first) & np.isinf(second), 0.0, first - second)
    return differences


def signed_rank(differences: Floats, level: float = LEVEL) -> Comparison:
    """Estimate the effect [P] over pairs, Hodges and Lehmann's (the median of the means of any two
    pairs' differences), with the interval and p of Wilcoxon's signed-rank test (Hollander & Wolfe
    1999, 3.1-3.3).

    Exact at any n if the differences lie symmetrically about the effect, which two arms that differ
    by a shift make true whatever the scores' distribution. A pair in which one side alone diverged
    counts as the largest finite difference seen. No interval where that many pairs cannot cover as
    often as promised; p is at most 1 - level exactly where the interval excludes 0.
    """
    n = len(differences)
    if not n:
        return Comparison(Estimate(NAN, level=level, unit="pairs"), NAN, "signed-rank")
    finite = np.abs(differences[np.isfinite(differences)])
    most = float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
    # Infinite differences have no means. Capped, they keep the first or last rank, and that is all
    # that the test uses of them.
    capped = np.clip(differences, -most, most)
    # With each difference itself among the means: their signs give Wilcoxon's statistic, so that
    # test and interval always agree.
    first, second = np.triu_indices(n)
    means = np.sort((capped[first] + capped[second]) / 2)
    effect = Estimate(float(np.median(means)), level=level, n=n, unit="pairs")
    # A mean of exactly 0 (both diverged) speaks against either sign.
    fewer = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * _signed_rank_cdf(fewer, n))
    outside = _means_outside((1 - level) / 2, n)
    if outside is None or n < MIN_CONFIGURATIONS:
        return Comparison(effect, p, "signed-rank")
    low, high = float(means[outside]), float(means[len(means) - 1 - outside])
    effect = Estimate(effect.value, low, high, level, n, "pairs")
    return Comparison(effect, p, "signed-rank", 1 - 2 * _signed_rank_cdf(outside, n))


def _signed_rank_cdf(statistic: int, n: int) -> float:
    """Return P(W <= statistic) of the signed-rank statistic of n differences that are as likely
    positive as negative.
    """
    if n <= EXACT_UP_TO:
        return float(_cumulative(n)[statistic])
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    # Continuity correction: the statistic is a whole number.
    return NormalDist().cdf((statistic + 0.5 - mean) / sd)


def _means_outside(tail: float, n: int) -> int | None:
    """Return how many of the sorted means lie outside the interval at either end; None where even
    one is too many.

    The interval from the (k+1)th lowest to the (k+1)th highest misses the effect on one side with
    P(W <= k).
    """
    if n <= EXACT_UP_TO:
        return (
            int(np.searchsorted(_cumulative(n), tail, side="right")) - 1
            if _cumulative(n)[0] <= tail
            else None
        )
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return math.floor(mean + NormalDist().inv_cdf(tail) * sd - 0.5)


@cache
def _cumulative(n: int) -> Floats:
    """Return P(W <= w) for w = 0, 1, ...: the number of subsets of 1..n whose sum is at most w, over
    2^n.
    """
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1.0
    for rank in range(1, n + 1):
        counts[rank:] = counts[rank:] + counts[:-rank]
    cumulative: Floats = np.cumsum(counts) / 2.0**n
    return cumulative


def probability_of_improvement(treated: Scores, control: Scores, level: float = LEVEL) -> Estimate:
    """Estimate P(a seed of the treated side scores better than one of its pair's control side),
    ties counting half.

    Agarwal et al. 2021 (rliable), eq. 2: the Mann-Whitney statistic of all S x S comparisons in a
    pair, averaged over pairs [P, S]; interval of proportions.clustered_proportion, none below
    MIN_CONFIGURATIONS.
    """
    if not len(treated):
        return Estimate(NAN, level=level, unit="pairs")
    first, second = treated[:, :, None], control[:, None, :]
    known = ~(np.isnan(first) | np.isnan(second))
    better = np.where(known, (first < second) + 0.5 * (first == second), 0.0).sum(axis=(1, 2))
    # Averaged within a pair first: pairs are the units, however many seeds they share.
    wins = better / known.sum(axis=(1, 2))
    estimate = clustered_proportion(wins, float(wins.size * treated.shape[1]), level, "pairs")
    return estimate if len(treated) >= MIN_CONFIGURATIONS else estimate.without_interval()


def difference_of_proportions(treated: Scores, control: Scores, level: float = LEVEL) -> Estimate:
    """Estimate the difference of the probabilities that a seed fails, over pairs; [P, S] of 0 and 1,
    NaN where not trained.

    Newcombe 1998 (method 10 of his second paper): from the two shares' own intervals, narrower
    the more the two sides of a pair share their fate. No interval below MIN_CONFIGURATIONS.
    """
    n = len(treated)
    if not n:
        return Estimate(NAN, level=level, unit="pairs")
    first, second = np.nanmean(treated, axis=1), np.nanmean(control, axis=1)
    one = clustered_proportion(first, float((~np.isnan(treated)).sum()), level)
    other = clustered_proportion(second, float((~np.isnan(control)).sum()), level)
    value = one.value - other.value
    if n < MIN_CONFIGURATIONS:
        return Estimate(value, level=level, n=n, unit="pairs")
    # Where the two sides share their fate, their difference varies less than two independent
    # shares.
    spread = float(first.std() * second.std())
    correlation = (
        max(0.0, float(((first - one.value) * (second - other.value)).mean()) / spread)
        if spread > 0
        else 0.0
    )
    # Less one standard error: a correlation seen by chance would make the interval too narrow.
    correlation = max(0.0, correlation - 1 / math.sqrt(n))

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up**2 - 2 * correlation * up * down + down**2))

    low = value - reach(one.value - one.low, other.high - other.value)
    high = value + reach(one.high - one.value, other.value - other.low)
    return Estimate(value, max(-1.0, low), min(1.0, high), level, n, "pairs")

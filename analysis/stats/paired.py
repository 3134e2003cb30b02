"""Two arms compared pair by pair: arrays of matched configurations in, effects with intervals out.

A pair is one configuration of either arm, alike in everything else as far as the study allows;
pairs are the unit, and the seeds that both of them were trained on are replicates. If the arms do
the same, a pair's difference is as likely to be d as -d, and everything here rests on that alone:
no normal distribution, no equal spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ganstudy.analysis.stats.intervals import (
    LEVEL,
    MIN_CONFIGURATIONS,
    NAN,
    Estimate,
    Scores,
    over_seeds,
    share_of_units,
)

EXACT_UP_TO = 60
"""Pairs; above, the normal approximation is as good to four digits."""


@dataclass(frozen=True)
class Paired:
    """An effect over pairs."""

    value: float
    """Hodges and Lehmann's: the median of the means of any two pairs' differences."""
    low: float
    high: float
    """NaN where no interval of that many pairs covers as often as promised."""
    p: float
    """Two-sided, of no difference; NaN without pairs. At most 1 - level exactly where the interval
    excludes 0.
    """
    pairs: int


def pair_differences(treated: Scores, control: Scores) -> Scores:
    """[P] from [P, S] and [P, S]: per pair the median over the seeds that both were trained on of
    treated - control.

    Where both have diverged on a seed, there is no difference on it: 0. NaN stands for a seed that
    was not trained on; a pair without a common seed is compared by the medians of either side.
    """
    with np.errstate(invalid="ignore"):
        by_seed = treated - control
        by_seed[np.isinf(treated) & np.isinf(control)] = 0.0
        common = ~np.isnan(by_seed).all(axis=1)
        differences = np.zeros(len(treated))
        differences[common] = _middle(by_seed[common])
        if not common.all():
            first, second = over_seeds(treated[~common]), over_seeds(control[~common])
            differences[~common] = np.where(np.isinf(first) & np.isinf(second), 0.0, first - second)
    return differences


def _middle(by_seed: Scores) -> Scores:
    """Median over seeds; of -inf and inf, 0: one seed diverged in one arm, one in the other."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(over_seeds(by_seed), nan=0.0, posinf=np.inf, neginf=-np.inf)


def signed_rank(differences: Scores, level: float = LEVEL) -> Paired:
    """Effect [P] over pairs with the interval and p of Wilcoxon's signed-rank test (Hollander &
    Wolfe 1999, 3.1-3.3).

    Exact at any n if the differences lie symmetrically about the effect, which two arms that differ
    by a shift make true whatever the scores' distribution. A pair in which one side alone diverged
    counts as the largest finite difference seen.
    """
    n = len(differences)
    if not n:
        return Paired(NAN, NAN, NAN, NAN, 0)
    finite = np.abs(differences[np.isfinite(differences)])
    most = float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
    capped = np.clip(differences, -most, most)
    first, second = np.triu_indices(n)
    means = np.sort((capped[first] + capped[second]) / 2)
    value = float(np.median(means))
    # A mean of exactly 0 (both diverged) speaks against either sign.
    fewer = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * _at_most(fewer, n))
    outside = _outside((1 - level) / 2, n)
    if outside is None or n < MIN_CONFIGURATIONS:
        return Paired(value, NAN, NAN, p, n)
    return Paired(value, float(means[outside]), float(means[len(means) - 1 - outside]), p, n)


def _at_most(statistic: int, n: int) -> float:
    """P(W <= statistic) of the signed-rank statistic of n differences that are as likely positive
    as negative.
    """
    if n <= EXACT_UP_TO:
        return float(_cumulative(n)[statistic])
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return NormalDist().cdf((statistic + 0.5 - mean) / sd)


def _outside(tail: float, n: int) -> int | None:
    """How many of the sorted means lie outside the interval at either end; None where even one is
    too many.

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
def _cumulative(n: int) -> NDArray[np.float64]:
    """P(W <= w) for w = 0, 1, ...: the number of subsets of 1..n whose sum is at most w, over 2^n."""
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1.0
    for rank in range(1, n + 1):
        counts[rank:] = counts[rank:] + counts[:-rank]
    cumulative: NDArray[np.float64] = np.cumsum(counts) / 2.0**n
    return cumulative


def probability_of_improvement(treated: Scores, control: Scores, level: float = LEVEL) -> Estimate:
    """P(a seed of the treated side scores better than one of its pair's control side), ties
    counting half.

    Agarwal et al. 2021 (rliable), eq. 2: the Mann-Whitney statistic of all S x S comparisons in a
    pair, averaged over pairs [P, S]; interval as intervals.share_of_units has it, none below
    MIN_CONFIGURATIONS.
    """
    if not len(treated):
        return Estimate(NAN, NAN, NAN, 0)
    first, second = treated[:, :, None], control[:, None, :]
    known = ~(np.isnan(first) | np.isnan(second))
    wins = np.where(known, (first < second) + 0.5 * (first == second), 0.0).sum(
        axis=(1, 2)
    ) / known.sum(axis=(1, 2))
    estimate = share_of_units(wins, float(wins.size * treated.shape[1]), level)
    if len(treated) < MIN_CONFIGURATIONS:
        return Estimate(estimate.value, NAN, NAN, estimate.configurations)
    return estimate


def difference_of_shares(treated: Scores, control: Scores, level: float = LEVEL) -> Estimate:
    """Difference of the probabilities that a seed is lost, over pairs; [P, S] of 0 and 1, NaN where
    not trained.

    Newcombe 1998 (method 10 of his second paper): from the two shares' own intervals, narrower
    the more the two sides of a pair share their fate. No interval below MIN_CONFIGURATIONS.
    """
    n = len(treated)
    if not n:
        return Estimate(NAN, NAN, NAN, 0)
    first, second = np.nanmean(treated, axis=1), np.nanmean(control, axis=1)
    one, other = (
        _share(side, shares, level) for side, shares in ((treated, first), (control, second))
    )
    value = one.value - other.value
    if n < MIN_CONFIGURATIONS:
        return Estimate(value, NAN, NAN, n)
    spread = float(first.std() * second.std())
    together = (
        max(0.0, float(((first - one.value) * (second - other.value)).mean()) / spread)
        if spread > 0
        else 0.0
    )
    # Less one standard error: a correlation seen by chance would make the interval too narrow.
    together = max(0.0, together - 1 / math.sqrt(n))

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up**2 - 2 * together * up * down + down**2))

    low = value - reach(one.value - one.low, other.high - other.value)
    high = value + reach(one.high - one.value, other.value - other.low)
    return Estimate(value, max(-1.0, low), min(1.0, high), n)


def _share(lost: Scores, shares: Scores, level: float) -> Estimate:
    return share_of_units(shares, float((~np.isnan(lost)).sum()), level)

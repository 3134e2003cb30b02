"""What a handful of fresh seeds says about a configuration, or about two on the same seeds.

Arrays in, numbers out; smaller scores are better, infinity stands for a seed without a value. Few
seeds carry no bootstrap: the intervals here hold at n = 5, each at the level that it states.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

LEVEL = 0.95
LEAST_LEVEL = 0.9
"""Where the smallest and the largest score enclose the median with less than this, no interval is
given: below 5.
"""
SIGNIFICANT = 0.05
NAN = float("nan")

Seeds = NDArray[np.float64]
"""[S]: one score per seed."""


class Interval(NamedTuple):
    """An estimate; low and high are NaN where n is too small, and level is the coverage that they
    hold.
    """

    value: float
    low: float
    high: float
    level: float
    n: int


class Comparison(NamedTuple):
    """Of two arms on the same seeds: an interval of the difference, and the two-sided p-value of
    none.
    """

    value: float
    low: float
    high: float
    level: float
    p: float
    method: str
    """ "t", or "sign" where a seed has no value in either arm."""
    n: int


def median_interval(scores: Seeds) -> Interval:
    """Median over seeds with the exact interval between two order statistics (David and Nagaraja
    2003, sec. 7.1).

    It holds for any continuous distribution. The narrowest pair with at least LEVEL; else the
    smallest and the largest, whose level is 1 - 2**(1 - n): 93.75% of 5 seeds.
    """
    n = len(scores)
    if not n:
        return Interval(NAN, NAN, NAN, NAN, 0)
    inside = max(1, int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5)))
    while inside > 1 and _level(n, inside) < LEVEL:
        inside -= 1
    level, ordered = _level(n, inside), np.sort(scores)
    low, high = (ordered[inside - 1], ordered[n - inside]) if level >= LEAST_LEVEL else (NAN, NAN)
    return Interval(
        float(np.median(scores)), float(low), float(high), level if level >= LEAST_LEVEL else NAN, n
    )


def _level(n: int, inside: int) -> float:
    """With what probability the `inside`-th smallest and the `inside`-th largest of n enclose the
    median.
    """
    return float(1 - 2 * stats.binom.cdf(inside - 1, n, 0.5))


def mean_interval(values: Seeds) -> Interval:
    """Mean over seeds with Student's interval; NaN where a value is not finite or n is 1."""
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return Interval(NAN, NAN, NAN, NAN, n)
    half = float(special.stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / math.sqrt(n))
    return Interval(
        float(values.mean()), float(values.mean()) - half, float(values.mean()) + half, LEVEL, n
    )


def paired(treated: Seeds, control: Seeds) -> Comparison:
    """`treated` minus `control`, seed by seed: the mean by Student's t where every seed has a value
    in both.

    Where one has none, the median with its exact interval, and the sign test; a seed lost in both
    is a tie. Two arms that are alike differ symmetrically, so neither finds them unlike more often
    than it says.
    """
    n = len(treated)
    with np.errstate(invalid="ignore"):
        difference = treated - control
    difference = np.where(np.isnan(difference), 0.0, difference)
    if n >= 2 and np.isfinite(difference).all() and difference.std() > 0:
        t = difference.mean() / (difference.std(ddof=1) / math.sqrt(n))
        p = float(2 * special.stdtr(n - 1, -abs(t)))
        return Comparison(*mean_interval(difference)[:4], p, "t", n)
    told = difference[difference != 0]
    p = float(stats.binomtest(int((told < 0).sum()), len(told)).pvalue) if len(told) else 1.0
    return Comparison(*median_interval(difference)[:4], p, "sign", n)


def holm(p_values: Seeds) -> Seeds:
    """Adjusted p-values (Holm 1979): below 0.05 for a false finding in at most 5% of such families."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p_values[order]))
    return adjusted


def verdicts(adjusted: Seeds, effects: Seeds) -> NDArray[np.str_]:
    """better or worse, by the sign of the effect (smaller is better), where the adjusted p-value is
    below SIGNIFICANT; else open, as where it is NaN."""
    told: NDArray[np.str_] = np.where(
        adjusted < SIGNIFICANT, np.where(effects < 0, "better", "worse"), "open"
    )
    return told


def optimism(found: Seeds, fresh: NDArray[np.float64]) -> Interval:
    """How much worse configurations are on fresh seeds than the search's own figures said.

    found: [C], what the search said. fresh: [C, S], on the same S seeds for all. The median over
    configurations on each seed, then the median over seeds with its exact interval: what was found
    is a number and not a sample, so the seeds alone vary. Medians, since the search's figures are
    medians over seeds: against them the mean over seeds that sometimes collapse would look like
    optimism where there is none.
    """
    return median_interval(np.median(fresh - found[:, None], axis=0) if len(found) else np.empty(0))

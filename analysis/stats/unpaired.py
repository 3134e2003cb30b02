"""Difference between two groups of configurations that have nothing but their seeds in common."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

from ganstudy.analysis.stats.crossed.effect import MIN_SEEDS
from ganstudy.analysis.stats.estimate import LEVEL, Estimate, Floats, Scores
from ganstudy.analysis.stats.order_statistics import median, median_over_seeds

MEDIAN_OF_NORMAL = math.pi / 2
"""Variance of the median of many normal values, in that of their mean; of few it is smaller."""


def difference_of_medians(treated: Scores, control: Scores, *, same_seeds: bool) -> Estimate:
    """Estimate the median of `treated` [C, S] minus that of `control` [C, S].

    Either is a median over configurations of the median over seeds, and the difference holds for
    other configurations and other seeds; n is the smaller group.

    same_seeds: whether column s is the same seed on both sides; else the luck that a seed brings to
    all configurations differs between the sides.

    Either median's exact interval says how far configurations carry it, and Student's interval of
    the medians seed by seed how far seeds do; they add up in quadrature (Zou & Donner 2008). No
    interval below estimate.MIN_CONFIGURATIONS configurations or crossed.MIN_SEEDS seeds on either
    side, nor where the configurations' median falls on divergence on a seed.
    """
    one, other = (median(median_over_seeds(scores)) for scores in (treated, control))
    # Diverged minus diverged is NaN.
    value = one.value - other.value
    found = Estimate(value, n=min(one.n, other.n))
    by_seed = [median_over_seeds(scores.T) for scores in (treated, control)]
    if min(map(len, by_seed)) < MIN_SEEDS or not all(np.isfinite(m).all() for m in by_seed):
        return found
    seeds = _half_width([by_seed[0] - by_seed[1]]) if same_seeds else _half_width(by_seed)
    # math.hypot is infinite beside an infinite end, and NaN beside one that does not exist.
    low = value - math.hypot(one.value - one.low, other.high - other.value, seeds)
    high = value + math.hypot(one.high - one.value, other.value - other.low, seeds)
    return Estimate(value, low, high, n=found.n)


def _half_width(samples: list[Floats]) -> float:
    """Return half of Student's interval of a sum or difference of medians over each sample.

    The degrees of freedom are Welch's (1947).
    """
    variances = [float(sample.var(ddof=1)) / len(sample) for sample in samples]
    total = math.fsum(variances)
    if total == 0:
        return 0.0
    degrees = total**2 / math.fsum(
        variance**2 / (len(sample) - 1) for variance, sample in zip(variances, samples, strict=True)
    )
    return float(stdtrit(degrees, (1 + LEVEL) / 2)) * math.sqrt(MEDIAN_OF_NORMAL * total)

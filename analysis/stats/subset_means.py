"""Exact interval of the centre of a few paired differences, by the means of all their subsets.

If differences are symmetric about their centre, of any distribution, the centre is as likely to lie
between any two neighbours among the means of the 2^n - 1 subsets (Hartigan 1969, "Using subsample
values as typical values"): the interval holds the values that a sign-flip test of the mean does not
refuse.
"""

from __future__ import annotations

import math

import numpy as np

from ganstudy.analysis.stats.estimate import LEVEL, Estimate, Floats

MOST_LISTED = 16
"""Differences whose subsets are all listed; of more, as many as 16 have are drawn at random."""
SEED = 20260711


def symmetric_interval(differences: Floats, level: float = LEVEL) -> Estimate:
    """Estimate the centre of [S] differences by their mean, with the exact interval.

    The interval has at least `level`; it is NaN where so few differences cannot reach that, or one
    is not finite.
    """
    n = len(differences)
    mean = Estimate(float(np.mean(differences)) if n else math.nan, level=level, n=n, unit="seeds")
    if not n or not np.isfinite(differences).all():
        return mean
    subsets = 2.0 ** min(n, MOST_LISTED)
    outside = math.floor((1 - level) / 2 * subsets * (1 + 1e-12))
    if outside < 1:
        return mean
    means = np.sort(_subset_means(differences))
    low, high = float(means[outside - 1]), float(means[-outside])
    return Estimate(mean.value, low, high, 1 - 2 * outside / subsets, n, "seeds")


def _subset_means(values: Floats) -> Floats:
    """Return the means of all subsets that are not empty, 2^n - 1 of them."""
    n = len(values)
    if n > MOST_LISTED:
        # Random ones serve as well: the promise holds over their draw.
        chosen = np.random.default_rng(SEED).random((2**MOST_LISTED - 1, n)) < 0.5
        chosen[~chosen.any(axis=1), 0] = True
        means: Floats = chosen @ values / chosen.sum(axis=1)
        return means
    sums, sizes = np.zeros(1), np.zeros(1)
    for value in values:
        sums, sizes = np.append(sums, sums + value), np.append(sizes, sizes + 1)
    return np.asarray(sums[1:] / sizes[1:])

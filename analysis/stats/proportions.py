"""Intervals of proportions of seeds: independent ones, and ones that share a configuration.

docs/statistics-appendix.md has the simulated coverage of each.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from scipy.stats import beta, chi2

from ganstudy.analysis.stats.estimate import LEVEL, NAN, Estimate, Floats, Ints


def proportion_over_configurations(
    counts: Ints, per_configuration: int | Ints, level: float = LEVEL
) -> Estimate:
    """Estimate the proportion of seeds with a property from their number in each configuration.

    per_configuration: how many seeds each has, or a number [C] where they differ; configurations
    count alike. Seeds of one configuration tend to share their fate, and counting them as
    independent would promise too much: clustered_proportion with configurations as units.
    """
    shares = np.asarray(counts) / np.asarray(per_configuration)
    seeds = float(np.broadcast_to(per_configuration, shares.shape).sum())
    return clustered_proportion(shares, seeds, level)


def clustered_proportion(
    shares: Floats, seeds: float, level: float = LEVEL, unit: str = "configurations"
) -> Estimate:
    """Estimate the mean of shares [C] between 0 and 1, one per unit, of `seeds` seeds in all; n is C.

    Wilson's interval, with the number of independent seeds that the spread between units speaks for
    (Korn & Graubard 1998): C where every share is 0 or 1, at most `seeds`. One unit of each kind is
    added to the spread, so that units which happen to agree do not claim to know. Where the share
    is next to 0 or 1, the interval's inner end is Poisson's, since Wilson's covers too seldom there
    (Brown, Cai & DasGupta 2001, section 4.1.1).
    """
    units = len(shares)
    if not units:
        return Estimate(NAN, level=level, unit=unit)
    p, n = float(shares.mean()), _effective_sample_size(shares, seeds)
    # SciPy's binomtest(..).proportion_ci(method="wilson") takes whole numbers of seeds only.
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = min(middle - half, _poisson_end(p, n, level))
    high = max(middle + half, 1 - _poisson_end(1 - p, n, level))
    # At 0 and 1 the ends are exactly 0 and 1; rounding may miss them by the last digit.
    return Estimate(p, min(p, max(0.0, low)), max(p, min(1.0, high)), level, units, unit)


def _effective_sample_size(shares: Floats, seeds: float) -> float:
    units = len(shares)
    cautious = np.append(shares, (0.0, 1.0))
    binary = float(cautious.mean() * (1 - cautious.mean())) * (units + 2) / (units + 1)
    return max(float(units), min(seeds, units * binary / float(cautious.var(ddof=1))))


def _poisson_end(p: float, n: float, level: float) -> float:
    """Return Poisson's lower end for a share next to 0; 1, which bounds nothing, elsewhere."""
    # Up to two events, three in larger samples (Brown, Cai & DasGupta 2001). At 0 itself Wilson's
    # end is 0 already.
    near = 1e-9 < p * n <= (2 if n <= 50 else 3)
    return float(chi2.ppf(1 - level, 2 * p * n)) / (2 * n) if near else 1.0


@cache
def binomial_proportion(count: int, seeds: int) -> Estimate:
    """Estimate the proportion of one configuration's seeds, which are independent; n is their number.

    Clopper and Pearson's interval, which covers at least as often as promised at any n and is wide
    at three.
    """
    if not seeds:
        return Estimate(NAN, unit="seeds")
    # binomtest(..).proportion_ci(method="exact") searches for the same ends by root finding: 5e-13
    # off, and ten times as slow.
    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, count, seeds - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - tail, count + 1, seeds - count)) if count < seeds else 1.0
    return Estimate(count / seeds, low, high, n=seeds, unit="seeds")

"""How many configurations or seeds an effect needs to be found, and which effect n of them can find.

SciPy's power (scipy.stats.power) simulates a test, so its answers are random; statsmodels, which
has the t-test's in closed form, is no dependency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, chi2, norm
from scipy.stats import t as student

from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS, NAN
from ganstudy.analysis.stats.multiplicity import ALPHA

# Customary; nothing here depends on it but the numbers that are advised.
POWER = 0.8
MAX_UNITS = 1000
"""Configurations per group, or seeds: two arms that need more are better treated as equal."""
# Of two differences the standard deviation is unknown within a factor of 70 (95% interval).
MIN_PAIRED_SEEDS = 3
# A guess on the side of precision: points of the integral over chi-squared in _t_power.
QUANTILES = 2000


@dataclass(frozen=True)
class SampleSize:
    """How many units an effect needs to be found."""

    error: float = NAN
    """Standard error of the effect with the units there are."""
    detectable: float = NAN
    """The smallest true effect that these units find with POWER."""
    needed: float = NAN
    """Units (per group) if the truth is the observed effect."""
    needed_least: float = NAN
    """Units if the truth is the end of the interval that is farther from 0."""


def sample_size(effect: float, error: float, n: int, comparisons: int = 1) -> SampleSize:
    """Return the sample sizes for an effect with standard error `error` from n units (per group),
    one of so many `comparisons`.
    """
    if not (math.isfinite(effect) and math.isfinite(error)) or error <= 0:
        return SampleSize()
    z_level = float(norm.ppf(1 - ALPHA / (2 * comparisons)))
    z = z_level + float(norm.ppf(POWER))
    farther = abs(effect) + z_level * error

    def units(true: float) -> float:
        return n * (z * error / true) ** 2 if true > 0 else math.inf

    return SampleSize(error, z * error, units(abs(effect)), units(farther))


def median_error(values: ArrayLike) -> float:
    """Estimate the standard error of a median from the distance of two of the ordered values
    (McKean & Schrader 1984, with the exact level of Price & Bonett 2002).

    NaN below 6 values, infinite where they reach diverged ones.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    if n < MIN_CONFIGURATIONS:
        return math.nan
    rank = max(1, round((n + 1) / 2 - math.sqrt(n)))
    low, high = ordered[rank - 1], ordered[n - rank]
    if not math.isfinite(high):
        return math.inf
    z = float(norm.isf(binom.cdf(rank - 1, n, 0.5)))
    return float(high - low) / (2 * z)


def seeds_needed(differences: ArrayLike) -> tuple[float, float]:
    """Return (seeds, least): how many paired seeds a t-test needs to find a mean difference with
    POWER.

    seeds: if the truth is the mean over its standard deviation as observed. least: if it is the far
    end of the 95% interval of the mean. NaN below 3 seeds.
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < MIN_PAIRED_SEEDS or not np.isfinite(d).all() or d.std(ddof=1) == 0:
        return math.nan, math.nan
    spread, mean = float(d.std(ddof=1)), abs(float(d.mean()))
    far = mean + float(student.ppf(1 - ALPHA / 2, n - 1)) * spread / math.sqrt(n)
    return _paired_seeds(mean / spread), _paired_seeds(far / spread)


def _paired_seeds(standardised: float) -> float:
    """Return the fewest seeds at which a two-sided paired t-test has POWER; infinite beyond 100
    times MAX_UNITS.
    """
    low, high = 2, 2
    # `not >=` and not `<`: NaN must go on to the return of infinity.
    while not _t_power(standardised, high) >= POWER:
        low, high = high, 2 * high
        if high > 100 * MAX_UNITS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _t_power(standardised, middle) >= POWER else (middle, high)
    return float(high)


def _t_power(standardised: float, n: int) -> float:
    """Return the power of a two-sided paired t-test of n seeds at a mean in standard deviations."""
    # The noncentral t distribution by its definition, over quantiles of chi-squared: scipy's is NaN
    # in its far tails.
    spread = np.sqrt(chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, n - 1) / (n - 1))
    critical, shift = student.ppf(1 - ALPHA / 2, n - 1) * spread, standardised * math.sqrt(n)
    return float((norm.sf(critical - shift) + norm.cdf(-critical - shift)).mean())


def detectable(n: int) -> float:
    """Return the smallest mean, in standard deviations, that n paired seeds find with POWER."""
    low, high = 0.0, 1.0
    while _t_power(high, n) < POWER:
        high *= 2
    # 40 halvings make the bracket smaller than any digit that is shown.
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_power(middle, n) < POWER else (low, middle)
    return high

"""How many pairs or seeds an effect needs to be found, and which effect n of them can find.

SciPy's power (scipy.stats.power) simulates a test, so its answers are random; statsmodels, which
has the t-test's in closed form, is no dependency.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm
from scipy.stats import t as student

from ganstudy.analysis.stats.crossed.design import Design, Question, detectable
from ganstudy.analysis.stats.crossed.effect import CrossedMean
from ganstudy.analysis.stats.estimate import NAN
from ganstudy.analysis.stats.multiplicity import ALPHA
from ganstudy.trials.results.paired_seeds import fewest_seeds

# Customary; nothing here depends on it but the numbers that are advised.
POWER = 0.8
# A guess: more than any study can train.
MAX_UNITS = 1000
"""Pairs of configurations, or seeds; where more are needed, no plan is given."""
# Of two differences the standard deviation is unknown within a factor of 70 (95% interval).
MIN_PAIRED_SEEDS = 3
# A guess on the side of precision: points of the integral over chi-squared in _t_power.
QUANTILES = 2000


@dataclass(frozen=True)
class SampleSize:
    """How many units a conclusion takes: from the observed effect, or from a margin."""

    detectable: float = NAN
    """The smallest true effect that the present units find with POWER."""
    needed: float = NAN
    """Units if the truth is the observed effect; of a margin, to place the whole interval within it
    if there is no difference. Of pairs, on the present seeds. Infinite where no number within reach
    is enough."""
    needed_least: float = NAN
    """Units if the truth is the end of the interval that is farther from 0; of a margin, to find an
    effect as large as the margin."""
    seeds_instead: float = NAN
    """Seeds in each of the present pairs that would do as well as `needed` pairs; infinite where
    more seeds cannot."""
    design: Design | None = None
    """Of pairs: the fewest runs that would do, with at least the present pairs and seeds; None where
    nothing within reach would."""


def pairs_needed(
    effect: CrossedMean, comparisons: int = 1, margin: float | None = None
) -> SampleSize:
    """Return how many pairs, and how many seeds, find a matched effect.

    The effect is one of so many `comparisons`; it is planned from its own variances between pairs,
    between seeds and of the rest.

    margin: on the scale of the differences; where it is stated, it takes the place of the observed
    effect.
    """
    observed, variances, parts = effect.comparison.effect, effect.variances, effect.parts
    # From what carries no claim, no plan either: its variances are known by the order at best.
    if effect.no_claim or variances is None or parts is None or parts.error == 0:
        return SampleSize()
    level, size = 1 - ALPHA / comparisons, abs(observed.value)
    present = Design(observed.n, effect.seeds)
    if margin is None:
        asked = Question(variances, size, level, POWER)
        farther = Question(variances, size + parts.half_width(level), level, POWER)
    else:
        # Which is also enough to find an effect at the margin's edge: so there is an answer
        # whether the truth is no difference or one that matters.
        asked = Question(variances, margin, level, POWER, is_margin=True)
        farther = Question(variances, margin, level, POWER)
    return SampleSize(
        detectable=detectable(parts, level, POWER),
        needed=asked.fewest_pairs(effect.seeds),
        needed_least=farther.fewest_pairs(effect.seeds),
        seeds_instead=asked.fewest_seeds(observed.n),
        design=asked.cheapest(present),
    )


def _fewest(enough: Callable[[int], bool]) -> float:
    """Return the fewest units that are enough; infinite beyond 100 times MAX_UNITS."""
    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
        if high > 100 * MAX_UNITS:
            return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


def seeds_needed(
    differences: ArrayLike, comparisons: int = 1, margin: float | None = None
) -> SampleSize:
    """Return how many paired seeds it takes to find a mean difference.

    The difference is one of so many `comparisons`. There are as many seeds as a t-test needs, and
    at least as many as let the exact test be conclusive.

    margin: as in pairs_needed. Units are seeds. NaN below 3 seeds, where a difference is not
    finite, or all are the same.
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n < MIN_PAIRED_SEEDS or not np.isfinite(d).all() or d.std(ddof=1) == 0:
        return SampleSize()
    alpha = ALPHA / comparisons
    spread, mean = float(d.std(ddof=1)), abs(float(d.mean()))
    # The exact test, which decides, finds nothing with fewer; with more its power is nearly t's.
    fewest = fewest_seeds(comparisons)
    if margin is None:
        far = mean + float(student.ppf(1 - alpha / 2, n - 1)) * spread / math.sqrt(n)
        needed, least = _paired_seeds(mean / spread, alpha), _paired_seeds(far / spread, alpha)
    else:
        needed = _seeds_within(margin / spread, alpha)
        least = _paired_seeds(margin / spread, alpha)
    return SampleSize(
        detectable=_detectable(n, alpha) * spread if n >= fewest else math.inf,
        needed=max(fewest, needed),
        needed_least=max(fewest, least),
    )


def _paired_seeds(standardised: float, alpha: float = ALPHA) -> float:
    """Return the fewest seeds, at least two, at which a two-sided paired t-test has POWER."""
    return _fewest(lambda n: n >= 2 and _t_power(standardised, n, alpha) >= POWER)


def _seeds_within(margin: float, alpha: float) -> float:
    """Return the fewest seeds whose Student interval lies within a margin with POWER.

    The margin is in standard deviations, there is no difference, and the seeds are at least two.
    """
    return _fewest(lambda n: n >= 2 and _power_within(margin, n, alpha) >= POWER)


def _power_within(margin: float, n: int, alpha: float) -> float:
    """Return P(the Student interval of n seeds lies within the margin) where the mean is 0."""
    spread = np.sqrt(chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, n - 1) / (n - 1))
    room = margin * math.sqrt(n) - student.ppf(1 - alpha / 2, n - 1) * spread
    return float(np.maximum(2 * norm.cdf(room) - 1, 0).mean())


def _t_power(standardised: float, n: int, alpha: float) -> float:
    """Return the power of a two-sided paired t-test of n seeds at a mean in standard deviations."""
    # The noncentral t distribution by its definition, over quantiles of chi-squared: scipy's is NaN
    # in its far tails.
    spread = np.sqrt(chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, n - 1) / (n - 1))
    critical, shift = student.ppf(1 - alpha / 2, n - 1) * spread, standardised * math.sqrt(n)
    return float((norm.sf(critical - shift) + norm.cdf(-critical - shift)).mean())


def _detectable(n: int, alpha: float) -> float:
    """Return the smallest mean, in standard deviations, that n paired seeds find with POWER."""
    low, high = 0.0, 1.0
    while _t_power(high, n, alpha) < POWER:
        high *= 2
    # 40 halvings make the bracket smaller than any digit that is shown.
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_power(middle, n, alpha) < POWER else (low, middle)
    return high

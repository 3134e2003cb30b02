"""Simulate the power of a design: how often made-up studies find an effect of a given size.

The studies are analysed as a report analyses them.

A study that is balanced enters crossed_mean by four numbers alone: the mean and the mean squares of
pairs, seeds and rest. They are independent, normal and chi-squared where the parts are normal
(Scheffe 1959, 7.4), so that they are drawn instead of every difference; what is done with them is
that of analysis/stats/crossed/effect.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import chdtri, stdtrit

from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import MIN_SEEDS, Variances
from ganstudy.analysis.stats.estimate import LEVEL, MIN_CONFIGURATIONS, Floats

POWER = 0.8
STUDIES = 10_000
"""Made-up ones: a power of 80% is known to 0.4%, the smallest factor to about 0.003."""
SEED = 20261130
UPPER = 0.8
"""Confidence of the upper limit of a variance: planned from the estimate itself, half of all
designs would be too small.
"""
SIGN_STUDIES, MOST_FLIPPED, PRECISION = 1000, 10, 0.01
"""Of sign flips: made-up studies, seeds whose flips are all tried, and how near the effect is found."""
MIN_SINGLE_SEEDS = 5
"""Of a test at single configurations (analysis/tables/effects/remedies_by_seed.py)."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Estimates of one effect, which is 0, in many made-up studies of one design."""

    errors: Floats
    """[N] estimates; of an effect e they would be e + errors."""
    half_widths: Floats
    """[N] of their intervals."""

    def power(self, effect: float) -> float:
        """Return how often a true `effect` is found, in its own direction."""
        return float((self._needed < abs(effect)).mean())

    def smallest(self, power: float = POWER) -> float:
        """Return the smallest true effect that is found with `power`."""
        return float(np.quantile(self._needed, power))

    def equal(self, half_width: float) -> float:
        """Return how often the whole interval lies within a margin to either side of no effect."""
        return float((self._reach <= half_width).mean())

    def narrowest(self, power: float = POWER) -> float:
        """Return the narrowest margin within which the whole interval lies with `power`."""
        return float(np.quantile(self._reach, power))

    @property
    def _reach(self) -> Floats:
        """[N] how far from no effect the farther end of the interval is."""
        reach: Floats = np.abs(self.errors) + self.half_widths
        return reach

    @cached_property
    def _needed(self) -> Floats:
        """[N] the true effect beyond which each of the studies would find it."""
        needed: Floats = np.sort(self.half_widths - self.errors)
        return needed


# A plan asks for the same designs again and again, and two settings for the same.
@lru_cache(maxsize=64)
def made_studies(
    variances: Variances,
    design: Design,
    level: float = LEVEL,
    fewest: int = MIN_CONFIGURATIONS,
) -> Effects | None:
    """Return the estimates of made-up studies, in matched pairs that share their seeds.

    It is None where the design allows no claim.

    fewest: pairs that carry a claim; MIN_POINTS where each is the mean over a point of a design.
    """
    pairs, seeds = design.pairs, design.seeds
    if pairs < fewest or seeds < MIN_SEEDS:
        return None
    rng = np.random.default_rng(SEED)
    of_mean = variances.of_mean(pairs, seeds)
    errors = rng.normal(0, of_mean.error, STUDIES)

    def mean_squares(degrees: int, expected: float) -> Floats:
        return rng.chisquare(degrees, STUDIES) / degrees * expected

    of_pairs = mean_squares(pairs - 1, seeds * variances.pairs + variances.rest)
    of_seeds = mean_squares(seeds - 1, pairs * variances.seeds + variances.rest)
    of_rest = mean_squares((pairs - 1) * (seeds - 1), variances.rest)
    return Effects(errors, half_widths((of_pairs, of_seeds, of_rest), design, level))


def half_widths(
    mean_squares: tuple[Floats, Floats, Floats], design: Design, level: float
) -> Floats:
    """Return half the widths [N] of the intervals of crossed_mean.

    mean_squares: [N] each, of pairs, seeds and rest, in tables without missing cells.
    """
    of_pairs, of_seeds, of_rest = mean_squares
    pairs, seeds = design.pairs, design.seeds
    by_pairs, by_seeds = (-stdtrit(n - 1, (1 - level) / 2) for n in (pairs, seeds))
    # As many differences are pairs' as there are pairs: the parts of the mean's variance.
    parts = (
        by_pairs**2 * np.maximum(0, of_pairs - of_rest),
        by_seeds**2 * np.maximum(0, of_seeds - of_rest),
        max(by_pairs, by_seeds) ** 2 * of_rest,
    )
    found: Floats = np.sqrt(sum(parts) / (pairs * seeds))
    return found


def made_single_studies(variances: Variances, seeds: int, level: float = LEVEL) -> Effects | None:
    """Return the estimates of made-up studies of a single pair of configurations.

    They are compared by seed with Student's t (analysis/stats/few_seeds.py); None where the seeds
    are too few.

    What pairs vary is then part of the effect, which holds for these configurations alone.
    """
    if seeds < MIN_SINGLE_SEEDS:
        return None
    rng = np.random.default_rng(SEED)
    variance = variances.seeds + variances.rest
    errors = rng.normal(0, math.sqrt(variance / seeds), STUDIES)
    estimated = rng.chisquare(seeds - 1, STUDIES) / (seeds - 1) * variance
    quantile = -float(stdtrit(seeds - 1, (1 - level) / 2))
    return Effects(errors, quantile * np.sqrt(estimated / seeds))


@lru_cache(maxsize=16)
def smallest_by_signs(variances: Variances, seeds: int, comparisons: int) -> float | None:
    """Return the smallest effect in one pair of configurations that sign flips find with POWER.

    It is None where so few seeds can find nothing, corrected for the comparisons as by the first
    step of Holm's. The differences themselves are flipped, of which the report's places are ranks
    (analysis/stats/sign_flips.py).
    """
    level = (1 - LEVEL) / comparisons
    if 2.0 ** (1 - seeds) > level:
        return None
    rng = np.random.default_rng(SEED)
    errors = rng.normal(0, math.sqrt(variances.seeds + variances.rest), (SIGN_STUDIES, seeds))
    # Half of all flips: the others are their mirror images. Beyond MOST_FLIPPED seeds a part of them.
    flips = rng.choice([-1.0, 1.0], (2 ** (MOST_FLIPPED - 1), seeds))
    if seeds <= MOST_FLIPPED:
        numbers = np.arange(2 ** (seeds - 1))
        flips = 1.0 - 2.0 * ((numbers[:, None] >> np.arange(seeds)) & 1)

    def power(effect: float) -> float:
        found = errors + effect
        flipped, own = np.abs(found @ flips.T), np.abs(found.sum(axis=1))
        p = (flipped >= own[:, None] * (1 - 1e-9)).mean(axis=1)
        return float(((p <= level) & (found.mean(axis=1) > 0)).mean())

    low, high = 0.0, 20 * math.sqrt(variances.seeds + variances.rest)
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def upper_limits(found: Variances, design: Design, confidence: float = UPPER) -> Variances:
    """Return upper confidence limits of the variances that a study of `design` estimated.

    The rest by chi-squared; those of pairs and seeds, differences of two mean squares, by the
    modified large-sample limit (Graybill & Wang 1980).
    """
    pairs, seeds = design.pairs, design.seeds
    rest = ((pairs - 1) * (seeds - 1), found.rest)
    return Variances(
        pairs=_of_difference((pairs - 1, seeds * found.pairs + found.rest), rest, confidence)
        / seeds,
        seeds=_of_difference((seeds - 1, pairs * found.seeds + found.rest), rest, confidence)
        / pairs,
        rest=found.rest * (1 + _above(rest[0], confidence)),
    )


def _of_difference(
    larger: tuple[int, float], smaller: tuple[int, float], confidence: float
) -> float:
    """Return the upper limit of the difference of two expected mean squares (degrees, square)."""
    (degrees, square), (other_degrees, other) = larger, smaller
    below = 1 - other_degrees / float(chdtri(other_degrees, 1 - confidence))
    reach = math.hypot(_above(degrees, confidence) * square, below * other)
    return square - other + reach


def _above(degrees: int, confidence: float) -> float:
    """Return by how much of itself the upper limit of a mean square exceeds it."""
    return degrees / float(chdtri(degrees, confidence)) - 1

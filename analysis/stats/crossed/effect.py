"""Estimate the mean of matched differences [P, S] whose pairs and seeds are both random.

All pairs of configurations share the study's seeds, so that neither more pairs nor more seeds alone
make it certain.

d[p, s] = effect + pair_p + seed_s + rest_ps. The parts are estimated by analysis of variance
(Henderson's method 3; cells may be missing). Each part of the mean's variance is multiplied by
Student's quantile of its own degrees of freedom, as in Cochran & Cox (1950, section 4.14) for two
variances; what is left by the larger of the two. Satterthwaite's one number of degrees of freedom
is stated beside it and not used: of three seeds and 80 pairs its t finds an effect that is none in
8% of studies at 5%, in 4% at 1.7% (docs/operating-characteristics.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

from ganstudy.analysis.stats.estimate import (
    LEVEL,
    MIN_CONFIGURATIONS,
    NAN,
    Comparison,
    Estimate,
    Floats,
    Ints,
    Scores,
)

MIN_SEEDS = 3
"""Of two seeds the variance between seeds has a single degree of freedom: Student's quantile is 13."""
MIN_POINTS = 4
"""Of a design. Fewer than configurations elsewhere, as each is a mean over the other factors; what
false findings there are of so few is held by tests/analysis/stats/test_blocks.py.
"""
METHOD = "crossed t"
# Of variances that rounding alone makes other than 0.
NEGLIGIBLE = 1e-12
PSEUDO_RUNS = 2
"""Runs of either extreme that are added to the spread of bounded differences, as Agresti & Caffo
(2000) do: where all are alike, they still do not claim to know."""
# p-values below this are 0; of few degrees of freedom SciPy knows no quantiles much farther out.
LEAST_LOG_P = -50.0


class NoClaim(StrEnum):
    """Why an effect has no interval."""

    NOTHING = "no pair has a seed in common"
    FEW_SEEDS = f"fewer than {MIN_SEEDS} seeds"
    FEW_PAIRS = f"fewer than {MIN_CONFIGURATIONS} pairs of configurations"
    FEW_POINTS = f"fewer than {MIN_POINTS} points of the design"
    NOT_CROSSED = "too few seeds are common to several pairs"
    NO_SPREAD = "all differences are the same"


@dataclass(frozen=True)
class Variances:
    """Variances of a single difference by what they belong to; none is negative."""

    pairs: float
    """Between pairs of configurations, on every seed alike."""
    seeds: float
    """Between seeds, in every pair alike."""
    rest: float

    def of_mean(self, pairs: float, seeds: float, cells: float | None = None) -> Parts:
        """Return the parts of the variance of a mean over so many pairs and seeds, crossed."""
        cells = pairs * seeds if cells is None else cells
        return Parts(
            self.pairs / pairs, self.seeds / seeds, self.rest / cells, pairs - 1, seeds - 1
        )


@dataclass(frozen=True)
class Parts:
    """Parts of the variance of a mean of crossed differences."""

    pairs: float
    seeds: float
    rest: float
    pair_degrees: float
    """Of freedom."""
    seed_degrees: float

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return math.sqrt(self.pairs + self.seeds + self.rest)

    def half_width(self, level: float) -> float:
        """Return half the width of the interval at `level`."""
        return self._half_width(1 - level)

    def p_value(self, mean: float) -> float:
        """Return the two-sided p-value of a mean of 0.

        It is at most 1 - level exactly where the interval at that level excludes 0.
        """
        reach = abs(mean)
        if reach == 0:
            return 1.0
        if self._half_width(math.exp(LEAST_LOG_P)) < reach:
            return 0.0
        # Logarithms, since p-values span many orders of magnitude.
        log_p = brentq(lambda x: self._half_width(math.exp(x)) - reach, LEAST_LOG_P, 0.0, xtol=1e-9)
        return float(math.exp(log_p))

    def _half_width(self, alpha: float) -> float:
        by_pairs = -float(stdtrit(self.pair_degrees, alpha / 2))
        by_seeds = -float(stdtrit(self.seed_degrees, alpha / 2))
        larger = max(by_pairs, by_seeds)
        return math.hypot(
            by_pairs * math.sqrt(self.pairs),
            by_seeds * math.sqrt(self.seeds),
            larger * math.sqrt(self.rest),
        )


@dataclass(frozen=True)
class CrossedMean:
    """Mean of matched differences, with what its variance is made of."""

    comparison: Comparison
    """n counts the pairs; without an interval and with p NaN where `no_claim` says why."""
    seeds: int
    """Different seeds in the pairs."""
    cells: int
    """Differences: pairs times seeds where none is missing."""
    no_claim: NoClaim | None = None
    variances: Variances | None = None
    """None where they cannot be estimated."""
    parts: Parts | None = None
    degrees_of_freedom: float = NAN
    """Satterthwaite's (1946), of the standard error; between those of the seeds and of the cells."""


def matched_differences(treated: Scores, control: Scores) -> Scores:
    """Return treated - control by pair and seed [P, S], all finite.

    It is NaN where either was not trained on the seed.

    Diverged on both sides: no difference, 0. On one: as large as the largest finite one, which
    keeps differences symmetric about 0 where the sides are alike.
    """
    with np.errstate(invalid="ignore"):
        differences: Scores = treated - control
    differences[np.isinf(treated) & np.isinf(control)] = 0.0
    sizes = np.abs(differences[np.isfinite(differences)])
    largest = float(sizes.max()) if len(sizes) and sizes.max() > 0 else 1.0
    return np.clip(differences, -largest, largest)


def crossed_mean(
    differences: Scores, level: float = LEVEL, points: Ints | None = None
) -> CrossedMean:
    """Estimate the mean of [P, S] finite differences, with its interval and p-value.

    The interval is at `level`, and the p-value that of no effect. A cell that is missing is NaN.

    points: [P], of a design, where each pair was trained. Pairs of one point share what is special
    about it, so that the mean over them is one difference, and the unit is the point.
    """
    cells = _Cells.of(differences, points)
    variances, reason = _variances(cells)
    return _crossed_mean(cells, variances, reason, level)


def crossed_difference_of_shares(
    treated: Scores, control: Scores, level: float, points: Ints | None = None
) -> CrossedMean:
    """Estimate the difference of two shares, [P, S] of 0 and 1, NaN where not trained.

    That of crossed_mean, whose rest is at least what PSEUDO_RUNS more runs of either extreme would
    make it; the interval ends at -1 and 1.
    """
    cells = _Cells.of(treated - control, points)
    variances, reason = _variances(cells)
    if variances is not None:
        smoothed = np.append(cells.values, PSEUDO_RUNS * [-1.0, 1.0])
        rest = max(variances.rest, float(smoothed.var()))
        variances = Variances(variances.pairs, variances.seeds, rest)
        reason = None if reason is NoClaim.NO_SPREAD else reason
    made = _crossed_mean(cells, variances, reason, level)
    return _within(made, -1.0, 1.0)


def crossed_wins(
    treated: Scores, control: Scores, level: float = LEVEL, points: Ints | None = None
) -> Estimate:
    """Estimate P(a seed scores better on the treated side of its pair), ties counting half.

    Wilson's interval with as many independent runs as the spread over pairs and seeds speaks for
    (Korn & Graubard 1998). Next to 0 and 1, where there is no spread that could say so, no more
    than there are seeds (or pairs, if those are fewer).
    """
    with np.errstate(invalid="ignore"):
        wins = (treated < control) + 0.5 * (treated == control)
    known = ~(np.isnan(treated) | np.isnan(control))
    return crossed_share(np.where(known, wins, np.nan), level, points)


def crossed_share(values: Scores, level: float = LEVEL, points: Ints | None = None) -> Estimate:
    """Estimate the share of seeds with a property, [P, S] of 0 and 1, NaN where not known.

    The interval is that of crossed_wins.
    """
    cells = _Cells.of(values, points)
    variances, reason = _variances(cells)
    share = cells.mean
    estimate = Estimate(share, level=level, n=cells.pairs, unit=cells.unit)
    if variances is None or reason not in (None, NoClaim.NO_SPREAD):
        return estimate
    z = -float(ndtri((1 - level) / 2))
    half, spread = cells.parts(variances).half_width(level), share * (1 - share)
    fewest = min(cells.pairs, cells.seeds)
    independent = fewest + (cells.count - fewest) * 4 * spread
    if half > 0:
        independent = min(independent, spread * (z / half) ** 2)
    # A guess: less than half a run would make an interval of everything.
    independent = max(independent, 0.5)
    middle = (share + z**2 / (2 * independent)) / (1 + z**2 / independent)
    reach = z / (1 + z**2 / independent)
    reach *= math.sqrt(spread / independent + z**2 / (4 * independent**2))
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Estimate(share, min(share, low), max(share, high), level, cells.pairs, cells.unit)


@dataclass(frozen=True, eq=False)
class _Cells:
    """Differences by pair and seed, without the pairs and seeds that have none."""

    table: Scores
    """[P, S]; NaN where a cell is missing."""
    known: NDArray[np.bool_]
    """[P, S]"""
    unit: str
    few: NoClaim
    """Why there is no claim where there are fewer than `fewest`."""
    fewest: int

    @classmethod
    def of(cls, differences: Scores, points: Ints | None = None) -> _Cells:
        of_pairs = "pairs", NoClaim.FEW_PAIRS, MIN_CONFIGURATIONS
        unit, few, fewest = (
            of_pairs if points is None else ("points", NoClaim.FEW_POINTS, MIN_POINTS)
        )
        table = differences if points is None else _means(differences, points)
        known = ~np.isnan(table)
        rows, columns = known.any(axis=1), known.any(axis=0)
        return cls(table[rows][:, columns], known[rows][:, columns], unit, few, fewest)

    @property
    def pairs(self) -> int:
        return int(self.table.shape[0])

    @property
    def seeds(self) -> int:
        return int(self.table.shape[1])

    @property
    def count(self) -> int:
        return int(self.known.sum())

    @property
    def values(self) -> Floats:
        known: Floats = self.table[self.known]
        return known

    @property
    def mean(self) -> float:
        return float(self.values.mean()) if self.count else NAN

    def parts(self, variances: Variances) -> Parts:
        """Return the parts of the variance of the mean over these cells."""
        per_pair, per_seed = self.known.sum(axis=1), self.known.sum(axis=0)
        # As many equally filled pairs or seeds would give the mean the same variance.
        pairs = self.count**2 / float((per_pair**2).sum())
        seeds = self.count**2 / float((per_seed**2).sum())
        return variances.of_mean(pairs, seeds, self.count)


def _means(values: Scores, points: Ints) -> Scores:
    """Return the means of [P, S] over the pairs of each point, [points, S]; NaN where none is known."""
    labels, rows = np.unique(points, return_inverse=True)
    known = ~np.isnan(values)
    sums, counts = (np.zeros((len(labels), values.shape[1])) for _ in range(2))
    np.add.at(sums, rows, np.where(known, values, 0.0))
    np.add.at(counts, rows, known)
    with np.errstate(invalid="ignore"):
        means: Scores = sums / counts
    return means


def _variances(cells: _Cells) -> tuple[Variances | None, NoClaim | None]:
    """Return the variances, and why they carry no claim, if they do not."""
    if not cells.count:
        return None, NoClaim.NOTHING
    if cells.seeds < MIN_SEEDS:
        return None, NoClaim.FEW_SEEDS
    if cells.pairs < 2:
        return None, cells.few
    table = np.where(cells.known, cells.table - cells.mean, 0.0)
    per_pair, per_seed = cells.known.sum(axis=1), cells.known.sum(axis=0)
    within_pairs = np.where(cells.known, table - (table.sum(axis=1) / per_pair)[:, None], 0.0)
    within_seeds = np.where(cells.known, table - table.sum(axis=0) / per_seed, 0.0)
    # Seeds fitted beside pairs, by the normal equations from which the pairs are eliminated.
    filled = cells.known.astype(float)
    normal = np.diag(per_seed.astype(float)) - filled.T @ (filled / per_pair[:, None])
    right = within_pairs.sum(axis=0)
    fitted, _, rank, _ = np.linalg.lstsq(normal, right, rcond=1e-9)
    degrees = cells.count - cells.pairs - int(rank)
    if degrees < 1 or cells.count == cells.seeds:
        return None, NoClaim.NOT_CROSSED
    total = float((table**2).sum())
    rest = (float((within_pairs**2).sum()) - float(fitted @ right)) / degrees
    rest = rest if rest * degrees > NEGLIGIBLE * total else 0.0
    # Differences within a pair have the seeds' variance and the rest; within a seed the pairs'.
    seeds = float((within_pairs**2).sum()) / (cells.count - cells.pairs) - rest
    pairs = float((within_seeds**2).sum()) / (cells.count - cells.seeds) - rest
    least = NEGLIGIBLE * total / cells.count
    found = Variances(
        pairs=pairs if pairs > least else 0.0, seeds=seeds if seeds > least else 0.0, rest=rest
    )
    if cells.pairs < cells.fewest:
        return found, cells.few
    # Rounding leaves something of differences that are the same.
    largest = float(np.abs(cells.values).max())
    same = total <= NEGLIGIBLE * cells.count * max(largest, NEGLIGIBLE) ** 2
    return found, NoClaim.NO_SPREAD if same else None


def _crossed_mean(
    cells: _Cells, variances: Variances | None, reason: NoClaim | None, level: float
) -> CrossedMean:
    mean, parts, degrees, p = cells.mean, None, NAN, NAN
    effect = Estimate(mean, level=level, n=cells.pairs, unit=cells.unit)
    if variances is not None:
        parts = cells.parts(variances)
        degrees = _satterthwaite(cells, parts)
        if reason is None:
            half = parts.half_width(level)
            effect = Estimate(mean, mean - half, mean + half, level, cells.pairs, cells.unit)
            p = parts.p_value(mean)
    return CrossedMean(
        comparison=Comparison(effect, p, METHOD),
        seeds=cells.seeds,
        cells=cells.count,
        no_claim=reason,
        variances=variances,
        parts=parts,
        degrees_of_freedom=degrees,
    )


def _satterthwaite(cells: _Cells, parts: Parts) -> float:
    """Return the degrees of freedom of the sum of the mean squares that make the variance."""
    rest = max(1, cells.count - cells.pairs - cells.seeds + 1)
    squares = (
        (parts.pairs + parts.rest) ** 2 / parts.pair_degrees
        + (parts.seeds + parts.rest) ** 2 / parts.seed_degrees
        + parts.rest**2 / rest
    )
    return parts.error**4 / squares if squares > 0 else NAN


def _within(made: CrossedMean, least: float, most: float) -> CrossedMean:
    """Return the mean with an interval that ends at the bounds of what is averaged."""
    compared, effect = made.comparison, made.comparison.effect
    if not effect.has_interval:
        return made
    bounded = replace(effect, low=max(least, effect.low), high=min(most, effect.high))
    return replace(made, comparison=replace(compared, effect=bounded))

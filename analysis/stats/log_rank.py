"""Test whether groups of configurations differ in when an event comes that some seeds never had.

Seeds of one configuration share their fate, and the log-rank test counts them as independent. So
here it permutes configurations with all their seeds. Arrays in, numbers out;
tests/analysis/stats/test_kaplan_meier.py simulates what it promises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS, NAN, Floats, Ints
from ganstudy.analysis.stats.kaplan_meier import rounded_times

# With the observed order 5,000: the standard error of p = 5% is then 0.3%.
PERMUTATIONS = 4999
# Scores of so many configurations sum to nearly normal ones (5.3% false findings in simulations of
# 200), and permuting more takes long.
CHI_SQUARED_FROM = 200
"""From this many configurations on chi-squared replaces the permutations."""


@dataclass(frozen=True)
class LogRank:
    """Log-rank test of whether groups of configurations differ in when the event comes."""

    statistic: float
    """About chi-squared with groups - 1 degrees of freedom where they do not."""
    p: float
    """NaN where there are too few configurations, or no event."""
    configurations: int
    excess: Floats
    """Events beyond those expected, per group in the order of its number."""
    method: str
    """'permutation' or 'chi-squared'."""


def log_rank(
    times: Floats,
    happened: NDArray[np.bool_],
    configuration: Ints,
    group: Ints,
    rng: np.random.Generator,
) -> LogRank:
    """Test with the log-rank test (Mantel 1966; Peto & Peto 1972), the configuration as the unit.

    A group's events beyond those expected are the sum over its seeds of event minus pooled
    cumulative hazard at the seed's time. Summed per configuration instead, these scores are
    compared by which group has them: exactly, by permutation of the configurations, where they are
    few. group: 0, 1, ... per seed, equal within a configuration.
    """
    units, first, unit = np.unique(configuration, return_index=True, return_inverse=True)
    of_unit = np.asarray(group)[first]
    # Summed per configuration before anything is tested: seeds share their fate, and a test that
    # takes them as independent finds differences in 21.5% of studies without any
    # (docs/statistics-over-time.md).
    scores = np.bincount(unit, weights=residuals(times, happened), minlength=len(units))
    sizes = np.bincount(of_unit)
    excess: Floats = np.bincount(of_unit, weights=scores, minlength=len(sizes)).astype(float)
    spread = float((scores**2).sum())
    tested = int((sizes > 0).sum())
    # Without any event all scores are 0, and every permutation is like the observed order.
    if len(units) < MIN_CONFIGURATIONS or tested < 2 or spread < 1e-12:
        return LogRank(NAN, NAN, len(units), excess, "none")
    kept = sizes > 0

    def statistic(sums: Floats) -> Floats:
        value: Floats = (
            (len(units) - 1) * (sums[..., kept] ** 2 / sizes[kept]).sum(axis=-1) / spread
        )
        return value

    observed = float(statistic(excess))
    if len(units) >= CHI_SQUARED_FROM:
        return LogRank(
            observed, float(chi2.sf(observed, tested - 1)), len(units), excess, "chi-squared"
        )
    shuffled = rng.permuted(np.tile(scores, (PERMUTATIONS, 1)), axis=1)
    sums = np.stack([shuffled[:, of_unit == g].sum(axis=1) for g in range(len(sizes))], axis=1)
    # Permutations that equal the observed order but for rounding are ties, which count against it.
    as_large = int((statistic(sums) >= observed * (1 - 1e-9)).sum())
    # The observed order is one of the permutations, so that p is never 0.
    return LogRank(observed, (1 + as_large) / (1 + PERMUTATIONS), len(units), excess, "permutation")


def residuals(times: Floats, happened: NDArray[np.bool_]) -> Floats:
    """Return per seed its event (1 or 0) minus the pooled cumulative hazard at its time.

    These martingale residuals sum to 0.
    """
    times, grid = rounded_times(times)
    slot = (
        np.searchsorted(grid, times, side="right") - 1
    )  # an infinite time has met all of the hazard
    died = np.bincount(slot[happened], minlength=len(grid))[: len(grid)]
    watched = len(times) - np.searchsorted(np.sort(times), grid, side="left")
    hazard = np.cumsum(died / np.maximum(watched, 1))
    met: Floats = (
        np.where(slot >= 0, hazard[np.maximum(slot, 0)], 0.0) if len(grid) else np.zeros(len(times))
    )
    return happened.astype(float) - met

"""Effect of one arm against another in matched pairs.

The one place in which the interval and the p-value of a matched contrast are computed: whatever a
report says of k, of a remedy or of what would settle either comes from `matched_effect`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from ganstudy.analysis.stats.correlation import normal_scores
from ganstudy.analysis.stats.estimate import LEVEL, NAN, Comparison, Floats, Scores
from ganstudy.analysis.stats.paired import pair_differences, signed_rank

BREAKDOWN = 1 - math.sqrt(0.5)
"""Share of pairs with an infinite difference from which on Hodges and Lehmann's estimate, and its
standard error, are those of the cap instead of the data (Hodges 1967)."""


@dataclass(frozen=True)
class MatchedEffect:
    """An effect in matched pairs, and how its standard error falls with more of them."""

    comparison: Comparison
    """With smaller scores as better: an effect below 0 says that the treated side is better."""
    error: float
    """Standard error of the effect, that of its own interval; NaN where there is none to plan
    from."""
    seeds: float
    """Mean number of common seeds of a pair."""
    between: float
    """Variance of a pair's difference between pairs, in the units of `within`."""
    within: float
    """Variance of a single seed's difference within a pair."""

    def error_with(self, pairs: float, seeds: float) -> float:
        """Return the standard error that so many pairs of so many seeds would have."""
        now = (self.between + self.within / self.seeds) / max(1, self.comparison.effect.n)
        then = (self.between + self.within / seeds) / pairs
        return self.error * math.sqrt(then / now) if now > 0 else NAN


def matched_effect(treated: Scores, control: Scores, level: float = LEVEL) -> MatchedEffect:
    """Estimate the effect of the treated on the control side, [P, S] each, with its interval at
    `level`.
    """
    differences = pair_differences(treated, control)
    between, within, seeds = _variances(treated, control)
    return MatchedEffect(
        comparison=signed_rank(differences, level),
        error=_error(differences),
        seeds=seeds,
        between=between,
        within=within,
    )


def _error(differences: Floats) -> float:
    """Return the standard error of the effect: half its 95% interval, in the errors that it spans."""
    infinite = float(np.isinf(differences).mean()) if len(differences) else 1.0
    compared = signed_rank(differences)
    if infinite >= BREAKDOWN or not compared.effect.has_interval:
        return NAN
    # Few pairs reach only certain levels: of six the widest interval covers 96.9%. Student's
    # quantile, since the exact interval of few pairs is as wide as that of a t-test.
    tail = (1 - compared.attained_level) / 2
    errors = float(student.isf(tail, len(differences) - 1))
    return (compared.effect.high - compared.effect.low) / (2 * errors)


def _variances(treated: Scores, control: Scores) -> tuple[float, float, float]:
    """Return (between, within, seeds) of the differences by seed: one-way analysis of variance.

    Of the normal scores of their ranks, so that a seed that diverged on one side counts as the
    largest difference, and not as an infinite one.
    """
    with np.errstate(invalid="ignore"):
        by_seed = treated - control
    by_seed[np.isinf(treated) & np.isinf(control)] = 0.0
    known = ~np.isnan(by_seed)
    pairs = known.any(axis=1)
    per_pair = known[pairs].sum(axis=1)
    if not pairs.any():
        return NAN, NAN, NAN
    scores = np.full(by_seed.shape, np.nan)
    scores[known] = normal_scores(by_seed[known])
    seeds, several = float(per_pair.mean()), per_pair > 1
    means = np.nanmean(scores[pairs], axis=1)
    if len(means) < 2:
        return NAN, NAN, seeds
    # A single seed shows no variance within a pair: all of it then counts as that between pairs.
    within = float(np.nanvar(scores[pairs][several], axis=1, ddof=1).mean()) if several.any() else 0
    # By chance the means may spread less than seeds alone would make them; no variance is negative.
    between = max(0.0, float(means.var(ddof=1)) - within / seeds)
    return between, within, seeds

"""Effect of one arm against another in matched pairs that share their seeds.

The one place in which the interval and the p-value of a matched contrast are computed: whatever a
report says of k, of a remedy or of the sample size that either needs comes from here. Pairs and seeds are
both random (analysis/stats/crossed/effect.py), so that what is found holds for other settings and for other
seeds than the study's.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ganstudy.analysis.stats.crossed.effect import (
    CrossedMean,
    NoClaim,
    crossed_difference_of_shares,
    crossed_mean,
    matched_differences,
)
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, LEVEL, NAN, Estimate, Ints, Scores


def matched_effect(
    treated: Scores, control: Scores, level: float = LEVEL, points: Ints | None = None
) -> CrossedMean:
    """Estimate the effect of the treated on the control side, [P, S] each.

    The interval is at `level`; below 0 the treated side is better.

    points: [P], of a design; see crossed_mean.
    """
    differences = matched_differences(treated, control)
    made = crossed_mean(differences, level, points)
    with np.errstate(invalid="ignore"):
        diverged = bool(np.isinf(treated - control).any())
    if made.no_claim is NoClaim.NO_SPREAD and diverged:
        return _of_one_side_diverged(differences, made, points)
    return made


def _of_one_side_diverged(
    differences: Scores, made: CrossedMean, points: Ints | None
) -> CrossedMean:
    """Return the effect where one side diverged in every run and the other in none.

    It is infinite, and found where the shares of diverged runs differ by more than chance.
    """
    compared = made.comparison
    side = np.sign(differences)
    shares = crossed_difference_of_shares(side, 0 * side, compared.effect.level, points)
    value = math.copysign(math.inf, compared.effect.value)
    effect = replace(compared.effect, value=value)
    if shares.comparison.effect.decide("below", "above") == INCONCLUSIVE:
        return replace(made, comparison=replace(compared, effect=effect))
    effect = replace(effect, low=value, high=value)
    p = shares.comparison.p
    return replace(made, comparison=replace(compared, effect=effect, p=p), no_claim=None)


def matched_failures(
    treated: Scores, control: Scores, level: float = LEVEL, points: Ints | None = None
) -> Estimate:
    """Estimate the difference of the probabilities that a seed fails.

    Either side is [P, S] of 0 and 1; NaN where that is not known.
    """
    if np.isnan(treated - control).all():
        return Estimate(NAN, level=level, unit="pairs")
    return crossed_difference_of_shares(treated, control, level, points).comparison.effect

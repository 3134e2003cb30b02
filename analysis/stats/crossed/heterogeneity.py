"""How much a matched effect differs between settings, and what it may be in a setting to come."""

from __future__ import annotations

from dataclasses import replace

from ganstudy.analysis.stats.crossed.effect import CrossedMean
from ganstudy.analysis.stats.estimate import LEVEL, Estimate


def effect_in_a_new_setting(mean: CrossedMean, level: float = LEVEL) -> Estimate:
    """Predict the effect in a setting that was not tried, on average over seeds.

    The interval holds that effect with `level`. It is the mean's interval, with the variance
    between pairs once more for the setting itself (Higgins, Thompson & Spiegelhalter 2009, section
    3.3). There is no interval where the mean has none.
    """
    effect = mean.comparison.effect
    if not effect.has_interval or mean.parts is None or mean.variances is None:
        return replace(effect.without_interval(), level=level)
    half = replace(mean.parts, pairs=mean.parts.pairs + mean.variances.pairs).half_width(level)
    return replace(effect, low=effect.value - half, high=effect.value + half, level=level)

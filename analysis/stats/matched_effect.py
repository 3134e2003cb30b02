"""Effect of one arm against another in matched pairs that share their seeds.

The one place in which the interval and the p-value of a matched contrast are computed: whatever a
report says of k, of a remedy or of what would settle either comes from here. Pairs and seeds are
both random (analysis/stats/crossed.py), so that what is told holds for other settings and for other
seeds than the study's.
"""

from __future__ import annotations

from ganstudy.analysis.stats.crossed import (
    CrossedMean,
    crossed_difference_of_shares,
    crossed_mean,
    matched_differences,
)
from ganstudy.analysis.stats.estimate import LEVEL, Estimate, Scores


def matched_effect(treated: Scores, control: Scores, level: float = LEVEL) -> CrossedMean:
    """Estimate the effect of the treated on the control side, [P, S] each, with its interval at
    `level`; below 0 the treated side is better.
    """
    return crossed_mean(matched_differences(treated, control), level)


def matched_failures(treated: Scores, control: Scores, level: float = LEVEL) -> Estimate:
    """Estimate the difference of the probabilities that a seed fails, [P, S] of 0 and 1 each."""
    return crossed_difference_of_shares(treated, control, level).comparison.effect

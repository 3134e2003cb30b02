"""Differences of matched pairs, the seeds of each put together."""

from __future__ import annotations

import numpy as np

from ganstudy.analysis.stats.estimate import Floats, Scores
from ganstudy.analysis.stats.order_statistics import median_over_seeds


def pair_differences(treated: Scores, control: Scores) -> Floats:
    """Return treated - control of each pair [P], the median over the seeds of both.

    Either side is [P, S]. Where both have diverged on a seed, there is no difference on it: 0. NaN
    is a seed that was not trained on; a pair without a common seed is compared by the medians of
    either side.
    """
    with np.errstate(invalid="ignore"):
        by_seed = treated - control
        by_seed[np.isinf(treated) & np.isinf(control)] = 0.0
        common = ~np.isnan(by_seed).all(axis=1)
        differences = np.zeros(len(treated))
        # The median of -inf and inf is NaN: one seed diverged in one arm, one in the other. 0.
        middle = median_over_seeds(by_seed[common])
        differences[common] = np.nan_to_num(middle, nan=0.0, posinf=np.inf, neginf=-np.inf)
        if not common.all():
            first, second = median_over_seeds(treated[~common]), median_over_seeds(control[~common])
            differences[~common] = np.where(np.isinf(first) & np.isinf(second), 0.0, first - second)
    return differences

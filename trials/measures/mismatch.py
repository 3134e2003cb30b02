"""Objective mismatch: does the generator's loss say anything about the quality of its samples?

The rank correlation (Spearman 1904) of the generator's loss with FID over the evaluations so far.
+1: the loss falls whenever FID does, so it can be read like a loss elsewhere. 0: it says nothing.
Below 0: it falls while the samples get worse. Free of torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import spearmanr

FEWEST = 4
"""Pairs that a correlation needs; three are in perfect order by chance one time in three."""


def objective_mismatch(
    losses: Sequence[float | None], distances: Sequence[float | None]
) -> float | None:
    """Return Spearman's rank correlation of the generator's loss and FID over evaluations.

    losses and distances: one of each per evaluation of a seed. Evaluations where either is missing
    or not finite are left out. None below 4 of them, and where the loss or FID never changes.
    """
    pairs = [
        (loss, distance)
        for loss, distance in zip(losses, distances, strict=True)
        if loss is not None
        and distance is not None
        and math.isfinite(loss)
        and math.isfinite(distance)
    ]
    # SciPy would warn of a constant column, and return NaN.
    if len(pairs) < FEWEST or any(len(set(column)) == 1 for column in zip(*pairs, strict=True)):
        return None
    return float(spearmanr(pairs).statistic)

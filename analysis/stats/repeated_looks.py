"""What looking again costs: a test at its level, made at several sizes of a growing sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from ganstudy.analysis.stats.multiplicity import ALPHA

# Cells between the limits; twice as many change the fifth digit.
CELLS = 400


def error_of_looks(sizes: Sequence[float], alpha: float = ALPHA) -> float:
    """Return how often an effect that is none is found at one of these sizes or more.

    The test finds it at each with probability `alpha`.

    Of a sum of normal values, by the recursion of Armitage, McPherson & Rowe (1969): an upper limit
    for tests that find it less often.
    """
    # Equal sizes are one look.
    grown = np.unique(np.asarray(sizes, dtype=float))
    if not len(grown):
        return 0.0
    reach = -float(ndtri(alpha / 2))
    at, inside, before = np.zeros(1), np.ones(1), 0.0
    for size in grown.tolist():
        edges = np.linspace(-reach * size**0.5, reach * size**0.5, CELLS + 1)
        # Probability that the sum is in each cell now, from where it was at the look before.
        below = ndtr((edges[None, :] - at[:, None]) / (size - before) ** 0.5)
        inside = inside @ np.diff(below, axis=1)
        at, before = (edges[1:] + edges[:-1]) / 2, size
    return 1 - float(inside.sum())

"""Several comparisons at once: adjusted p-values and levels."""

from __future__ import annotations

import numpy as np

from ganstudy.analysis.stats.estimate import LEVEL, Floats

ALPHA = 0.05
"""Significance level of every test, after correction for multiple comparisons."""


def bonferroni(p: float, comparisons: int) -> float:
    """Return the p-value adjusted for `comparisons` tests; NaN stays NaN."""
    # min(1.0, nan) would be 1.
    return p if p != p else min(1.0, p * comparisons)


def bonferroni_level(comparisons: int) -> float:
    """Return the level of each of `comparisons` intervals that are simultaneous at LEVEL."""
    return 1 - (1 - LEVEL) / max(1, comparisons)


def holm(p_values: Floats) -> Floats:
    """Return Holm's (1979) adjusted p-values.

    A false finding below 0.05 occurs in at most 5% of families.
    """
    # Holm finds all that Bonferroni does, and more, at the same promise. It corrects decisions
    # only: intervals that cover together need Bonferroni's level.
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p_values[order]))
    return adjusted

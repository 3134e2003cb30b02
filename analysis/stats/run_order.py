"""The order of single trainings, from the best to the worst, which knows failure.

A score alone does not: a collapsed seed has a finite one, and may by chance have a good one. First
come the seeds that did not fail, by score; then those that cycled, that collapsed and that
diverged, as the table of verdicts has them (trials/results/records.py), by score among themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ganstudy.analysis.stats.estimate import NAN, Floats, Ints
from ganstudy.trials.results.records import Verdict

FAILURE_TIERS = {
    verdict.value: tier
    for tier, verdict in enumerate((v for v in Verdict if v.is_failure), start=1)
}
"""Larger is worse. Any other verdict, known or not yet, is judged by its score: tier 0."""
NO_VALUE = max(FAILURE_TIERS.values())
"""Tier of a run without a score, whatever its verdict: that of a diverged one."""


def run_places(scores: ArrayLike, verdicts: ArrayLike | None = None) -> Floats:
    """Return the place of every run among all that are given, 1 the best.

    Runs that tie share the mean of their places. The shape is any, such as [2, S] or [P, S].

    scores: smaller is better, infinite where a run has no value, NaN where it was not trained
    (which has no place: NaN). verdicts: by name, of the same shape; None: all by their scores.
    """
    values = np.asarray(scores, dtype=float)
    known = ~np.isnan(values)
    tiers = _tiers(values, verdicts)
    places = np.full(values.shape, NAN)
    if known.any():
        places[known] = _mean_ranks(tiers[known], values[known])
    return places


def _tiers(values: Floats, verdicts: ArrayLike | None) -> Ints:
    tiers = np.zeros(values.shape, dtype=np.int64)
    if verdicts is not None:
        names = np.asarray(verdicts, dtype=object).astype(str)
        for name, tier in FAILURE_TIERS.items():
            tiers[names == name] = tier
    tiers[np.isposinf(values)] = NO_VALUE
    return tiers


def _mean_ranks(tiers: Ints, values: Floats) -> Floats:
    """Return mean ranks [N] by tier, then by value."""
    order = np.lexsort((values, tiers))
    tier, value = tiers[order], values[order]
    new = np.append(True, (tier[1:] != tier[:-1]) | (value[1:] != value[:-1]))
    distinct = np.empty(len(order), dtype=np.int64)
    distinct[order] = np.cumsum(new)
    ranks: Floats = rankdata(distinct)
    return ranks

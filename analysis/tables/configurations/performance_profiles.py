"""Performance profiles: which share of runs scores at least as well as any given score.

A run is a seed of a configuration, and one that failed reaches no score, so that it stays in the
denominator (Dolan and Moré 2002; run-score distributions of Agarwal et al. 2021, sec. 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import compared_scores
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS, Estimate, Floats
from ganstudy.analysis.stats.proportions import clustered_proportion
from ganstudy.analysis.tables.rows import table_of

POINTS = 25
"""Scores at which a profile is estimated, evenly spaced among those that were reached."""


@dataclass(frozen=True)
class ProfileRow:
    """The share of runs of one value of a setting that score at least as well as `score`."""

    group: Any
    score: float
    configurations: int
    num_seeds: int
    share: Estimate


def performance_profiles(study: Study, setting: str) -> pd.DataFrame:
    """Estimate the profile of each value of `setting`, at the amount at which all are compared.

    setting; score; configurations (n), num_seeds; share with its pointwise 95% interval for other
    configurations on these seeds (NaN below estimate.MIN_CONFIGURATIONS). Where verdicts do not
    compare, seeds that diverged are the failed ones.
    """
    study = compared_trials(study)
    frame = compared_scores(study)
    if not frame.scores.size or setting not in study.trials:
        return table_of(ProfileRow, [], setting)
    reached = np.where(frame.failed == 1, np.inf, frame.scores)
    finite = reached[np.isfinite(reached)]
    if not finite.size:
        return table_of(ProfileRow, [], setting)
    # Order statistics and not interpolated quantiles: the share changes at scores alone.
    levels = np.unique(np.quantile(finite, np.linspace(0, 1, POINTS), method="higher"))
    made = []
    for value, numbers in groups(study, setting).items():
        own = reached[np.isin(frame.numbers, list(numbers))]
        own = own[~np.isnan(own).all(axis=1)]
        known = int((~np.isnan(own)).sum())
        for level in levels:
            share = clustered_proportion(_shares(own, level), known)
            if len(own) < MIN_CONFIGURATIONS:
                share = share.without_interval()
            made.append(ProfileRow(value, float(frame.sign * level), len(own), known, share))
    return table_of(ProfileRow, made, setting)


def _shares(scores: Floats, level: float) -> Floats:
    """Return the share of each configuration's seeds [C] with a score of at most `level`."""
    trained = ~np.isnan(scores)
    with np.errstate(invalid="ignore"):
        shares: Floats = (trained & (scores <= level)).sum(axis=1) / trained.sum(axis=1)
    return shares

"""Rank correlation of the training diagnostics with the score, and of the generator's loss with FID."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.designed import distinct_compared
from ganstudy.analysis.frames.selection import distinct_configurations, groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import proportion_by_trial, trajectories
from ganstudy.analysis.stats.correlation import spearman
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.order_statistics import median
from ganstudy.analysis.tables.rows import table_of
from ganstudy.trials.results.catalogue import GAME, MEASURES
from ganstudy.trials.results.records import TrialState

MIN_EVALUATIONS = 5
"""A mismatch over fewer evaluations than this is noise: three points alone correlate perfectly one
time in three.
"""
DIAGNOSTICS = tuple(
    measure.name
    for measure in MEASURES.values()
    if measure.group == GAME and measure.name != "mismatch"
)


@dataclass(frozen=True)
class CorrelationRow:
    """A training diagnostic and the final score over configurations."""

    measure: str
    label: str
    correlation: float
    low: float
    high: float
    configurations: int
    left_out: int
    comparisons: int
    decision: str


@dataclass(frozen=True)
class MismatchRow:
    """Whether the generator's loss follows FID within the seeds of one value of a setting."""

    group: Any
    mismatch: Estimate
    misleads: Estimate
    configurations: int
    num_seeds: int


def game_against_score(study: Study, measures: Iterable[str] = DIAGNOSTICS) -> pd.DataFrame:
    """Estimate the rank correlation of the training diagnostics with the final score.

    It is taken over the complete configurations.

    measure, label, correlation (of the medians over seeds; positive: high where the score is worse)
    with low and high (95% for all `comparisons` together; NaN below 10 configurations),
    configurations, left_out (configurations without the measure, such as diverged ones),
    comparisons, decision ('high is worse', 'high is better' or 'inconclusive'). A configuration without a
    score ranks worst. The duality gap is comparable only between equal losses.
    """
    study = distinct_configurations(study)
    sign = study.objective.sign
    complete = study.trials[study.trials["state"] == TrialState.COMPLETE.value]
    scores = sign * pd.to_numeric(complete["objective"]).fillna(sign * np.inf)
    present = [name for name in measures if name in complete and complete[name].notna().any()]
    made = []
    for name in present:
        known = complete[name].notna()
        # Ranks: gaps and gradient norms span decades, and scores may be infinite.
        found = spearman(complete.loc[known, name], scores[known], len(present))
        made.append(
            CorrelationRow(
                measure=name,
                label=MEASURES[name].label,
                correlation=found.value,
                low=found.low,
                high=found.high,
                configurations=int(known.sum()),
                left_out=int((~known).sum()),
                comparisons=len(present),
                decision=found.decide("high is better", "high is worse"),
            )
        )
    return table_of(CorrelationRow, made)


def mismatch_by(study: Study, setting: str | None = None) -> pd.DataFrame:
    """Estimate the rank correlation of the generator's loss and FID within a seed.

    It tells whether the loss shows the generator's quality.

    setting (or `group`), mismatch (median over configurations of the median over seeds) with _low
    and _high (95%), misleads (share of seeds in which it is below 0: the loss falls while FID
    rises) with _low and _high, configurations, num_seeds. Complete trials with at least five
    evaluations.
    """
    study = distinct_compared(study, setting)
    complete = study.trials.loc[study.trials["state"] == TrialState.COMPLETE.value, "number"]
    rows = trajectories(study, "evaluation")
    rows = (
        rows[rows["number"].isin(complete) & rows["mismatch"].notna()]
        if "mismatch" in rows
        else rows.head(0)
    )
    # The mismatch of the last evaluation is over all before it.
    last = rows.groupby("trajectory").tail(1)
    last = last[last["evaluation"] >= MIN_EVALUATIONS]
    made = []
    for value, numbers in groups(study, setting).items():
        seeds = last[last["number"].isin(numbers)]
        if seeds.empty:
            continue
        by_trial = seeds.groupby("number")["mismatch"]
        misleads = proportion_by_trial(seeds["mismatch"] < 0, seeds["number"])
        made.append(
            MismatchRow(
                group=value,
                mismatch=median(by_trial.median()),
                misleads=misleads,
                configurations=by_trial.ngroups,
                num_seeds=len(seeds),
            )
        )
    return table_of(MismatchRow, made, setting)

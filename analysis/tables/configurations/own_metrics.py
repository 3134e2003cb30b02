"""Metrics that the user's own training reported of itself, by trial."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.frames.selection import ranked
from ganstudy.analysis.frames.study import Study
from ganstudy.trials.results.own_metrics import named


def own_metrics(study: Study) -> pd.DataFrame:
    """Return the last value of every own metric, by trial, the best trial first.

    number, state, the searched hyperparameters, and own/NAME: median over the seeds that have a value, of
    the last one of each. Trials without any are left out; empty where no training reported one.
    """
    names = named(study.evaluations.columns)
    columns = ["number", "state", *study.searched]
    if not names or study.trials.empty:
        return pd.DataFrame(columns=columns)
    rows = study.evaluations.sort_values("evaluation", kind="stable")
    # `last` passes over missing values: a script may report one at every other evaluation.
    of_seeds = rows.groupby(["number", "seed"])[names].last().astype(float)
    of_trials = of_seeds.groupby("number").median().dropna(how="all")
    return ranked(study)[columns].merge(of_trials, on="number", how="inner")

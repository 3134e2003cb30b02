"""Find which configurations are worth their cost, and how sure that is.

They are on the Pareto front of score, recall and cost.
"""

from __future__ import annotations

import bisect

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.compared_scores import SEED
from ganstudy.analysis.frames.selection import distinct_configurations
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import Floats
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import TrialState

COST_AXES = ("seconds", "images", "updates", "generator_steps")
# A guess: shares to about 2%, where three seeds allow ten different resamples at all.
SEED_RESAMPLES = 500


def front(values: Floats) -> NDArray[np.bool_]:
    """Return which rows of [N, 3] are on the Pareto front, smaller being better in each column.

    Equal rows are on it together. A row is off it where another is at least as good in all columns
    and better in one.
    """
    unique, inverse = np.unique(values, axis=0, return_inverse=True)  # in lexicographic order
    kept = np.zeros(len(unique), dtype=bool)
    # Of the rows so far, those that no other one beats in the last two columns: second ascending,
    # third descending.
    second: list[float] = []
    third: list[float] = []
    for i, (_, y, z) in enumerate(unique.tolist()):
        position = bisect.bisect_right(second, y)
        if position and third[position - 1] <= z:
            continue
        kept[i] = True
        start = bisect.bisect_left(second, y)
        end = start
        while end < len(third) and third[end] >= z:
            end += 1
        second[start:end], third[start:end] = [y], [z]
    return kept[inverse.ravel()]


def pareto_front(study: Study, cost: str | None = None) -> pd.DataFrame:
    """Return the complete configurations within the constraints, those on the front first.

    number, the searched hyperparameters, the objective's measure and recall (medians over seeds;
    recall is left out where the study has none, or it is the objective), the cost (seconds or what
    else was counted, of the trial as it ran), on_front, on_front_share (of resamples of the seeds:
    how often the configuration is on it; NaN with a single seed), num_seeds. With three seeds a
    resample is one of ten, and the share no more than a hint. Seconds are comparable where the
    trials ran on like machines.
    """
    study = distinct_configurations(study)
    measure, sign = study.objective
    trials = study.trials
    known = [
        name
        for name in ((cost,) if cost else COST_AXES)
        if name in trials and trials[name].notna().any()
    ]
    second = (
        "recall"
        if measure != "recall" and "recall" in trials and trials["recall"].notna().any()
        else None
    )
    shown = [measure, *([second] if second else []), *known[:1]]
    columns = ["number", *study.searched, *shown, "on_front", "on_front_share", "num_seeds"]
    candidate = (trials["state"] == TrialState.COMPLETE.value) & trials["feasible"].eq(True)
    trials = trials[candidate & trials["objective"].notna()]
    for name in shown[1:]:
        trials = trials[trials[name].notna()]
    if trials.empty:
        return pd.DataFrame(columns=columns)
    made = trials.assign(**{measure: trials["objective"]})
    price = made[known[0]].to_numpy(dtype=float) if known else np.zeros(len(made))
    seeds = [
        _by_seed(study, made["number"], name) for name in (measure, *([second] if second else []))
    ]
    values = np.zeros((len(made), 3))
    values[:, 0] = sign * made[measure].to_numpy(dtype=float)
    values[:, 1] = -made[second].to_numpy(dtype=float) if second else 0.0
    values[:, 2] = price
    made = made.assign(on_front=front(values), on_front_share=_stability(seeds, price))
    made = made.sort_values(["on_front", measure], ascending=[False, sign > 0], kind="stable")
    return made[columns].reset_index(drop=True)


def _by_seed(study: Study, numbers: pd.Series, name: str) -> Floats:
    """Return the values [C, S] at each trial's last evaluation, smaller is better.

    It is infinite where a seed has no value, and NaN where the trial was not trained on it.
    """
    rows = study.seeds
    sign = MEASURES[name].sign
    # dropna=False: pandas would drop a trial whose seeds all lack a value.
    wide = rows.pivot_table(
        index="number", columns="seed", values=name, aggfunc="first", dropna=False
    )
    there = rows.pivot_table(index="number", columns="seed", values="evaluation", aggfunc="first")
    values = (sign * wide.reindex(numbers)).fillna(np.inf).to_numpy(dtype=float)
    return np.where(there.reindex(index=numbers, columns=wide.columns).notna(), values, np.nan)


def _stability(seeds: list[Floats], price: Floats) -> Floats:
    """Return [C]: the share of resamples of the seeds with each configuration on the front.

    Configurations share their seeds, so a resample draws the same seeds of all of them.
    """
    scores = seeds[0]
    num_seeds = scores.shape[1]
    if num_seeds < 2 or any(np.isnan(values).any() for values in seeds):
        return np.full(len(scores), np.nan)
    rng = np.random.default_rng(SEED)
    # Sorted, few resamples differ, and each different one needs one front only.
    draws, times = np.unique(
        np.sort(rng.integers(num_seeds, size=(SEED_RESAMPLES, num_seeds)), axis=1),
        axis=0,
        return_counts=True,
    )
    on = np.zeros(len(scores))
    for drawn, count in zip(draws, times, strict=True):
        values = np.zeros((len(scores), 3))
        for column, table in enumerate(seeds):
            values[:, column] = np.median(table[:, drawn], axis=1)
        values[:, 2] = price
        # A configuration whose median has diverged has no score and is on no front.
        on += count * (front(values) & np.isfinite(values[:, 0]))
    share: Floats = on / SEED_RESAMPLES
    return share

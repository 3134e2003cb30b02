"""Which trials are compared with each other, and at which amount of training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import Scores
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURE_VERDICTS, NO_REMEDIES, TrialState

SEARCHED_FIRST = ("k", "lr_d", "lr_g", "remedies")
COMPARED = ("k", "remedies")
NONE = NO_REMEDIES
"""Label of no remedy."""
NOT_TRAINING = FAILURE_VERDICTS
LOST = "lost"
"""Column: seeds that collapsed, cycled or diverged."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of the trials that are compared: how far a failed or running one got says nothing about
its setting.
"""
MAX_GROUPS = 8
"""A setting with more numbers than this (drawn from a range) is compared by thirds."""
MOST_COUNTED = 60
"""Length of the arrays of trials with unlike numbers of seeds, at most; 1 to 6 seeds are counted
exactly.
"""
SEED = 0
"""Of the bootstrap, so that a report made twice says the same."""


def searched(study: Study) -> list[str]:
    """Hyperparameters that the study varied, the four of the lecture first."""
    space = study.spec.get("search", {}).get("space", {})
    varied = [
        key for key, domain in space.items() if isinstance(domain, dict | list) and len(domain) > 1
    ]
    columns = [key for key in varied if key in study.trials]
    if "remedies" not in columns and any(
        set(map(repr, space[key])) == {"True", "False"} for key in varied
    ):
        columns.append("remedies")  # switched on and off one by one
    return sorted(
        columns, key=lambda key: (SEARCHED_FIRST.index(key) if key in SEARCHED_FIRST else 9, key)
    )


def objective(study: Study) -> tuple[str, int]:
    """(measure, sign): sign * measure is smaller where better."""
    chosen = study.spec.get("objective", {})
    measure = chosen.get("minimize") or chosen.get("maximize") or "fid"
    return measure, -1 if MEASURES[measure].direction == "up" else 1


def ranked(study: Study) -> pd.DataFrame:
    """All trials with `lost` and `candidate` (complete, with a score, within the constraints);
    those first, the best first, then the rest by score."""
    _, sign = objective(study)
    trials = study.trials
    candidate = (
        (trials["state"] == TrialState.COMPLETE)
        & trials["feasible"].astype(bool)
        & trials["objective"].notna()
    )
    lost = trials[[verdict.value for verdict in NOT_TRAINING]].sum(axis=1).astype(int)
    ordered = trials.assign(candidate=candidate, order=sign * trials["objective"], **{LOST: lost})
    by = ["candidate", "order", "number"]
    return (
        ordered.sort_values(by, ascending=[False, True, True])
        .drop(columns="order")
        .reset_index(drop=True)
    )


@dataclass(frozen=True)
class Common:
    """An evaluation at which trials are compared at equal budget."""

    evaluation: int
    progress: float
    """On the budget's axis."""


def common_evaluations(study: Study) -> list[Common]:
    """The last evaluation that all ended trials reached, and the last one of all; one entry if they
    agree.
    """
    rows = _comparable(study)
    if rows.empty:
        return []
    reached = rows.groupby("number")["evaluation"].max()
    moments = planned_moments(study)
    return [
        Common(end, moments[end - 1]) for end in sorted({int(reached.min()), int(reached.max())})
    ]


def planned_moments(study: Study) -> list[float]:
    """Where on the budget's axis each evaluation lies, the first at index 0."""
    train = study.spec["train"]
    # Imported histories may have been measured at uneven moments.
    return train.get("moments") or [
        train["budget"]["amount"] * end / train["evaluations"]
        for end in range(1, train["evaluations"] + 1)
    ]


def _comparable(study: Study) -> pd.DataFrame:
    """Evaluations of the ended trials. A trial ends early once all its seeds have diverged: its
    last evaluation stands for all later ones, since it would be without a value at any budget."""
    ended = study.trials.loc[study.trials["state"].isin(ENDED), "number"]
    rows = study.evaluations[study.evaluations["number"].isin(ended)]
    if rows.empty:
        return rows
    final = study.seeds[study.seeds["number"].isin(ended)]
    dead = final[~final.groupby("number")["finite"].transform("any").astype(bool)]
    later = [
        dead[dead["evaluation"] < evaluation].assign(evaluation=evaluation)
        for evaluation in range(2, int(rows["evaluation"].max()) + 1)
    ]
    return pd.concat([rows, *(frame for frame in later if len(frame))], ignore_index=True)


def scores_at(study: Study, evaluation: int, measure: str) -> pd.DataFrame:
    """One row per ended trial that reached `evaluation`: number, `scores` (array over seeds,
    infinity where a seed has none; negated where larger is better), `lost`, seeds that collapsed,
    cycled or diverged, and `seeds`, their number.

    Imported trials may have unlike numbers of seeds: each is then counted so often that all arrays
    are of one length (and `lost` with it), which leaves a trial's median as it is and the trial the
    unit.

    A configuration that was drawn twice counts once: on the same seeds it made the same numbers
    twice."""
    rows = _comparable(study)
    present = study.trials[study.trials["number"].isin(rows["number"])]
    rows = rows[~rows["number"].isin(present.loc[present["config_digest"].duplicated(), "number"])]
    rows = rows[rows["evaluation"] == evaluation]
    sign = -1.0 if MEASURES[measure].direction == "up" else 1.0
    numbers: list[Any] = []
    arrays: list[Scores] = []
    lost: list[int] = []
    for number, seeds in rows.groupby("number"):
        numbers.append(number)
        arrays.append((sign * seeds[measure]).fillna(np.inf).to_numpy(dtype=float))
        lost.append(int(seeds["verdict"].isin([verdict.value for verdict in NOT_TRAINING]).sum()))
    counts = [len(scores) for scores in arrays]
    length = min(math.lcm(*counts), MOST_COUNTED) if counts else 0
    lost = [round(gone * length / n) for gone, n in zip(lost, counts, strict=True)]
    return pd.DataFrame(
        {
            "number": numbers,
            "scores": [_counted(a, length) for a in arrays],
            LOST: lost,
            "seeds": counts,
        }
    )


def _counted(scores: Scores, length: int) -> Scores:
    """`scores` as `length` numbers of the same quantiles."""
    if len(scores) == length:
        return scores
    return np.sort(scores)[np.arange(length) * len(scores) // length]


def groups(study: Study, setting: str) -> dict[Any, set[int]]:
    """Numbers of the trials by value of a hyperparameter, NONE first, the rest in order; thirds as
    'low to high' where more than MAX_GROUPS numbers were tried."""
    asked = study.trials.dropna(subset=[setting])
    values, thirds = asked[setting], asked[setting].nunique() > MAX_GROUPS
    if thirds and pd.api.types.is_numeric_dtype(values):
        third = pd.qcut(values.rank(method="dense"), 3, labels=False)
        ends = values.groupby(third).agg(["min", "max"])
        values = third.map(
            {i: f"{row['min']:.3g} to {row['max']:.3g}" for i, row in ends.iterrows()}
        )
        order = values.iloc[third.argsort()].unique().tolist()
    else:
        order = sorted(
            values.unique().tolist(),
            key=lambda v: (v != NONE, *((0, v) if _numeric(v) else (1, str(v)))),
        )
    return {value: set(asked.loc[values == value, "number"]) for value in order}


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float)

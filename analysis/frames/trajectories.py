"""The courses of the seeds: what each of them was at a moment of training, on any axis of the
budget.

Every table over time starts here, so that all of them count alike: trials of the search only, a
configuration that was drawn twice once, and a row that could not be measured never taken for one
that diverged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.comparable import EVALUATION, own_axis, search_stage
from ganstudy.analysis.frames.selection import ENDED, groups, objective
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import Estimate, share

EVERYTHING = "all"
"""Label of the one group where no setting splits the trials."""
MOST_MOMENTS = 40
"""More distinct moments than this (seconds differ from trial to trial) become EVEN_MOMENTS evenly
spaced ones.
"""
EVEN_MOMENTS = 20
Floats = NDArray[np.float64]


def distinct(study: Study) -> Study:
    """The search's trials, every configuration once: of equal ones the trial that got furthest,
    then the first.
    """
    study = search_stage(study)
    if "config_digest" not in study.trials or study.trials.empty:
        return study
    furthest = study.trials.sort_values(
        ["evaluations", "number"], ascending=[False, True], kind="stable"
    )
    twice = furthest["config_digest"].duplicated() & furthest["config_digest"].notna()
    return _only(study, study.trials["number"].isin(furthest.loc[~twice, "number"]))


def _only(study: Study, kept: pd.Series) -> Study:
    trials = study.trials[kept].reset_index(drop=True)
    rows = study.evaluations
    if len(rows):
        rows = rows[rows["number"].isin(trials["number"])].reset_index(drop=True)
    return replace(study, trials=trials, evaluations=rows)


def ended(study: Study) -> set[int]:
    """Numbers of the trials that can be compared: complete or pruned."""
    return set(
        study.trials.loc[study.trials["state"].isin([str(state) for state in ENDED]), "number"]
    )


def grouped(study: Study, setting: str | None) -> dict[Any, set[int]]:
    """tables.groups, or one group of everything for None; empty where no trial knows the setting."""
    if setting is None:
        return {EVERYTHING: set(study.trials["number"])}
    if setting not in study.trials or study.trials[setting].isna().all():
        return {}
    return groups(study, setting)


def moments(study: Study, axis: str | None = None) -> pd.DataFrame:
    """The rows of `study.evaluations` in order of number, seed and time, with `progress`, `course`
    and `score`.

    progress: position on `axis` (a counter, or 'evaluation'; own_axis where None). On the budget's
    own axis that is the planned position of the evaluation, since k and batches round the counters.
    course: 0, 1, ... per trial and seed. score: the objective, smaller is better; infinite where
    the seed is not finite; NaN where it was not measured.
    """
    axis = axis or own_axis(study)
    measure, sign = objective(study)
    rows = study.evaluations
    if rows.empty or axis not in rows:
        return pd.DataFrame(columns=[*rows.columns, "progress", "course", "score"])
    rows = rows.assign(progress=_progress(study, rows, axis), score=_scores(rows, measure, sign))
    rows = rows[rows["progress"].notna()].sort_values(
        ["number", "seed", "progress", EVALUATION], kind="stable"
    )
    course = rows.groupby(["number", "seed"], sort=True).ngroup()
    return rows.assign(course=course).reset_index(drop=True)


def _progress(study: Study, rows: pd.DataFrame, axis: str) -> pd.Series:
    train = study.spec.get("train", {})
    budget, planned = train.get("budget", {}), train.get("evaluations")
    if axis == budget.get("unit") and budget.get("amount") and planned:
        position: pd.Series = rows[EVALUATION] * (float(budget["amount"]) / planned)
        return position
    return pd.to_numeric(rows[axis]).astype(float)


def _scores(rows: pd.DataFrame, measure: str, sign: int) -> Floats:
    values = (
        pd.to_numeric(rows[measure]) if measure in rows else pd.Series(np.nan, index=rows.index)
    )
    lost = rows["finite"].eq(False) if "finite" in rows else pd.Series(False, index=rows.index)
    scores: Floats = np.where(lost, np.inf, sign * values.to_numpy(dtype=float))
    return scores


def grid(rows: pd.DataFrame) -> Floats:
    """The moments at which courses are compared: the distinct ones of `moments`, or evenly spaced
    ones if too many.
    """
    distinct_moments = np.unique(rows["progress"].to_numpy(dtype=float))
    if len(distinct_moments) <= MOST_MOMENTS:
        return distinct_moments
    return np.linspace(0.0, distinct_moments[-1], EVEN_MOMENTS + 1)[1:]


def dead(rows: pd.DataFrame) -> set[int]:
    """Numbers of the trials whose seeds had all diverged at their last evaluation: they end early,
    and their last row stands for every later moment."""
    if rows.empty or "finite" not in rows:
        return set()
    last = rows.groupby("course").tail(1)
    alive = last["finite"].ne(False).groupby(last["number"]).any()
    return set(alive.index[~alive])


def at_moments(rows: pd.DataFrame, values: Sequence[Any] | pd.Series, moments_: Floats) -> Floats:
    """[courses, moments]: each course's latest value at or before each moment; NaN before its first
    and after its end.

    values: one number per row of `rows` (NaN: not measured, the one before it goes on). A course of
    a `dead` trial has no end.
    """
    number_of_courses = int(rows["course"].max()) + 1 if len(rows) else 0
    table = np.full((number_of_courses, len(moments_)), np.nan)
    if not number_of_courses or not len(moments_):
        return table
    course, value = rows["course"].to_numpy(), np.asarray(values, dtype=float)
    known = ~np.isnan(value)
    slot = np.searchsorted(moments_, rows["progress"].to_numpy(dtype=float), side="left")
    inside = known & (slot < len(moments_))
    table[course[inside], slot[inside]] = value[
        inside
    ]  # rows are in order of time: of two in one slot the later stays
    index = np.where(np.isnan(table), 0, np.arange(1, len(moments_) + 1))
    index = np.maximum.accumulate(index, axis=1)
    filled = np.where(
        index > 0, np.take_along_axis(table, np.maximum(index - 1, 0), axis=1), np.nan
    )
    last = rows.groupby("course")["progress"].max().to_numpy(dtype=float, copy=True)
    last[owner(rows).isin(dead(rows)).to_numpy()] = np.inf
    # The last moment that an evaluation serves is the first one at or after it.
    final = np.minimum(np.searchsorted(moments_, last, side="left"), len(moments_) - 1)
    return np.where(np.arange(len(moments_)) <= final[:, None], filled, np.nan)


def owner(rows: pd.DataFrame) -> pd.Series:
    """Number of the trial of each course, in the order of `course`."""
    return rows.groupby("course")["number"].first()


def common_moments(study: Study, rows: pd.DataFrame) -> list[float]:
    """The last moment of `grid` that every ended trial reached, and the last of all; one entry if
    they agree.
    """
    compared = rows[rows["number"].isin(ended(study) - dead(rows))]
    if compared.empty:
        compared = rows[rows["number"].isin(ended(study))]
    if compared.empty:
        return []
    reached = compared.groupby("number")["progress"].max()
    points = grid(compared)
    ends = (float(reached.min()), float(reached.max()))
    return sorted(
        {float(points[min(int(np.searchsorted(points, end)), len(points) - 1)]) for end in ends}
    )


def share_by_trial(has: pd.Series, number: pd.Series) -> Estimate:
    """Share of seeds with a property, configurations counting alike; `has` and `number` hold one
    entry per seed.
    """
    counts = has.astype(int).groupby(number).agg(["sum", "size"])
    sizes = counts["size"].to_numpy(dtype=np.int64)
    common = int(np.lcm.reduce(sizes)) if len(sizes) else 1
    return share(counts["sum"].to_numpy(dtype=np.int64) * (common // sizes), common)

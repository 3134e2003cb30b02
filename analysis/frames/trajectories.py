"""Trajectories of seeds: the score of each of them over training, on any axis of the budget.

Every table over time starts here, so that all of them count alike: trials of the search only, a
configuration that was drawn twice once, and a row that could not be measured never taken for one
that diverged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import (
    EVALUATION,
    common_amounts,
    dead_trials,
    diverged,
    own_axis,
    progress,
)
from ganstudy.analysis.frames.selection import ended
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import Estimate, Floats
from ganstudy.analysis.stats.proportions import proportion_over_configurations

# A guess: as many as a curve needs, and tables over time grow with it.
MAX_GRID_TIMES = 40
"""More distinct times than this (seconds differ from trial to trial) become EVEN_TIMES evenly
spaced ones.
"""
EVEN_TIMES = 20


def trajectories(study: Study, axis: str | None = None) -> pd.DataFrame:
    """Return the rows of `study.evaluations` with their progress, trajectory and score.

    They are in order of number, seed and time.

    progress: position on `axis` (a counter, or 'evaluation'; own_axis where None), as
    selection.progress has it. trajectory: 0, 1, ... per trial and seed. score: the objective,
    smaller is better; infinite where the seed has diverged; NaN where it was not measured.
    """
    axis = axis or own_axis(study)
    measure, sign = study.objective
    rows = study.evaluations
    if rows.empty or axis not in rows:
        return pd.DataFrame(columns=[*rows.columns, "progress", "trajectory", "score"])
    values = pd.to_numeric(rows[measure]) if measure in rows else pd.Series(np.nan, rows.index)
    score = np.where(diverged(rows), np.inf, sign * values.to_numpy(dtype=float))
    rows = rows.assign(progress=progress(study, rows, axis), score=score)
    # Stable: evaluations at the same progress stay in the order in which they were made.
    rows = rows[rows["progress"].notna()].sort_values(
        ["number", "seed", "progress", EVALUATION], kind="stable"
    )
    return numbered(rows).reset_index(drop=True)


def numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `trajectory` counted anew from 0, as at_times needs it."""
    return rows.assign(trajectory=rows.groupby(["number", "seed"], sort=True).ngroup())


def ended_trajectories(study: Study, axis: str | None = None) -> pd.DataFrame:
    """Return the trajectories of the trials that can be compared: complete or pruned."""
    rows = trajectories(study, axis)
    return numbered(rows[rows["number"].isin(ended(study))])


def evaluation_grid(rows: pd.DataFrame) -> Floats:
    """Return the times at which trajectories are compared.

    They are the distinct ones of `progress`, or evenly spaced ones where those are too many.
    """
    distinct_times = np.unique(rows["progress"].to_numpy(dtype=float))
    if len(distinct_times) <= MAX_GRID_TIMES:
        return distinct_times
    return np.linspace(0.0, distinct_times[-1], EVEN_TIMES + 1)[1:]


def at_times(rows: pd.DataFrame, values: Sequence[Any] | pd.Series, times: Floats) -> Floats:
    """Return each trajectory's latest value at or before each time, [trajectories, times].

    It is NaN before a trajectory's first evaluation and after its end.

    values: one number per row of `rows` (NaN: not measured, the one before it goes on). A
    trajectory of one of the dead_trials has no end.
    """
    count = int(rows["trajectory"].max()) + 1 if len(rows) else 0
    table = np.full((count, len(times)), np.nan)
    if not count or not len(times):
        return table
    trajectory, value = rows["trajectory"].to_numpy(), np.asarray(values, dtype=float)
    known = ~np.isnan(value)
    slot = np.searchsorted(times, rows["progress"].to_numpy(dtype=float), side="left")
    inside = known & (slot < len(times))
    # Rows are in order of time: of two in one slot the later stays.
    table[trajectory[inside], slot[inside]] = value[inside]
    index = np.where(np.isnan(table), 0, np.arange(1, len(times) + 1))
    index = np.maximum.accumulate(index, axis=1)
    filled = np.where(
        index > 0, np.take_along_axis(table, np.maximum(index - 1, 0), axis=1), np.nan
    )
    last = rows.groupby("trajectory")["progress"].max().to_numpy(dtype=float, copy=True)
    last[trial_of(rows).isin(dead_trials(rows)).to_numpy()] = np.inf
    # The last time that an evaluation serves is the first one at or after it.
    final = np.minimum(np.searchsorted(times, last, side="left"), len(times) - 1)
    return np.where(np.arange(len(times)) <= final[:, None], filled, np.nan)


def trial_of(rows: pd.DataFrame) -> pd.Series:
    """Return the number of the trial of each trajectory, in the order of `trajectory`."""
    return rows.groupby("trajectory")["number"].first()


def common_times(rows: pd.DataFrame) -> list[float]:
    """Return the last time of evaluation_grid that every trial of `rows` reached, and of all.

    There is one entry where the two agree.
    """
    if rows.empty:
        return []
    times = evaluation_grid(rows)
    ends = np.minimum(np.searchsorted(times, common_amounts(rows)), len(times) - 1)
    return sorted({float(times[end]) for end in ends})


def proportion_by_trial(has: pd.Series, number: pd.Series) -> Estimate:
    """Estimate the proportion of seeds with a property, configurations counting alike.

    `has` and `number` have one entry per seed.
    """
    counts = has.astype(int).groupby(number).agg(["sum", "size"])
    sizes = counts["size"].to_numpy(dtype=np.int64)
    # Whole counts of a common number of seeds: configurations count alike, whatever their own.
    common = int(np.lcm.reduce(sizes)) if len(sizes) else 1
    return proportion_over_configurations(
        counts["sum"].to_numpy(dtype=np.int64) * (common // sizes), common
    )

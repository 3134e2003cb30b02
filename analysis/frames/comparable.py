"""Which trials are compared, and at what amount of training: everything that a comparison between
settings needs.

Trials are compared at an amount that all of them reached. Those that the scheduler let go on are a
selection, and their later scores would flatter the setting they have. The amount may be counted on
any axis: at equal generator steps a trial with k = 5 has made five times the discriminator steps of
one with k = 1, and the reader should see whether that decides the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.selection import ENDED, NOT_TRAINING, objective
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import Scores, over_seeds
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Stage, Verdict

AXES = ("generator_steps", "discriminator_steps", "updates", "images", "seconds")
"""Axes on which training can be equal; columns of Study.evaluations."""
EVALUATION = "evaluation"
"""Stands for an axis where an imported study counts nothing."""
TOLERANCE = 1e-9
"""Relative; amounts are sums of floats."""


@dataclass(frozen=True)
class Compared:
    """Scores of the compared trials at one amount, smaller is better."""

    axis: str
    amount: float
    """NaN where nothing can be compared."""
    numbers: NDArray[np.int64]
    """[C] of the trials; a configuration that was drawn twice is there once."""
    seeds: NDArray[np.int64]
    """[S]"""
    scores: Scores
    """[C, S]; infinity where a seed has diverged, NaN where the configuration was not trained on
    that seed.
    """
    lost: Scores
    """[C, S]; 1 where the seed had collapsed, cycled or diverged, else 0; NaN as in `scores`."""
    not_yet: int
    """Configurations left out since their first evaluation came after the amount."""

    @property
    def medians(self) -> Scores:
        """[C] over seeds; infinite where the median falls on a diverged seed."""
        return over_seeds(self.scores)

    def only(self, numbers: set[int]) -> Compared:
        """The same of some of the trials."""
        kept = np.isin(self.numbers, list(numbers))
        return replace(
            self, numbers=self.numbers[kept], scores=self.scores[kept], lost=self.lost[kept]
        )


def search_stage(study: Study) -> Study:
    """The study without the trainings on fresh seeds of its confirm stage."""
    return study.of_stage(Stage.SEARCH)


def own_axis(study: Study) -> str:
    """The axis of the study's budget, or that of its evaluations where nothing else was counted."""
    unit = str(study.spec.get("train", {}).get("budget", {}).get("unit", AXES[0]))
    for axis in (unit, *AXES):
        if axis in study.evaluations and study.evaluations[axis].notna().any():
            return axis
    return EVALUATION


def axes(study: Study) -> list[str]:
    """The axes of AXES that the study counted."""
    return [
        axis for axis in AXES if axis in study.evaluations and study.evaluations[axis].notna().any()
    ]


def is_ratio(study: Study) -> bool:
    """Whether factors of the objective mean something: smaller is better, and every score is
    positive.
    """
    measure, sign = objective(study)
    values = study.evaluations.get(measure, pd.Series(dtype=float)).dropna()
    return sign > 0 and bool(len(values)) and bool((values > 0).all())


def compared(
    study: Study, axis: str | None = None, measure: str | None = None, complete: bool = False
) -> Compared:
    """Scores of all ended trials of the search at the largest amount on `axis` that each of them
    reached.

    axis: one of AXES, or EVALUATION; the budget's own where None.

    measure: the objective's where None.

    complete: only the trials that spent their whole budget (a selection where the others were
    pruned).

    Between two evaluations a score is interpolated, on a log scale where is_ratio holds: the last
    one before the amount would set back whoever is evaluated seldom on this axis, k = 5 on that of
    discriminator steps by up to five times as much as k = 1. A verdict is that of the last
    evaluation at or before the amount, and a seed that is about to diverge keeps its score until
    then. A trial that ended since all its seeds had diverged has diverged at every later amount.
    """
    study, axis = search_stage(study), axis or own_axis(study)
    chosen, sign = objective(study)
    measure = measure or chosen
    sign = -1 if MEASURES[measure].direction == "up" else 1
    rows = _rows(study, axis, measure, complete)
    if rows.empty:
        empty = np.empty((0, 0))
        none = np.empty(0, dtype=np.int64)
        return Compared(axis, float("nan"), none, none, empty, empty, 0)
    amount = _largest_common(rows)
    order = rows.sort_values("amount", kind="stable")
    reached = order["amount"] <= amount * (1 + TOLERANCE)
    before = order[reached].groupby(["number", "seed"]).tail(1).set_index(["number", "seed"])
    after = (
        order[~reached]
        .groupby(["number", "seed"])
        .head(1)
        .set_index(["number", "seed"])
        .reindex(before.index)
    )
    value = sign * _between(before, after, amount, log=measure == chosen and is_ratio(study))
    frame = before.assign(score=np.where(before["gone"], np.inf, value))
    scores = frame["score"].unstack("seed")
    lost = frame["lost"].astype(float).unstack("seed")
    left_out = rows["number"].nunique() - len(scores)
    return Compared(
        axis,
        float(amount),
        scores.index.to_numpy(dtype=np.int64),
        scores.columns.to_numpy(dtype=np.int64),
        scores.to_numpy(dtype=float),
        lost.to_numpy(dtype=float),
        left_out,
    )


def _rows(study: Study, axis: str, measure: str, complete: bool) -> pd.DataFrame:
    """number, seed, amount, score (of the measure), gone (diverged), lost, dead (its trial has no
    seed left).
    """
    columns = ["number", "seed", "amount", "score", "gone", "lost", "dead"]
    trials, rows = study.trials, study.evaluations
    if trials.empty or rows.empty or axis not in rows or measure not in rows:
        return pd.DataFrame(columns=columns)
    ended = trials[trials["state"].isin(ENDED[:1] if complete else ENDED)]
    ended = ended[ended["number"].isin(rows["number"])]
    if "config_digest" in ended:
        ended = ended[~(ended["config_digest"].duplicated() & ended["config_digest"].notna())]
    rows = rows[rows["number"].isin(ended["number"])]
    finite = rows["finite"].eq(True) if "finite" in rows else pd.Series(True, index=rows.index)
    verdict = rows["verdict"] if "verdict" in rows else pd.Series("", index=rows.index)
    gone = ~finite | (verdict == Verdict.DIVERGED)
    made = pd.DataFrame(
        {
            "number": rows["number"].astype("int64"),
            "seed": rows["seed"].astype("int64"),
            "amount": pd.to_numeric(rows[axis]),
            "score": pd.to_numeric(rows[measure]),
            "gone": gone,
            "lost": verdict.isin([kind.value for kind in NOT_TRAINING]) | gone,
        }
    )
    last = rows["evaluation"] == rows.groupby("number")["evaluation"].transform("max")
    alive = made.loc[last & ~gone, "number"].unique()
    made["dead"] = ~made["number"].isin(alive)
    return made[made["amount"].notna() & (made["score"].notna() | made["gone"])]


def _largest_common(rows: pd.DataFrame) -> float:
    living = rows[~rows["dead"]]
    return float(
        (living.groupby("number")["amount"].max().min()) if len(living) else rows["amount"].max()
    )


def _between(before: pd.DataFrame, after: pd.DataFrame, amount: float, log: bool) -> Scores:
    start, end = before["score"].to_numpy(dtype=float), after["score"].to_numpy(dtype=float)
    first, second = before["amount"].to_numpy(dtype=float), after["amount"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.clip((amount - first) / (second - first), 0, 1)
        mixed = start * (end / start) ** weight if log else start + weight * (end - start)
    return np.where(np.isfinite(mixed) & (weight > TOLERANCE), mixed, start)

"""The scores at which trials are compared: all of them at one amount of training.

It is an amount that all of them reached. Those that the scheduler let go on are a selection, and their
later scores would flatter the setting they have. The amount may be counted on any axis: at equal
generator steps a trial with k = 5 has made five times the discriminator steps of one with k = 1, and the
reader should see whether that decides the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.comparable_verdicts import verdicts_compare
from ganstudy.analysis.frames.kept import kept
from ganstudy.analysis.frames.selection import ENDED, distinct_configurations, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate, Floats, Ints, Scores
from ganstudy.analysis.stats.order_statistics import median, median_over_seeds
from ganstudy.analysis.stats.proportions import clustered_proportion
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import (
    FAILURE_VERDICTS,
    Verdict,
)

SEED = 0
"""Of the bootstrap, so that a report made twice says the same."""
AXES = ("generator_steps", "discriminator_steps", "updates", "images", "seconds")
"""Axes on which training can be equal; columns of Study.evaluations."""
EVALUATION = "evaluation"
"""Used as the axis where an imported study counts nothing."""
TOLERANCE = 1e-9
"""Relative; amounts are sums of floats."""


@dataclass(frozen=True)
class ComparedScores:
    """Scores of the compared trials at one amount of training, smaller is better."""

    axis: str
    amount: float
    """NaN where nothing can be compared."""
    numbers: Ints
    """[C] of the trials; a configuration that was drawn twice is there once."""
    seeds: Ints
    """[S]"""
    scores: Scores
    """[C, S]; infinity where a seed has diverged, NaN where the configuration was not trained on
    that seed.
    """
    failed: Scores
    """[C, S]; 1 where the seed had collapsed, cycled or diverged, else 0; NaN as in `scores`, and
    everywhere where the verdicts of these trials do not compare (verdicts_compare).
    """
    not_yet: int
    """Configurations left out since their first evaluation came after the amount."""
    sign: int
    """-1 where larger values of the measure are better, which `scores` negates."""
    verdicts: NDArray[Any] | None = None
    """[C, S] by name, of the evaluation that `failed` is of; None where the study has none."""

    def __post_init__(self) -> None:
        # Whoever asks for the same comparison gets the same arrays.
        for array in (self.numbers, self.seeds, self.scores, self.failed):
            array.flags.writeable = False

    @property
    def medians(self) -> Floats:
        """[C] over seeds; infinite where the median falls on a diverged seed."""
        return median_over_seeds(self.scores)

    @property
    def num_seeds(self) -> int:
        """Seeds of all configurations together."""
        return int((~np.isnan(self.scores)).sum())

    def only(self, numbers: set[int]) -> ComparedScores:
        """Return the same of some of the trials."""
        kept = np.isin(self.numbers, list(numbers))
        return replace(
            self,
            numbers=self.numbers[kept],
            scores=self.scores[kept],
            failed=self.failed[kept],
            verdicts=None if self.verdicts is None else self.verdicts[kept],
        )

    def median(self) -> Estimate:
        """Estimate the median over configurations of the median over these seeds.

        It is in the measure's own direction. The interval is exact, and holds for other
        configurations on these seeds: whatever a seed does to all configurations is in each of
        them.
        """
        return median(self.medians).in_direction(self.sign)

    def failed_share(self) -> Estimate:
        """Estimate the probability, over configurations, that one of these seeds fails.

        It is NaN where verdicts do not compare.
        """
        known = ~np.isnan(self.failed).all(axis=1)
        shares = np.nanmean(self.failed[known], axis=1) if known.any() else np.empty(0)
        # The mean over configurations and not over seeds: seeds of one share their fate.
        return clustered_proportion(shares, self.num_seeds)


def own_axis(study: Study) -> str:
    """Return the axis of the study's budget, or of its evaluations where nothing is counted."""
    for axis in (study.budget.unit or AXES[0], *AXES):
        if axis in study.evaluations and study.evaluations[axis].notna().any():
            return axis
    return EVALUATION


def axes(study: Study) -> list[str]:
    """Return the axes of AXES that the study counted."""
    return [
        axis for axis in AXES if axis in study.evaluations and study.evaluations[axis].notna().any()
    ]


def diverged(rows: pd.DataFrame) -> pd.Series:
    """Return which rows of `evaluations` are of a seed that has diverged."""
    gone = pd.Series(False, index=rows.index)
    if "finite" in rows:
        # Not ~: the column has missing values where an import does not know.
        gone |= rows["finite"].eq(False)
    if "verdict" in rows:
        gone |= rows["verdict"].eq(Verdict.DIVERGED)
    return gone


def progress(study: Study, rows: pd.DataFrame, axis: str) -> pd.Series:
    """Return where on `axis` each row of `evaluations` lies.

    On the budget's own axis that is where the evaluation was planned, since k and batches round the
    counters up: trials at equal evaluations have spent equal budgets.
    """
    planned = study.evaluation_times
    if axis == study.budget.unit and planned:
        positions: pd.Series = rows[EVALUATION].map(dict(enumerate(planned, 1))).astype(float)
        return positions
    return pd.to_numeric(rows[axis]).astype(float)


def dead_trials(rows: pd.DataFrame) -> set[int]:
    """Return the numbers of the trials whose seeds had all diverged at their last evaluation.

    They end early, and their last row counts at every later amount: at any budget they would be
    without a score.
    """
    if rows.empty:
        return set()
    last = rows.loc[rows.groupby(["number", "seed"])[EVALUATION].idxmax()]
    gone = diverged(last).groupby(last["number"]).all()
    return set(gone.index[gone])


def common_amounts(rows: pd.DataFrame) -> list[float]:
    """Return the largest `progress` that every trial of `rows` reached, and the largest of all.

    There is one entry where the two agree.
    """
    if rows.empty:
        return []
    living = rows[~rows["number"].isin(dead_trials(rows))]
    reached = (living if len(living) else rows).groupby("number")["progress"].max()
    last = float(rows["progress"].max())
    # Where all trials died, they are compared at the last evaluation of any: each counts there.
    common = float(reached.min()) if len(living) else last
    return sorted({common, float(reached.max())})


def common_budgets(study: Study) -> list[float]:
    """Return the largest budget that every ended trial of the search reached, and that of all.

    Both are on the budget's axis; there is one entry where they agree.
    """
    axis, measure = own_axis(study), study.objective.measure
    return common_amounts(_rows(search_stage(study), axis, measure, complete=False))


def compared_scores(
    study: Study,
    axis: str | None = None,
    measure: str | None = None,
    *,
    complete: bool = False,
    amount: float | None = None,
) -> ComparedScores:
    """Return the scores of all ended trials of the search at one amount of training.

    axis: one of AXES, or EVALUATION; the budget's own where None. measure: the objective's where
    None. complete: only the trials that spent their whole budget (a selection where the others were
    pruned). amount: the largest that each of them reached where None; of a later one, only the
    trials that reached it.

    Between two evaluations a score is interpolated, on a log scale for ratios (Study.is_ratio): the
    last one before the amount would set back whoever is evaluated seldom on this axis, k = 5 on
    that of discriminator steps by up to five times as much as k = 1. A verdict is that of the last
    evaluation at or before the amount, and a seed that is about to diverge keeps its score until
    then. A trial that ended since all its seeds had diverged has diverged at every later amount.
    Failed seeds are counted only where verdicts_compare.
    """
    study = search_stage(study)
    measure = measure or study.objective.measure
    return _compared(study, axis or own_axis(study), measure, complete, amount)


@kept
def _compared(
    study: Study, axis: str, measure: str, complete: bool, amount: float | None
) -> ComparedScores:
    """Return `compared_scores` of the search's trials."""
    log = study.is_ratio and measure == study.objective.measure
    sign = MEASURES[measure].sign
    rows = _rows(study, axis, measure, complete)
    if rows.empty:
        empty, none = np.empty((0, 0)), np.empty(0, dtype=np.int64)
        return ComparedScores(axis, NAN, none, none, empty, empty, 0, sign)
    amount = common_amounts(rows)[0] if amount is None else amount
    reach = rows.groupby("number")["progress"].transform("max") >= amount * (1 - TOLERANCE)
    rows = rows[reach | rows["number"].isin(dead_trials(rows))]
    frame = _at_amount(rows, amount, log, sign)
    scores = frame["score"].unstack("seed")
    # Floats, as unstack makes objects of booleans with gaps.
    failed = frame["failed"].astype(float).unstack("seed").to_numpy(dtype=float)
    return ComparedScores(
        axis=axis,
        amount=float(amount),
        numbers=scores.index.to_numpy(dtype=np.int64),
        seeds=scores.columns.to_numpy(dtype=np.int64),
        scores=scores.to_numpy(dtype=float),
        failed=failed if verdicts_compare(frame, rows) else np.full_like(failed, np.nan),
        not_yet=rows["number"].nunique() - len(scores),
        sign=sign,
        verdicts=frame["verdict"].unstack("seed").to_numpy() if "verdict" in frame else None,
    )


def _at_amount(rows: pd.DataFrame, amount: float, log: bool, sign: int) -> pd.DataFrame:
    """Return every seed's last row at or before the amount, its score interpolated there.

    Index: number and seed. Scores are signed, so that small ones are better; infinite once a seed
    has diverged.
    """
    order = rows.sort_values("progress", kind="stable")
    reached = order["progress"] <= amount * (1 + TOLERANCE)
    seed = ["number", "seed"]
    before = order[reached].groupby(seed).tail(1).set_index(seed)
    after = order[~reached].groupby(seed).head(1).set_index(seed).reindex(before.index)
    value = sign * _interpolated(before, after, amount, log)
    return before.assign(score=np.where(before["gone"], np.inf, value))


def _rows(study: Study, axis: str, measure: str, complete: bool) -> pd.DataFrame:
    """Return the evaluations of the ended trials, every configuration once.

    The columns are number, seed, evaluation, progress, score (of the measure), gone (diverged),
    finite, verdict and failed.
    """
    study, rows = distinct_configurations(study), study.evaluations
    if study.trials.empty or rows.empty or axis not in rows or measure not in rows:
        return pd.DataFrame()
    numbers = study.trials.loc[study.trials["state"].isin(ENDED[:1] if complete else ENDED)]
    rows = rows[rows["number"].isin(numbers["number"])]
    kept = [name for name in ("finite", "verdict") if name in rows]
    rows = rows[["number", "seed", EVALUATION, *kept]].assign(
        progress=progress(study, rows, axis),
        score=pd.to_numeric(rows[measure]),
        gone=diverged(rows),
    )
    failed = rows["verdict"].isin(FAILURE_VERDICTS) if "verdict" in rows else False
    rows = rows.assign(failed=rows["gone"] | failed)
    # A row without a measurement must not come between: its seed keeps the score before it.
    return rows[rows["progress"].notna() & (rows["score"].notna() | rows["gone"])]


def _interpolated(before: pd.DataFrame, after: pd.DataFrame, amount: float, log: bool) -> Floats:
    start, end = before["score"].to_numpy(dtype=float), after["score"].to_numpy(dtype=float)
    first, second = before["progress"].to_numpy(dtype=float), after["progress"].to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.clip((amount - first) / (second - first), 0, 1)
        mixed = start * (end / start) ** weight if log else start + weight * (end - start)
    # Towards an evaluation at which the seed has diverged the mixture is infinite, although the
    # seed had not diverged yet.
    return np.where(np.isfinite(mixed) & (weight > TOLERANCE), mixed, start)

"""Two studies side by side at equal budgets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.formatting import rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import PROVENANCE_COLUMNS, Study, UnlikeScoresError
from ganstudy.analysis.report.phrases import settings
from ganstudy.analysis.stats.intervals import (
    Estimate,
    difference_of_medians,
    median_of_configurations,
    share,
)
from ganstudy.analysis.tables import search
from ganstudy.trials.results.records import Verdict

COMPARED = (*PROVENANCE_COLUMNS, "modes")


class UnlikeStudiesError(ValueError):
    """Studies that cannot be compared, with what differs."""


def refuse_unlike(first: Study, second: Study) -> None:
    """Raises UnlikeScoresError or UnlikeStudiesError with everything in which scores, goal or
    budget differ.
    """
    pairs = [
        (column, first.provenance.get(column), second.provenance.get(column)) for column in COMPARED
    ]
    unlike = [
        f"{column} is {one} in {first.name} and {other} in {second.name}"
        for column, one, other in pairs
        if one != other
    ]
    if unlike:
        raise UnlikeScoresError(
            f"scores of unlike provenance cannot be compared: {'; '.join(unlike)}"
        )
    goals = selection.objective(first)[0], selection.objective(second)[0]
    units = tuple(study.spec["train"]["budget"]["unit"] for study in (first, second))
    for what, (one, other) in (("objective", goals), ("unit of the budget", units)):
        if one != other:
            raise UnlikeStudiesError(
                f"studies of unlike {what} cannot be compared: {one} in {first.name}, {other} in {second.name}"
            )


def sides(first: Study, second: Study) -> pd.DataFrame:
    """One row per study: study, trials, configurations, best_trial, settings, the objective's
    measure of the best (median over seeds), lowest, highest, num_seeds, candidates (complete within
    the constraints, of which it is the best), lost_share with lost_share_low and lost_share_high
    (seeds lost at the last evaluation, intervals.share with configurations as the unit; NaN where a
    verdict is unknown), unknown_seeds (whose verdict is)."""
    made = []
    for study in (first, second):
        measure, _ = selection.objective(study)
        best, ranked = search.best(study, 1), selection.ranked(study)
        evaluated = ranked[ranked["num_seeds"] > 0].drop_duplicates("config_digest")
        winner = rows(best)[0] if len(best) else {}
        lost = share(evaluated[selection.LOST].to_numpy(), evaluated["num_seeds"].to_numpy())
        unknown = int(evaluated[Verdict.UNKNOWN.value].sum())
        made.append(
            {
                "study": study.name,
                "trials": len(study.trials),
                "configurations": len(evaluated),
                "best_trial": winner.get("number"),
                "settings": settings(study, winner) if winner else "",
                measure: winner.get(measure, math.nan),
                "lowest": winner.get("lowest", math.nan),
                "highest": winner.get("highest", math.nan),
                "num_seeds": winner.get("num_seeds"),
                "candidates": int(ranked["candidate"].sum()),
                **_ends(
                    "lost_share",
                    lost
                    if not unknown
                    else Estimate(math.nan, math.nan, math.nan, lost.configurations),
                ),
                "unknown_seeds": unknown,
            }
        )
    return pd.DataFrame(made).astype({"best_trial": "Int64", "num_seeds": "Int64"})


def at_equal_budget(first: Study, second: Study) -> pd.DataFrame:
    """One row per study and one for the difference (second minus first), at each budget at which
    every ended trial of both was evaluated: progress, study, configurations, median over
    configurations of the median over seeds with median_low and median_high (95%; bootstrap over
    configurations and seeds; infinite where diverged).

    Empty where the studies have no such budget in common."""
    measure, sign = selection.objective(first)
    made = []
    for progress, evaluations in _shared_budgets(first, second):
        stacks = [
            _stack(selection.scores_at(study, evaluation, measure))
            for study, evaluation in zip((first, second), evaluations, strict=True)
        ]
        for study, stack in zip((first, second), stacks, strict=True):
            estimate = median_of_configurations(stack, np.random.default_rng(selection.SEED))
            made.append(_at(progress, study.name, estimate, sign))
        difference = difference_of_medians(
            stacks[1], stacks[0], np.random.default_rng(selection.SEED)
        )
        made.append(_at(progress, DIFFERENCE, difference, sign))
    columns = ["progress", "study", "configurations", "median", "median_low", "median_high"]
    return pd.DataFrame(made, columns=columns)


DIFFERENCE = "second minus first"


def _at(progress: float, name: str, estimate: Estimate, sign: int) -> dict[str, Any]:
    ends = _ends("median", estimate)
    if sign < 0:
        ends = {
            "median": -estimate.value,
            "median_low": -estimate.high,
            "median_high": -estimate.low,
        }
    return {"progress": progress, "study": name, "configurations": estimate.configurations, **ends}


def _ends(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _stack(scores: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.stack(scores["scores"].to_list()) if len(scores) else np.empty((0, 1))


def _shared_budgets(first: Study, second: Study) -> list[tuple[float, tuple[int, int]]]:
    """The last budget that every ended trial of both studies reached, with its evaluation in each;
    one or none.
    """
    axes = []
    for study in (first, second):
        common = selection.common_evaluations(study)
        reached = common[0].evaluation if common else 0
        axes.append(
            {round(at, 6): e for e, at in enumerate(selection.planned_moments(study)[:reached], 1)}
        )
    shared = sorted(axes[0].keys() & axes[1].keys())
    return [(shared[-1], (axes[0][shared[-1]], axes[1][shared[-1]]))] if shared else []

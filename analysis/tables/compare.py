"""Two studies side by side at equal budgets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.formatting import rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import PROVENANCE_COLUMNS, Study, UnlikeScoresError
from ganstudy.analysis.stats.bootstrap import difference_of_medians
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.order_statistics import seed_medians
from ganstudy.analysis.stats.proportions import proportion_over_configurations
from ganstudy.analysis.tables import search
from ganstudy.trials.results.records import Verdict

COMPARED_PROVENANCE = (*PROVENANCE_COLUMNS, "modes")


class UnlikeStudiesError(ValueError):
    """Studies that cannot be compared, with what differs."""


def refuse_unlike(first: Study, second: Study) -> None:
    """Raise UnlikeScoresError or UnlikeStudiesError with everything in which scores, goal or
    budget differ.
    """
    pairs = [
        (column, first.provenance.get(column), second.provenance.get(column))
        for column in COMPARED_PROVENANCE
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
    goals = first.objective.measure, second.objective.measure
    units = first.budget.unit, second.budget.unit
    for what, (one, other) in (("objective", goals), ("unit of the budget", units)):
        if one != other:
            raise UnlikeStudiesError(
                f"studies of unlike {what} cannot be compared: {one} in {first.name}, {other} in {second.name}"
            )


def sides(first: Study, second: Study) -> pd.DataFrame:
    """Return one row per study: its best configuration and its failed seeds.

    study, trials, configurations, best_trial, the objective's measure of the best (median over
    seeds), lowest, highest, num_seeds, candidates (complete within the constraints, of which it is
    the best), failed_share with failed_share_low and failed_share_high (at the last evaluation,
    configurations as the unit; NaN where a verdict is unknown), unknown_seeds (whose verdict is).
    """
    made = []
    for study in (first, second):
        measure = study.objective.measure
        best = search.best(study, 1)
        evaluated = selection.ranked(selection.distinct_configurations(study))
        evaluated = evaluated[evaluated["num_seeds"] > 0]
        winner = rows(best)[0] if len(best) else {}
        unknown = int(evaluated[Verdict.UNKNOWN.value].sum())
        failed = proportion_over_configurations(
            evaluated[selection.FAILED].to_numpy(), evaluated["num_seeds"].to_numpy()
        )
        made.append(
            {
                "study": study.name,
                "trials": len(study.trials),
                "configurations": len(evaluated),
                "best_trial": winner.get("number"),
                measure: winner.get(measure, math.nan),
                "lowest": winner.get("lowest", math.nan),
                "highest": winner.get("highest", math.nan),
                "num_seeds": winner.get("num_seeds"),
                "candidates": int(selection.ranked(study)["candidate"].sum()),
                # Seeds with a known verdict are mostly those that diverged: their share would be no
                # estimate.
                **(failed if not unknown else Estimate(math.nan)).columns("failed_share"),
                "unknown_seeds": unknown,
            }
        )
    return pd.DataFrame(made).astype({"best_trial": "Int64", "num_seeds": "Int64"})


DIFFERENCE = "second minus first"
"""Name of the row of the difference in at_equal_budget."""


def better_study(first: Study, second: Study, table: pd.DataFrame) -> Study | None:
    """Return the study whose configurations score better by the difference in at_equal_budget; None
    where its interval contains no difference, or there is none.
    """
    found = table[table["study"] == DIFFERENCE]
    for row in rows(found):
        difference = Estimate(row["median"], row["median_low"], row["median_high"])
        decision = difference.in_direction(first.objective.sign).decide("second", "first")
        return {"second": second, "first": first}.get(decision)
    return None


def at_equal_budget(first: Study, second: Study) -> pd.DataFrame:
    """Return one row per study and one for the difference (second minus first), at the last budget
    at which every ended trial of both was evaluated.

    progress, study, configurations, num_seeds (of these together), median over configurations of
    the median over seeds with median_low and median_high (95%; bootstrap over configurations and
    seeds; infinite where diverged). Empty where the studies have no such budget in common.
    """
    made: list[dict[str, Any]] = []
    shared = _shared_budgets(first, second)
    if shared:
        compared = [selection.compared_scores(s, amount=shared[-1]) for s in (first, second)]
        # Not paired: two studies need have no configuration in common.
        difference = difference_of_medians(
            seed_medians(compared[1].scores),
            seed_medians(compared[0].scores),
            np.random.default_rng(selection.SEED),
        ).in_direction(compared[0].sign)
        for name, estimate, num_seeds in (
            (first.name, compared[0].median(), compared[0].num_seeds),
            (second.name, compared[1].median(), compared[1].num_seeds),
            (DIFFERENCE, difference, sum(side.num_seeds for side in compared)),
        ):
            made.append(
                {
                    "progress": shared[-1],
                    "study": name,
                    "configurations": estimate.n,
                    "num_seeds": num_seeds,
                    **estimate.columns("median"),
                }
            )
    ends = ["median", "median_low", "median_high"]
    columns = ["progress", "study", "configurations", "num_seeds", *ends]
    return pd.DataFrame(made, columns=columns)


def _shared_budgets(first: Study, second: Study) -> list[float]:
    """Return the planned evaluation times that every ended trial of both studies reached."""
    reached = []
    for study in (first, second):
        common = selection.common_budgets(study)[:1]
        # Rounded, since each study multiplies and divides its own budget.
        reached.append(
            {round(at, 6) for at in study.evaluation_times if common and at <= common[0]}
        )
    return sorted(reached[0] & reached[1])

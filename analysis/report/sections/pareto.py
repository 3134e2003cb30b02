"""Score, recall and cost: which configurations no other one beats in all of them."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures import budget as budget_figures
from ganstudy.analysis.figures import search as search_figures
from ganstudy.analysis.formatting import count, label, number, rows
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables import pareto
from ganstudy.trials.results.catalogue import MEASURES

NAME, TITLE = "pareto", "Score, recall and cost"
POINTS = 500
"""Drawn; of more, those on the front and an even choice of the others."""
SURE = 0.9
NAMED = 5


def conclusions(results: Results) -> list[Conclusion]:
    """How many are on the front, and how sure their places are."""
    table = results.of(pareto.pareto_front, results.study)
    if table.empty:
        return []
    measure, cost = results.study.objective.measure, cost_of(table)
    front = rows(table[table["on_front"]])
    goals = [
        MEASURES[measure].label,
        *(["recall"] if "recall" in table and measure != "recall" else []),
    ]
    goals += [label(cost)] if cost else []
    if len(goals) < 2:
        return []
    named = ", ".join(
        f"trial {row['number']} ({_values(row, measure, cost)})" for row in front[:NAMED]
    )
    more = f" and {len(front) - NAMED} more" if len(front) > NAMED else ""
    n = f"{count(len(table), 'complete configuration')} within the constraints"
    claim = f"{len(front)} of {n} are beaten by no other in {_all(goals)}:"
    shares = table.loc[table["on_front"], "on_front_share"]
    if shares.isna().any():
        sure = "How sure these places are cannot be told from a single seed, or where trials have unlike seeds."
    else:
        sure = f"{int((shares >= SURE).sum())} of them are on the front in at least {SURE:.0%} of resamples of "
        sure += (
            f"the seeds ({count(int(table['num_seeds'].max()), 'seed')}: a hint, not an interval)."
        )
    return [Conclusion(claim, f"{named}{more}. {sure}")]


def _all(goals: list[str]) -> str:
    return f"{', '.join(goals[:-1])} and {goals[-1]} together"


def _values(row: dict[str, float], measure: str, cost: str | None) -> str:
    parts = [f"{MEASURES[measure].label} {number(row[measure])}"]
    parts += [f"recall {row['recall']:.2g}"] if "recall" in row and measure != "recall" else []
    return ", ".join(parts + ([f"{number(row[cost])} {label(cost)}"] if cost else []))


def cost_of(table: pd.DataFrame) -> str | None:
    """The column of the cost, where something was counted."""
    return next((name for name in pareto.COST_AXES if name in table), None)


def blocks(results: Results) -> list[Block]:
    """The front among all complete configurations."""
    study = results.study
    table = results.of(pareto.pareto_front, study)
    measure, cost = study.objective.measure, cost_of(table)
    recall = "recall" in table and measure != "recall"
    if table.empty or not (cost or recall):
        return []
    shown = search_figures.thinned(table, table["on_front"], POINTS)
    some = (
        f" {len(shown)} of {len(table)} configurations are drawn."
        if len(shown) < len(table)
        else ""
    )
    third = " Colour: recall." if cost and recall else ""
    lacking = "" if cost else " What the trials cost was not counted."
    lacking += "" if recall or measure == "recall" else " Recall was not measured."
    caption = (
        f"Complete configurations within the constraints. Diamonds are on the front: no other is at least as good in "
        f"everything and better in something.{third} Cost is that of the trial as it ran, and comparable where "
        f"machines are alike.{lacking}{some}"
    )
    alt = f"{MEASURES[measure].label} against {label(cost or 'recall')} of {count(len(shown), 'configuration')}."
    drawn = budget_figures.pareto(shown, measure, cost)
    made = Table(
        "pareto", table, "Complete configurations, those on the front first", SHARE, rows=20
    )
    return [Figure("pareto", drawn, caption, alt), made]


SHARE = "on_front_share: how often a configuration is on the front when the seeds are resampled, the same for all."

"""Score, recall and cost: the configurations that no other one beats in all of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.figures import pareto as figures
from ganstudy.analysis.figures.style import thinned
from ganstudy.analysis.formatting import count, label, listed, number, rows
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, score_name
from ganstudy.analysis.tables.configurations import pareto

TITLE = "Score, recall and cost"
POINTS = 500
"""Configurations drawn; of more, those on the front and an evenly spaced choice of the others."""
SURE = 0.9
"""Share of resamples in which a configuration is on the front, to be counted as sure of it."""
NAMED = 5


def conclusions(results: Results) -> list[Conclusion]:
    """Return how many configurations are on the front, and how sure that is."""
    study = results.study
    table = results.cached(pareto.pareto_front, study)
    if table.empty:
        return []
    cost, name = cost_of(table), score_name(study)
    goals = [
        name,
        *(["recall"] if _has_recall(table, study) else []),
        *([label(cost)] if cost else []),
    ]
    if len(goals) < 2:  # with one goal the front is the best configuration
        return []
    front = rows(table[table["on_front"]])
    named = ", ".join(
        f"trial {row['number']} ({_values(row, study, cost)})" for row in front[:NAMED]
    )
    if len(front) > NAMED:
        named += f" and {len(front) - NAMED} more"
    n = f"{count(len(table), 'complete configuration')} within the constraints"
    claim = f"{len(front)} of {n} are beaten by no other in {listed(goals)} together:"
    shares = table.loc[table["on_front"], "on_front_share"]
    # Resampling needs the same seeds, more than one, in every trial.
    if shares.isna().any():
        stable = "How sure this is remains unknown with a single seed, or where trials have unlike seeds."
    else:
        seeds, sure = count(int(table["num_seeds"].max()), "seed"), int((shares >= SURE).sum())
        stable = (
            f"{sure} of them {'is' if sure == 1 else 'are'} on the front in at least {SURE:.0%} of "
            f"resamples of the seeds ({seeds}: a hint, not an interval)."
        )
    return [Conclusion(claim, f"{named}. {stable}")]


def _has_recall(table: pd.DataFrame, study: Study) -> bool:
    return "recall" in table and study.objective.measure != "recall"


def _values(row: dict[str, Any], study: Study, cost: str | None) -> str:
    measure = study.objective.measure
    parts = [f"{score_name(study)} {number(row[measure])}"]
    if "recall" in row and measure != "recall":
        parts.append(f"recall {row['recall']:.2g}")
    if cost:
        parts.append(f"{number(row[cost])} {label(cost)}")
    return ", ".join(parts)


def cost_of(table: pd.DataFrame) -> str | None:
    """Return the column of the cost; None where none was counted."""
    return next((name for name in pareto.COST_AXES if name in table), None)


def blocks(results: Results) -> list[Block]:
    """Return the front among all complete configurations."""
    study = results.study
    table = results.cached(pareto.pareto_front, study)
    if table.empty:
        return []
    measure, cost, recall = study.objective.measure, cost_of(table), _has_recall(table, study)
    if not (cost or recall):
        return []
    shown = thinned(table, table["on_front"], POINTS)
    caption = FIGURE
    if cost:
        caption += (
            " Cost is that of the trial as it ran, and comparable only between machines that are "
            "alike."
        )
    else:
        caption += " What the trials cost was not counted."
    if cost and recall:
        caption += " Colour: recall."
    if "recall" not in table:
        caption += " Recall was not measured."
    if len(shown) < len(table):
        caption += f" {len(shown)} of {len(table)} configurations are drawn."
    alt = (
        f"{score_name(study)} against {label(cost or 'recall')} of "
        f"{count(len(shown), 'configuration')}."
    )
    title = "Complete configurations, those on the front first"
    return [
        Figure("pareto", figures.pareto(shown, measure, cost), caption, alt),
        Table("pareto", table, title, TABLE, folded=True),
    ]


FIGURE = (
    "Complete configurations within the constraints. Diamonds are on the front: no other is at "
    "least as good in everything and better in something."
)
TABLE = (
    "on_front_share: how often a configuration is on the front when the seeds are resampled, the "
    "same for all."
)

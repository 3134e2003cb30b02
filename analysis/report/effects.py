"""The effects of k and of remedies as one forest plot: of the first screen, of Python and its notebooks."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.forest import Effect, forest
from ganstudy.analysis.formatting import count, label, number
from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Figure, Results
from ganstudy.analysis.report.phrases import score_name, unit
from ganstudy.analysis.tables.effects.confirmed_contrasts import Against
from ganstudy.analysis.tables.effects.contrasts import RATIO, Contrast, margin_of

MOST_EFFECTS = 8
"""Rows of the plot: as many as fit beside the samples."""


@dataclass(frozen=True)
class ShownEffect:
    """One row: a contrast, and what the plot calls it."""

    label: str
    contrast: Contrast
    is_fresh: bool = False
    """Whether it is about one configuration and its twin, on fresh seeds."""
    trial: int | None = None
    """Of a single configuration: its number, which tells rows of the same remedies apart."""


@dataclass(frozen=True)
class Effects:
    """The rows of the plot and its axis."""

    rows: list[ShownEffect]
    num_left_out: int
    is_ratio: bool
    margin: tuple[float, float] | None
    """Ends of the margin, if the study states one."""
    title: str
    """Of the axis."""

    @property
    def none(self) -> float:
        """Value of no effect."""
        return 1.0 if self.is_ratio else 0.0


def effects(results: Results) -> Effects:
    """Choose and order the comparisons.

    Fresh seeds come first, as the conclusion does; then the largest effect, what is inconclusive
    last. All rows are on one scale; what has no estimate is left out.
    """
    found = [row for row in _candidates(results) if math.isfinite(row.contrast.effect.value)]
    found.sort(key=lambda row: (not row.is_fresh, *_rank(row)))
    scale = found[0].contrast.scale if found else RATIO
    rows = _told_apart([row for row in found if row.contrast.scale == scale])
    is_ratio, study = scale == RATIO, results.whole
    margin = margin_of(study)
    better = "left" if study.objective.sign > 0 else "right"
    what = "ratio" if is_ratio else "difference"
    return Effects(
        rows=rows[:MOST_EFFECTS],
        num_left_out=len(rows[MOST_EFFECTS:]),
        is_ratio=is_ratio,
        margin=margin.ends if margin is not None and margin.is_ratio == is_ratio else None,
        title=f"{score_name(study)} {what} ({better}: better)",
    )


def _candidates(results: Results) -> list[ShownEffect]:
    table, own = results.contrasts, own_axis(results.study)
    fresh = [
        ShownEffect(f"{label(row.contrast.first)}, fresh seeds", row.contrast, True, row.confirms)
        for row in table.confirmed
        if row.against is Against.TWIN
    ]
    remedies = [ShownEffect(label(row.first), row) for row in table.remedies]
    single = [
        ShownEffect(label(row.contrast.first), row.contrast, trial=row.number)
        for row in table.single
    ]
    k = [
        ShownEffect(f"k = {label(row.first)} against {label(row.second)}", row)
        for row in table.k
        if row.axis == own
    ]
    return [*fresh, *remedies, *single, *k]


def _rank(row: ShownEffect) -> tuple[bool, float]:
    # Fresh ones stay in the order of the table, whose first is the study's choice.
    return (False, 0.0) if row.is_fresh else (row.contrast.is_open, -abs(row.contrast.worse_by))


def _told_apart(rows: list[ShownEffect]) -> list[ShownEffect]:
    """Name the trial where a label stands twice: equal labels would share a row."""
    times = Counter(row.label for row in rows)
    return [
        replace(row, label=f"{row.label} (trial {row.trial})")
        if times[row.label] > 1 and row.trial is not None
        else row
        for row in rows
    ]


def plot(shown: Effects) -> go.Figure:
    """Draw the rows; without any, empty axes."""
    table = pd.DataFrame([_cells(row) for row in shown.rows], columns=list(_COLUMNS))
    effect = Effect(
        columns=("effect", "low", "high"),
        decision="decision",
        title=shown.title,
        none=shown.none,
        factor=shown.is_ratio,
        margin=shown.margin,
        row_height=36,
    )
    return forest(table, "name", effect)


_COLUMNS = ("name", "effect", "low", "high", "decision", "pairs", "unit", "seeds")


def _cells(row: ShownEffect) -> tuple[object, ...]:
    contrast = row.contrast
    effect = contrast.effect
    ends = (effect.value, effect.low, effect.high)
    return (row.label, *ends, contrast.decision, effect.n, effect.unit, contrast.seeds)


def effects_figure(results: Results) -> Figure | None:
    """Return the plot as a figure of the report; None where nothing is compared."""
    shown = effects(results)
    if not shown.rows:
        return None
    num = count(len(shown.rows), "comparison")
    alt = f"Effect on {score_name(results.whole)}, with interval, of {num}."
    return Figure("effects", plot(shown), caption(shown, results.whole), alt)


def caption(shown: Effects, study: Study) -> str:
    """Return what the rows are compared with, and what their intervals hold for."""
    early = [row.contrast for row in shown.rows if not row.is_fresh]
    parts = ["Remedies against none."]
    if early:
        amount = f"{number(early[0].amount)} {unit(study)}"
        parts[0] = f"Remedies against none, and k, at {amount}{phrases.together(early)}."
    if any(row.is_fresh for row in shown.rows):
        end = f"{study.budget.amount:g} {unit(study)}"
        parts.append(
            f"Fresh seeds: against the same without, at {end}; each interval alone, if differences "
            "are normal."
        )
    if shown.margin is not None:
        parts.append("Shaded: the margin.")
    if shown.num_left_out:
        parts.append(f"{shown.num_left_out} more in the sections.")
    return " ".join(parts)

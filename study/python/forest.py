"""The effects of k and of remedies as one forest plot: interactive, or as SVG in a page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.forest import COLOURS, FACTORS, Effect, forest
from ganstudy.analysis.formatting import label, number, signed
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import own_axis
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.phrases import score_name
from ganstudy.analysis.tables.confirmed_contrasts import ConfirmedContrast
from ganstudy.analysis.tables.contrasts import RATIO, Contrast

WIDTH, LABELS, VALUES, ROW, AXIS = 640, 210, 150, 26, 44
"""Pixels: of the whole, of the labels, of the figures on the right, per row, below the rows."""
MOST_TICKS = 9
MOST_ROWS = 24


@dataclass(frozen=True)
class ForestRow:
    """One comparison: what is compared, its effect with the interval, and its decision."""

    label: str
    value: float
    low: float
    high: float
    decision: str
    pairs: int
    seeds: int

    @property
    def colour(self) -> str:
        """Colour of its decision."""
        return COLOURS[self.decision]


@dataclass(frozen=True)
class Mark:
    """A row as it is drawn: pixels, None for what lies nowhere on the axis."""

    row: ForestRow
    y: float
    x: float
    left: float | None
    right: float | None
    text: str


@dataclass(frozen=True)
class ForestPicture:
    """Geometry of the plot in pixels."""

    width: int
    height: int
    marks: list[Mark]
    ticks: list[tuple[float, str]]
    none: float
    """Where no effect lies."""
    margin: tuple[float, float] | None
    """Ends of the margin, if the study states one."""
    title: str


def compared(results: Results) -> list[Contrast]:
    """Return the contrasts of k and of remedies at the budget's own amount, then those confirmed."""
    table = results.contrasts
    axis = own_axis(compared_trials(results.whole))
    rows = [row for row in table.k if row.axis == axis]
    rows += table.remedies
    rows += [row.contrast for row in table.single]
    rows += [row.contrast for row in table.confirmed]
    return [row for row in rows if math.isfinite(row.effect.value)][:MOST_ROWS]


def forest_rows(results: Results) -> list[ForestRow]:
    """Return the rows of the plot."""
    confirmed = {id(row.contrast): row for row in results.contrasts.confirmed}
    return [
        ForestRow(
            label=_label(row, confirmed.get(id(row))),
            value=row.effect.value,
            low=row.effect.low,
            high=row.effect.high,
            decision=row.decision,
            pairs=int(row.effect.n or 0),
            seeds=row.seeds,
        )
        for row in compared(results)
    ]


def _label(row: Contrast, confirmed: ConfirmedContrast | None) -> str:
    if row.question == "k":
        return f"k = {label(row.first)} against {label(row.second)}"
    if confirmed is not None:
        return f"{label(row.first)} against {label(row.second)}, fresh seeds"
    return f"{label(row.first)} against none"


def forest_of(results: Results) -> go.Figure:
    """Return the forest plot as an interactive figure."""
    rows = forest_rows(results)
    table = pd.DataFrame(
        [{**vars(row)} for row in rows],
        columns=["label", "value", "low", "high", "decision", "pairs", "seeds"],
    )
    is_ratio = _is_ratio(results)
    effect = Effect(
        columns=("value", "low", "high"),
        decision="decision",
        title=_title(results),
        none=1 if is_ratio else 0,
        factor=is_ratio,
    )
    figure = forest(table, "label", effect)
    if ends := _margin(results):
        figure.add_vrect(x0=ends[0], x1=ends[1], fillcolor="#0072B2", opacity=0.12, line_width=0)
    return figure


def forest_picture(results: Results) -> ForestPicture | None:
    """Return the plot's geometry for a page; None where nothing is compared."""
    rows, is_ratio = forest_rows(results), _is_ratio(results)
    if not rows:
        return None
    none, ends = (1.0 if is_ratio else 0.0), _margin(results)
    shown = [v for row in rows for v in (row.value, row.low, row.high)]
    shown = [
        v for v in (*shown, none, *(ends or ())) if math.isfinite(v) and (v > 0 or not is_ratio)
    ]
    scaled = math.log if is_ratio else float
    low, high = scaled(min(shown)), scaled(max(shown))
    room = 0.08 * (high - low or 1.0)
    low, high = low - room, high + room

    def pixel(value: float) -> float:
        share = (scaled(value) - low) / (high - low)
        return round(LABELS + share * (WIDTH - LABELS - VALUES), 1)

    def end(value: float) -> float | None:
        return pixel(value) if math.isfinite(value) and (value > 0 or not is_ratio) else None

    marks = [
        Mark(
            row,
            ROW * (index + 0.5),
            pixel(row.value),
            end(row.low),
            end(row.high),
            _text(row, is_ratio),
        )
        for index, row in enumerate(rows)
        if end(row.value) is not None
    ]
    return ForestPicture(
        width=WIDTH,
        height=ROW * len(rows) + AXIS,
        marks=marks,
        ticks=[(pixel(tick), text) for tick, text in _ticks(low, high, is_ratio)],
        none=pixel(none),
        margin=(pixel(ends[0]), pixel(ends[1])) if ends else None,
        title=_title(results),
    )


def _is_ratio(results: Results) -> bool:
    return any(row.scale == RATIO for row in compared(results))


def _margin(results: Results) -> tuple[float, float] | None:
    stated = [row.margin for row in compared(results) if row.margin is not None]
    return stated[0].ends if stated else None


def _title(results: Results) -> str:
    better = "left" if results.whole.objective.sign > 0 else "right"
    what = "as a factor of the other's" if _is_ratio(results) else "minus the other's"
    return f"{score_name(results.whole)} {what} ({better}: better)"


def _text(row: ForestRow, is_ratio: bool) -> str:
    shown = number if is_ratio else signed
    if math.isnan(row.low) or math.isnan(row.high):
        return f"{shown(row.value)}, no interval"
    return f"{shown(row.value)} [{shown(row.low)}, {shown(row.high)}]"


def _ticks(low: float, high: float, is_ratio: bool) -> list[tuple[float, str]]:
    if is_ratio:
        inside = [tick for tick in FACTORS if low <= math.log(tick) <= high]
        return [(tick, f"× {tick:g}") for tick in inside[:MOST_TICKS]]
    step = 10 ** math.floor(math.log10((high - low) / 3))
    while (high - low) / step > MOST_TICKS:
        step *= 2
    first = math.ceil(low / step)
    return [(i * step, f"{i * step:+.3g}") for i in range(first, math.floor(high / step) + 1)]

"""The report's forest plot of k and remedies as SVG, for a page without scripts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganstudy.analysis.figures.forest import COLOURS, FACTORS
from ganstudy.analysis.formatting import number, signed
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.effects import caption, effects
from ganstudy.analysis.stats.estimate import Estimate

WIDTH, LABELS, VALUES, ROW, AXIS = 640, 210, 150, 26, 44
"""Pixels: of the whole, of the labels, of the figures on the right, per row, below the rows."""
MOST_TICKS = 9


@dataclass(frozen=True)
class Mark:
    """A row as it is drawn: pixels, None for what lies nowhere on the axis."""

    label: str
    decision: str
    colour: str
    """Of its decision."""
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
    caption: str


def forest_picture(results: Results) -> ForestPicture | None:
    """Return the plot's geometry for a page; None where nothing is compared."""
    plotted = effects(results)
    rows, is_ratio, ends = plotted.rows, plotted.is_ratio, plotted.margin
    if not rows:
        return None
    estimates = [row.contrast.effect for row in rows]
    shown = [v for effect in estimates for v in (effect.value, effect.low, effect.high)]
    shown += [plotted.none, *(ends or ())]
    shown = [v for v in shown if math.isfinite(v) and (v > 0 or not is_ratio)]
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
            row.label,
            row.contrast.decision,
            COLOURS[row.contrast.decision],
            ROW * (index + 0.5),
            pixel(effect.value),
            end(effect.low),
            end(effect.high),
            _text(effect, is_ratio),
        )
        for index, (row, effect) in enumerate(zip(rows, estimates, strict=True))
        if end(effect.value) is not None
    ]
    return ForestPicture(
        width=WIDTH,
        height=ROW * len(rows) + AXIS,
        marks=marks,
        ticks=[(pixel(tick), text) for tick, text in _ticks(low, high, is_ratio)],
        none=pixel(plotted.none),
        margin=(pixel(ends[0]), pixel(ends[1])) if ends else None,
        title=plotted.title,
        caption=caption(plotted, results.whole),
    )


def _text(effect: Estimate, is_ratio: bool) -> str:
    shown = number if is_ratio else signed
    if math.isnan(effect.low) or math.isnan(effect.high):
        return f"{shown(effect.value)}, no interval"
    return f"{shown(effect.value)} [{shown(effect.low)}, {shown(effect.high)}]"


def _ticks(low: float, high: float, is_ratio: bool) -> list[tuple[float, str]]:
    if is_ratio:
        inside = [tick for tick in FACTORS if low <= math.log(tick) <= high]
        return [(tick, f"× {tick:g}") for tick in inside[:MOST_TICKS]]
    step = 10 ** math.floor(math.log10((high - low) / 3))
    while (high - low) / step > MOST_TICKS:
        step *= 2
    first = math.ceil(low / step)
    return [(i * step, f"{i * step:+.3g}") for i in range(first, math.floor(high / step) + 1)]

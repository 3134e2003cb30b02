"""Tables over time in, plotly figures out: a panel per group, and the course of one seed's modes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ganstudy.analysis.figures.style import (
    BLACK,
    BLUE,
    GREY,
    RED,
    TICKS,
    as_text,
    in_lines,
    is_logarithmic,
    styled,
)
from ganstudy.trials.results.records import FAILURE_VERDICTS

MOST_PANELS = 8
"""Of more groups those with the most configurations are drawn; all are in the table."""
PANEL, HEAD, FOOT = 165, 66, 60
"""Pixels: a panel, what stands above it, and below the lowest one."""
TITLE_SIZE = 11
INK = "#555555"


@dataclass(frozen=True)
class Band:
    """Two columns of a table, and how dark it is between them."""

    low: str
    high: str
    opacity: float


def largest(table: pd.DataFrame, setting: str, most: int = MOST_PANELS) -> list[Any]:
    """The values of `setting` with the most configurations, in their own order."""
    counted = table.groupby(setting, sort=False)["configurations"].max()
    kept = set(counted.sort_values(ascending=False, kind="stable").index[:most])
    return [value for value in counted.index if value in kept]


def panels(
    table: pd.DataFrame,
    setting: str,
    line: str,
    bands: list[Band],
    titles: tuple[str, str],
    *,
    share: bool = False,
    floor: float | None = None,
) -> go.Figure:
    """`line` with its bands over `progress`, a panel per value of `setting`; pale in each panel,
    the other values.

    titles: of both axes. share: steps between 0 and 1. floor: a dotted line. Where a line is
    infinite it breaks, and a band that ends in infinity leaves the panel.
    """
    values = largest(table, setting)
    columns = min(2, len(values))
    rows = math.ceil(len(values) / columns)
    inner = rows * PANEL + (rows - 1) * HEAD
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.06,
        vertical_spacing=HEAD / inner if rows > 1 else 0.0,
        subplot_titles=[_title(table, setting, value) for value in values],
    )
    styled(figure, inner + HEAD + FOOT)
    figure.update_layout(showlegend=False, margin={"l": 56, "r": 12, "t": HEAD, "b": FOOT})
    figure.update_annotations(font_size=TITLE_SIZE)
    shown = table[table[setting].isin(values)]
    scale = _share_axis() if share else _score_axis(shown, line, bands, floor)
    top = (
        float("inf") if share else 10 * _finite(shown, [line, *(band.high for band in bands)]).max()
    )
    shape = "hv" if share else "linear"
    for index, value in enumerate(values):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        if len(values) > 1:
            figure.add_scatter(
                **_others(shown[shown[setting] != value], setting, line), line_shape=shape, **place
            )
        own = shown[shown[setting] == value]
        for band in bands:
            _add_band(figure, own, band, shape, top, place)
        figure.add_scatter(
            x=own["progress"],
            y=own[line].where(np.isfinite(own[line].astype(float))),
            mode="lines+markers",
            line={"color": BLUE, "shape": shape, "width": 2},
            marker={"size": 5},
            hovertemplate=f"%{{x:.6g}}: %{{y:{'.0%' if share else '.3g'}}}<extra></extra>",
            **place,
        )
        if floor is not None and (scale.get("type") != "log" or floor > 0):
            ends = [shown["progress"].min(), shown["progress"].max()]
            dotted = {"color": INK, "dash": "dot", "width": 1}
            figure.add_scatter(
                x=ends, y=[floor, floor], mode="lines", line=dotted, hoverinfo="skip", **place
            )
    figure.update_yaxes(scale)
    figure.update_xaxes(rangemode="tozero", nticks=4, tickformat="~s")
    across, up = ({"text": as_text(text), "font": {"size": 12}} for text in titles)
    figure.update_yaxes(title=up, row=rows // 2 + 1 if rows > 1 else 1, col=1)
    for column in range(1, columns + 1):
        last = rows if (rows - 1) * columns + column <= len(values) else rows - 1
        figure.update_xaxes(title=across, showticklabels=True, row=last, col=column)
    return figure


def _title(table: pd.DataFrame, setting: str, value: Any) -> str:
    n = int(table.loc[table[setting] == value, "configurations"].max())
    name = in_lines(value) if isinstance(value, str) else f"{as_text(setting)} = {in_lines(value)}"
    return f"{name}<br>n = {n}"


def _share_axis() -> dict[str, Any]:
    return {"range": [-0.03, 1.03], "tickformat": ".0%", "nticks": 4}


def _finite(table: pd.DataFrame, columns: list[str]) -> pd.Series:
    values = pd.concat([table[column].astype(float) for column in columns])
    return values[np.isfinite(values)]


def _score_axis(
    table: pd.DataFrame, line: str, bands: list[Band], floor: float | None
) -> dict[str, Any]:
    """Spans the lines, the bands where they are finite, and the floor; on a log scale where that
    helps.
    """
    known = _finite(table, [line, *(end for band in bands for end in (band.low, band.high))])
    logarithmic = is_logarithmic(known)
    if floor is not None and (floor > 0 or not logarithmic):
        known = pd.concat([known, pd.Series([floor])])
    low, high = float(known.min()), float(known.max())
    if not logarithmic:
        room = 0.06 * (high - low) or 0.5
        return {"range": [low - room, high + room]}
    room = 0.06 * math.log10(high / low)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    if len(ticks) > 5:
        ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1"] if len(ticks) > 9 else ticks[::2]
    ends = [math.log10(low) - room, math.log10(high) + room]
    return {
        "type": "log",
        "range": ends,
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def _others(table: pd.DataFrame, setting: str, line: str) -> dict[str, Any]:
    """The lines of the other groups as one pale trace."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for _, curve in table.groupby(setting, sort=False):
        xs += [*curve["progress"], None]
        ys += [*curve[line].where(np.isfinite(curve[line].astype(float))), None]
    return {
        "x": xs,
        "y": ys,
        "mode": "lines",
        "line": {"color": GREY, "width": 1},
        "hoverinfo": "skip",
    }


def _add_band(
    figure: go.Figure,
    table: pd.DataFrame,
    band: Band,
    shape: str,
    top: float,
    place: dict[str, int],
) -> None:
    known = table.dropna(subset=[band.low, band.high])
    if known.empty:
        return
    ends = [np.clip(known[column].astype(float), -top, top) for column in (band.high, band.low)]
    colour = f"rgba(0, 114, 178, {band.opacity})"
    for values, fill in zip(ends, (None, "tonexty"), strict=True):
        figure.add_scatter(
            x=known["progress"],
            y=values,
            mode="lines",
            line={"width": 0, "shape": shape, "color": colour},
            fill=fill,
            fillcolor=colour,
            hoverinfo="skip",
            **place,
        )


MOVES = (
    (("movement", "movement", "solid", "circle"),),
    (
        ("dominant_switches", "switches so far", "solid", "circle"),
        ("returns", "returns so far", "dash", "square"),
        ("hidden_coverage", "hidden coverage", "dot", "diamond"),
    ),
)
"""Columns of cycling.cycling_trajectories in the upper and in the lower panel, their names, dashes and
symbols.
"""


def moves(course: pd.DataFrame, unit: str) -> go.Figure:
    """How the modes of one seed moved: a share above, numbers below; a cross where the verdict was
    a lost one.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.12)
    styled(figure, 330)
    figure.update_layout(margin={"l": 56, "r": 12, "t": 56, "b": 50})
    lost = course["verdict_then"].isin([verdict.value for verdict in FAILURE_VERDICTS])
    for row, (colour, pair) in enumerate(zip((BLUE, BLACK), MOVES, strict=True), start=1):
        for column, name, dash, symbol in pair:
            if not course[column].notna().any():
                continue
            figure.add_scatter(
                x=course["progress"],
                y=course[column],
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol, "size": 7},
                name=name,
                customdata=course["verdict_then"].astype(str),
                hovertemplate=f"%{{x:g}}: {name} %{{y:.3g}} (%{{customdata}})<extra></extra>",
                row=row,
                col=1,
            )
    if lost.any():
        figure.add_scatter(
            x=course.loc[lost, "progress"],
            y=[0.0] * int(lost.sum()),
            mode="markers",
            marker={"symbol": "x", "size": 9, "color": RED},
            name="lost verdict",
            customdata=course.loc[lost, "verdict_then"].astype(str),
            hovertemplate="%{x:g}: %{customdata}<extra></extra>",
            row=1,
            col=1,
        )
    figure.update_yaxes(title="share", range=[-0.06, 1.06], nticks=3, row=1, col=1)
    figure.update_yaxes(title="number", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title=as_text(unit), rangemode="tozero", row=2, col=1)
    return figure

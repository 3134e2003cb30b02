"""Curves over time, a panel per value of a setting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ganstudy.analysis.figures.style import (
    BLUE,
    GREY,
    SHARE_AXIS,
    TICKS,
    as_text,
    in_lines,
    is_logarithmic,
    log_axis,
    styled,
)

# A guess: four rows of two fit a page.
MOST_PANELS = 8
"""Of more groups, those with the most configurations are drawn; all are in the table."""


PANEL, HEAD, FOOT = 165, 66, 60
"""Pixels: a panel, the space above it, and the space below the lowest one."""


TITLE_SIZE = 11


INK = "#555555"


@dataclass(frozen=True)
class Band:
    """Band between two columns of a table."""

    low: str
    high: str
    opacity: float


def largest(table: pd.DataFrame, setting: str, most: int = MOST_PANELS) -> list[Any]:
    """Return the `most` values of `setting` with the most configurations, in the table's order."""
    counted = table.groupby(setting, sort=False)["configurations"].max()
    # By configurations and not by score: the best of many small groups is the luckiest.
    kept = set(counted.sort_values(ascending=False, kind="stable").index[:most])
    return [value for value in counted.index if value in kept]


@dataclass(frozen=True)
class Curves:
    """A line with its bands over `progress`, per value of a setting."""

    table: pd.DataFrame
    setting: str
    line: str
    """Column of the line."""
    titles: tuple[str, str]
    """Of the horizontal and the vertical axis."""
    bands: tuple[Band, ...] = ()
    share: bool = False
    """Whether values are shares, in steps between 0 and 1."""
    floor: float | None = None
    """Where to draw a dotted line."""
    log_across: bool = False
    """Whether the horizontal axis is logarithmic."""

    @property
    def shape(self) -> str:
        """Plotly's shape of the lines: a share changes at an evaluation, a score between two."""
        return "hv" if self.share else "linear"


def panels(curves: Curves) -> go.Figure:
    """Draw a panel per value of the setting, with the lines of the other values in grey.

    A line breaks where it is infinite, and a band with an infinite end leaves the panel.
    """
    table, setting = curves.table, curves.setting
    values = largest(table, setting)
    shown = table[table[setting].isin(values)]
    columns = min(2, len(values))
    rows = math.ceil(len(values) / columns)
    titles = [_title(table, setting, value) for value in values]
    figure = _empty_panels(rows, columns, titles)
    for index, value in enumerate(values):
        cell = {"row": index // columns + 1, "col": index % columns + 1}
        others = shown[shown[setting] != value]
        if len(others):
            # Before the group itself, so that its line is on top.
            figure.add_scatter(**_pale_lines(others, curves), **cell)
        _add_group(figure, shown[shown[setting] == value], curves, _top(shown, curves), cell)
        _add_floor(figure, shown, curves, cell)
    figure.update_yaxes(_value_axis(shown, curves))
    if curves.log_across:
        figure.update_xaxes(log_axis())
    else:
        figure.update_xaxes(rangemode="tozero", nticks=4, tickformat="~s")
    across, up = ({"text": as_text(text), "font": {"size": 12}} for text in curves.titles)
    figure.update_yaxes(title=up, row=rows // 2 + 1 if rows > 1 else 1, col=1)
    for column in range(1, columns + 1):
        # The last row may lack its second panel: then the one above it carries the axis.
        last = rows if (rows - 1) * columns + column <= len(values) else rows - 1
        figure.update_xaxes(title=across, showticklabels=True, row=last, col=column)
    return figure


def _empty_panels(rows: int, columns: int, titles: list[str]) -> go.Figure:
    inner = rows * PANEL + (rows - 1) * HEAD
    figure = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.06,
        vertical_spacing=HEAD / inner if rows > 1 else 0.0,
        subplot_titles=titles,
    )
    styled(figure, inner + HEAD + FOOT)
    figure.update_layout(showlegend=False, margin={"l": 56, "r": 12, "t": HEAD, "b": FOOT})
    figure.update_annotations(font_size=TITLE_SIZE)
    return figure


def _title(table: pd.DataFrame, setting: str, value: Any) -> str:
    n = int(table.loc[table[setting] == value, "configurations"].max())
    name = in_lines(value) if isinstance(value, str) else f"{as_text(setting)} = {in_lines(value)}"
    return f"{name}<br>n = {n}"


def _add_group(
    figure: go.Figure, group: pd.DataFrame, curves: Curves, top: float, cell: dict[str, int]
) -> None:
    """Draw the bands and the line of one value of the setting."""
    for band in curves.bands:
        known = group.dropna(subset=[band.low, band.high])
        if known.empty:
            continue
        colour = f"rgba(0, 114, 178, {band.opacity})"  # style.BLUE, which plotly cannot fade
        for column, fill in ((band.high, None), (band.low, "tonexty")):
            figure.add_scatter(
                x=known["progress"],
                y=np.clip(known[column].astype(float), -top, top),
                mode="lines",
                line={"width": 0, "shape": curves.shape, "color": colour},
                fill=fill,
                fillcolor=colour,
                hoverinfo="skip",
                **cell,
            )
    figure.add_scatter(
        x=group["progress"],
        y=_finite_or_nan(group[curves.line]),
        mode="lines+markers",
        line={"color": BLUE, "shape": curves.shape, "width": 2},
        marker={"size": 5},
        hovertemplate=f"%{{x:.6g}}: %{{y:{'.0%' if curves.share else '.3g'}}}<extra></extra>",
        **cell,
    )


def _pale_lines(table: pd.DataFrame, curves: Curves) -> dict[str, Any]:
    """Return the lines of several groups as one grey trace."""
    # One trace with gaps: a trace per group would make pages of many values slow.
    xs: list[float | None] = []
    ys: list[float | None] = []
    for _, group in table.groupby(curves.setting, sort=False):
        xs += [*group["progress"], None]
        ys += [*_finite_or_nan(group[curves.line]), None]
    return {
        "x": xs,
        "y": ys,
        "mode": "lines",
        "line": {"color": GREY, "width": 1},
        "hoverinfo": "skip",
        "line_shape": curves.shape,
    }


def _add_floor(
    figure: go.Figure, table: pd.DataFrame, curves: Curves, cell: dict[str, int]
) -> None:
    floor = curves.floor
    if floor is None or (floor <= 0 and _is_logarithmic(table, curves)):
        return
    figure.add_scatter(
        x=[table["progress"].min(), table["progress"].max()],
        y=[floor, floor],
        mode="lines",
        line={"color": INK, "dash": "dot", "width": 1},
        hoverinfo="skip",
        **cell,
    )


def _value_axis(table: pd.DataFrame, curves: Curves) -> dict[str, Any]:
    """Return an axis over the lines, the finite parts of the bands, and the floor.

    It is logarithmic where that helps.
    """
    if curves.share:
        return {**SHARE_AXIS, "nticks": 4}
    known, logarithmic = _values(table, curves), _is_logarithmic(table, curves)
    if curves.floor is not None and (curves.floor > 0 or not logarithmic):
        known = pd.concat([known, pd.Series([curves.floor])])
    low, high = float(known.min()), float(known.max())
    if not logarithmic:
        # A single value has no extent, and needs an axis all the same.
        room = 0.06 * (high - low) or 0.5
        return {"range": [low - room, high + room]}
    room = 0.06 * math.log10(high / low)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    # A panel has room for about five: of more every other one, of many those at powers of ten.
    if len(ticks) > 9:
        ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1"]
    elif len(ticks) > 5:
        ticks = ticks[::2]
    return {
        "type": "log",
        "range": [math.log10(low) - room, math.log10(high) + room],
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def _is_logarithmic(table: pd.DataFrame, curves: Curves) -> bool:
    return not curves.share and is_logarithmic(_values(table, curves))


def _top(table: pd.DataFrame, curves: Curves) -> float:
    """Return a value far outside the panels, in place of infinity, which plotly does not draw."""
    if curves.share:
        return math.inf
    ends = [curves.line, *(band.high for band in curves.bands)]
    # Ten times lies outside on log axes too, where a decade is more than the room beside the
    # curves.
    return float(10 * _finite(table, ends).max())


def _values(table: pd.DataFrame, curves: Curves) -> pd.Series:
    """Return every finite value of the line and of the ends of the bands."""
    ends = [end for band in curves.bands for end in (band.low, band.high)]
    return _finite(table, [curves.line, *ends])


def _finite(table: pd.DataFrame, columns: list[str]) -> pd.Series:
    values = pd.concat([table[column].astype(float) for column in columns])
    return values[np.isfinite(values)]


def _finite_or_nan(values: pd.Series) -> pd.Series:
    return values.where(np.isfinite(values.astype(float)))

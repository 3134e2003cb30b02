"""Score and share of failed seeds by the values of one setting."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    LOOKS,
    SHARE_AXIS,
    ScoreAxes,
    add_floor,
    error_bars,
    in_lines,
    new_figure,
    score_axis,
)

LONG_LABEL = 8
"""Characters; settings with longer labels are on the vertical axis, where there is room."""


def by_setting(table: pd.DataFrame, setting: str, axes: ScoreAxes) -> go.Figure:
    """Draw the score per value of a setting with 95% intervals, at each common evaluation."""
    axis = score_axis(table[["median", "median_low", "median_high"]], axes.measure)
    figure, upright = _intervals(table, setting, "median", axes.unit, axis)
    add_floor(figure, axes.floor, upright)
    return figure


def failed_by_setting(table: pd.DataFrame, setting: str, unit: str) -> go.Figure:
    """Draw the share of seeds that collapsed, cycled or diverged, per value of a setting."""
    axis = {"title": "failed seeds", **SHARE_AXIS}
    figure, _ = _intervals(table, setting, "failed_share", unit, axis)
    return figure


def _intervals(
    table: pd.DataFrame, setting: str, column: str, unit: str, axis: dict[str, Any]
) -> tuple[go.Figure, bool]:
    """Draw `column` with its interval per value of `setting`, one colour per evaluation.

    Return whether the values of the setting are on the vertical axis too.
    """
    labels = [in_lines(value) for value in table[setting].unique()]
    # plotly turns long labels below an axis, which makes them hard to read.
    upright = any(len(line) > LONG_LABEL for text in labels for line in text.split("<br>"))
    category, number = ("y", "x") if upright else ("x", "y")
    style = axis.get("tickformat", ".3g")
    height = 150 + 62 * len(labels) if upright else 380
    figure = new_figure(height, scattermode="group", scattergap=0.6)
    for (colour, symbol), (_, group) in zip(LOOKS, table.groupby("evaluation"), strict=False):
        errors = error_bars(group[column], group[f"{column}_low"], group[f"{column}_high"])
        figure.add_scatter(
            **{
                category: [in_lines(value) for value in group[setting]],
                number: group[column],
                f"error_{number}": {**errors, "color": colour},
            },
            orientation="h" if upright else "v",
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": symbol},
            name=f"at {group['progress'].iloc[0]:g} {unit}",
            showlegend=True,
            customdata=group[["configurations", "num_seeds"]],
            hovertemplate=f"%{{{category}}}: %{{{number}:{style}}}<br>%{{customdata[0]}} configurations, "
            "%{customdata[1]} seeds<extra></extra>",
        )
    names = {
        "type": "category",
        "title": None if upright else setting,
        "categoryorder": "array",
        "categoryarray": labels,
        # Read from the top on a vertical axis, which plotly draws from the bottom.
        "range": [len(labels) - 0.5, -0.5] if upright else [-0.5, len(labels) - 0.5],
        "automargin": True,
    }
    figure.update_layout({f"{category}axis": names, f"{number}axis": axis})
    return figure, upright

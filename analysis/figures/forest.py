"""Forest plots: an estimate with its interval per row, and a line at no effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREEN,
    RED,
    error_bars,
    in_lines,
    new_figure,
)

# Shape as well as colour, so that printed in grey they still differ.
COLOURS = {
    "better": GREEN,
    "worse": RED,
    "fewer": GREEN,
    "more": RED,
    "practically equal": BLUE,
    "inconclusive": DARK_GREY,
}
SYMBOLS = {
    "better": "triangle-up",
    "worse": "x",
    "fewer": "triangle-up",
    "more": "x",
    "practically equal": "diamond",
    "inconclusive": "circle-open",
}
FACTORS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
FINER_FACTORS = {
    2.0: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5, 1.75, 2],
    8.0: [0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10],
}
"""By the largest over the smallest end of the intervals, up to which an axis has these ticks: as many
as stand side by side without being turned."""


@dataclass(frozen=True)
class Effect:
    """Columns of an effect in a table, and the axis it is drawn on."""

    columns: tuple[str, str, str]
    """Of the estimate and of the ends of its interval."""
    decision: str
    """Column whose value chooses shape and colour."""
    title: str
    none: float
    """Value of no effect."""
    factor: bool = False
    """Whether it is a ratio, on a log axis."""
    style: str = ".3g"
    """Format of the estimate."""
    margin: tuple[float, float] | None = None
    """Effects that are practically none, shaded."""
    row_height: int = 50
    """Pixels."""


def forest(table: pd.DataFrame, names: str, effect: Effect) -> go.Figure:
    """Draw one row per value of the column `names`."""
    middle, low, high = (table[column].astype(float) for column in effect.columns)
    decisions = table[effect.decision]
    figure = new_figure(120 + effect.row_height * len(table))
    _add_legend(figure, list(dict.fromkeys(decisions)))
    if effect.margin is not None:
        figure.add_vrect(*effect.margin, fillcolor=BLUE, opacity=0.12, line_width=0, layer="below")
    unit = table["unit"] if "unit" in table else ["pairs"] * len(table)
    figure.add_scatter(
        x=middle,
        y=[in_lines(value) for value in table[names]],
        error_x=error_bars(middle, low, high),
        mode="markers",
        marker={
            "size": 12,
            "color": [COLOURS[decision] for decision in decisions],
            "symbol": [SYMBOLS[decision] for decision in decisions],
        },
        customdata=table[["pairs", "seeds"]].assign(unit=unit),
        hovertemplate=f"%{{y}}: %{{x:{effect.style}}}<br>%{{customdata[0]}} %{{customdata[2]}}, "
        "%{customdata[1]} seeds<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=effect.none, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title=effect.title)
    if effect.style.endswith("%"):
        figure.update_xaxes(tickformat=".0%")
    if effect.factor:
        ends = pd.concat([middle, low, high, pd.Series([effect.none])])
        ends = ends[np.isfinite(ends) & (ends > 0)]
        finer = (ticks for span, ticks in FINER_FACTORS.items() if ends.max() < span * ends.min())
        ticks = next(finer, FACTORS)
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"× {tick:g}" for tick in ticks])
    # From the top, in the order of the table.
    names_in_order = [in_lines(value) for value in table[names]]
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names_in_order,
        automargin=True,
        range=[len(table) - 0.5, -0.5],
    )
    return figure


def _add_legend(figure: go.Figure, decisions: list[str]) -> None:
    """Name the shape of each decision, by points outside of the plane."""
    for decision in decisions:
        marker = {"size": 10, "color": COLOURS[decision], "symbol": SYMBOLS[decision]}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=decision)

"""Forest plots: an estimate with its interval per row, and a line at no effect."""

from __future__ import annotations

from dataclasses import dataclass

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


def forest(table: pd.DataFrame, names: str, effect: Effect) -> go.Figure:
    """Draw one row per value of the column `names`."""
    middle, low, high = (table[column].astype(float) for column in effect.columns)
    decisions = table[effect.decision]
    figure = new_figure(120 + 50 * len(table))
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
        customdata=table[["pairs", "seeds"]],
        hovertemplate=f"%{{y}}: %{{x:{effect.style}}}<br>%{{customdata[0]}} pairs, "
        "%{customdata[1]} seeds<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=effect.none, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title=effect.title)
    if effect.style.endswith("%"):
        figure.update_xaxes(tickformat=".0%")
    if effect.factor:
        figure.update_xaxes(
            type="log", tickvals=FACTORS, ticktext=[f"× {tick:g}" for tick in FACTORS]
        )
    # From the top, in the order of the table.
    figure.update_yaxes(type="category", automargin=True, range=[len(table) - 0.5, -0.5])
    return figure

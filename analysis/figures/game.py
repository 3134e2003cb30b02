"""The measures of the game beside the score."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLACK,
    DARK_GREY,
    GREEN,
    RED,
    as_text,
    error_bars,
    new_figure,
)
from ganstudy.trials.results.catalogue import MEASURES

COLOURS = {"high is better": GREEN, "high is worse": RED, "inconclusive": DARK_GREY}
SYMBOLS = {"high is better": "triangle-up", "high is worse": "x", "inconclusive": "circle-open"}


def correlations(table: pd.DataFrame, measure: str) -> go.Figure:
    """Draw the rank correlation of each measure of the game with the score, with its interval."""
    figure = new_figure(110 + 36 * len(table))
    for decision in dict.fromkeys(table["decision"]):
        # Points outside the plane: the legend names the shapes.
        marker = {"size": 10, "color": COLOURS[decision], "symbol": SYMBOLS[decision]}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=decision)
    figure.add_scatter(
        showlegend=False,
        x=table["correlation"],
        y=[as_text(text) for text in table["label"]],
        error_x=error_bars(table["correlation"], table["low"], table["high"]),
        mode="markers",
        marker={
            "size": 11,
            "color": [COLOURS[decision] for decision in table["decision"]],
            "symbol": [SYMBOLS[decision] for decision in table["decision"]],
        },
        customdata=table["configurations"],
        hovertemplate="%{y}: %{x:.2f} (%{customdata} configurations)<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": BLACK, "width": 1})
    title = f"rank correlation (right: worse {MEASURES[measure].label})"
    figure.update_xaxes(title=title, range=[-1.05, 1.05], nticks=5)
    figure.update_yaxes(type="category", automargin=True, range=[len(table) - 0.5, -0.5])
    return figure

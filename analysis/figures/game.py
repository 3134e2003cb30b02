"""The measures of the game beside the score: a table in, a plotly figure out."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import BLACK, GREEN, RED, as_text, error_bars, new_figure
from ganstudy.trials.results.catalogue import MEASURES


def correlations(table: pd.DataFrame, measure: str) -> go.Figure:
    """Rank correlation of each measure of the game with the score, with its interval."""
    figure = new_figure(110 + 36 * len(table))
    looks = {
        "high is better": (GREEN, "triangle-up"),
        "high is worse": (RED, "x"),
        "inconclusive": ("#777777", "circle-open"),
    }
    figure.add_scatter(
        x=table["correlation"],
        y=[as_text(text) for text in table["label"]],
        error_x=error_bars(table["correlation"], table["low"], table["high"]),
        mode="markers",
        marker={
            "size": 11,
            "color": [looks[verdict][0] for verdict in table["decision"]],
            "symbol": [looks[verdict][1] for verdict in table["decision"]],
        },
        customdata=table["configurations"],
        hovertemplate="%{y}: %{x:.2f} (%{customdata} configurations)<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": BLACK, "width": 1})
    title = f"rank correlation (right: worse {MEASURES[measure].label})"
    figure.update_xaxes(title=title, range=[-1.05, 1.05], nticks=5)
    figure.update_yaxes(type="category", automargin=True, range=[len(table) - 0.5, -0.5])
    return figure

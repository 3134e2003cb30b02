"""Importance of each setting, its range over resamples, and what chance gives."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import LOOKS, error_bars, in_lines, new_figure


def importances(table: pd.DataFrame) -> go.Figure:
    """Draw tables.configurations.importance.importance: the share of each setting, per evaluator."""
    evaluators = table["evaluator"].unique().tolist()
    settings = [in_lines(setting) for setting in table["setting"].unique()]
    height = 130 + 40 * len(settings) * max(1, len(evaluators)) // 2
    figure = new_figure(height, scattermode="group", scattergap=0.3)
    for (colour, symbol), name in zip(LOOKS, evaluators, strict=False):
        rows = table[table["evaluator"] == name]
        y = [in_lines(setting) for setting in rows["setting"]]
        figure.add_scatter(
            x=rows["importance"],
            y=y,
            orientation="h",
            error_x={**error_bars(rows["importance"], rows["low"], rows["high"]), "color": colour},
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            name=name,
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
        figure.add_scatter(
            x=rows["chance"],
            y=y,
            orientation="h",
            mode="markers",
            marker={"color": colour, "symbol": "line-ns-open", "size": 14, "line": {"width": 2}},
            name=f"{name}: 95% of chance",
            hovertemplate="%{y}: chance gives up to %{x:.0%}<extra></extra>",
        )
    # Always from 0 to 1, so that evaluators and reports can be compared.
    figure.update_xaxes(title="share of the importance", tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=settings,
        automargin=True,
        range=[len(settings) - 0.5, -0.5],
    )
    return figure

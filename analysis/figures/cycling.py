"""The modes of one seed over time: their shares as a heat map, and how they moved."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ganstudy.analysis.figures.style import BLACK, BLUE, RED, as_text, new_figure, styled
from ganstudy.trials.results.records import FAILURE_VERDICTS

CHANGES = (
    (("movement", "movement", "solid", "circle"),),
    (
        ("dominant_switches", "switches so far", "solid", "circle"),
        ("returns", "returns so far", "dash", "square"),
        ("hidden_coverage", "hidden coverage", "dot", "diamond"),
    ),
)
"""Columns of tables.trajectories.cycling.cycling_trajectories in the upper and in the lower panel.

Each with its name, dash and symbol.
"""


def mode_heatmap(shares: pd.DataFrame, mode_names: list[str]) -> go.Figure:
    """Draw the share of the samples per mode over the evaluations of one seed."""
    figure = new_figure(90 + 18 * len(shares))
    figure.add_heatmap(
        z=shares.to_numpy(),
        x=[f"{step:g}" for step in shares.columns],
        y=[
            as_text(mode_names[mode]) if mode < len(mode_names) else str(mode)
            for mode in shares.index
        ],
        zmin=0,
        # To what is there: of ten modes none may have more than a fifth of the samples.
        zmax=float(shares.to_numpy(dtype=float).max()),
        colorscale="Blues",
        colorbar={"title": "share", "tickformat": ".0%", "thickness": 12},
        hovertemplate="mode %{y} after %{x} generator steps: %{z:.1%}<extra></extra>",
    )
    figure.update_layout(margin={"l": 70, "r": 10, "t": 10, "b": 45})
    figure.update_xaxes(title="generator steps", type="category")
    figure.update_yaxes(title="mode", type="category", autorange="reversed", automargin=True)
    return figure


def mode_changes(trajectory: pd.DataFrame, unit: str) -> go.Figure:
    """Draw how the modes of one seed moved: a share above, numbers below.

    A cross marks an evaluation whose verdict was a failure.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.12)
    styled(figure, 330)
    figure.update_layout(margin={"l": 56, "r": 12, "t": 56, "b": 50})
    for row, (colour, columns) in enumerate(zip((BLUE, BLACK), CHANGES, strict=True), start=1):
        for column, name, dash, symbol in columns:
            if not trajectory[column].notna().any():
                continue
            figure.add_scatter(
                x=trajectory["progress"],
                y=trajectory[column],
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol, "size": 7},
                name=name,
                customdata=trajectory["verdict_then"].astype(str),
                hovertemplate=f"%{{x:g}}: {name} %{{y:.3g}} (%{{customdata}})<extra></extra>",
                row=row,
                col=1,
            )
    failed = trajectory[trajectory["verdict_then"].isin(list(map(str, FAILURE_VERDICTS)))]
    if len(failed):
        figure.add_scatter(
            x=failed["progress"],
            y=[0.0] * len(failed),
            mode="markers",
            marker={"symbol": "x", "size": 9, "color": RED},
            name="failure verdict",
            customdata=failed["verdict_then"].astype(str),
            hovertemplate="%{x:g}: %{customdata}<extra></extra>",
            row=1,
            col=1,
        )
    # With room for the crosses at 0.
    figure.update_yaxes(title="share", range=[-0.06, 1.06], nticks=3, row=1, col=1)
    figure.update_yaxes(title="number", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title=as_text(unit), rangemode="tozero", row=2, col=1)
    return figure

"""What a budget buys: the expected best of n trials, and the running best of the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLACK,
    BLUE,
    ORANGE,
    is_logarithmic,
    log_axis,
    new_figure,
    scale_of,
)

AXES = {
    "trials": "trials",
    "seconds": "seconds of training and evaluation",
    "device_hours": "device hours",
}
"""Columns of a budget, and their names."""
SHORT_NAMES = {"trials": "trials", "seconds": "seconds", "device_hours": "device hours"}
BAND = {
    "mode": "lines",
    "name": "95% interval",
    "fill": "toself",
    "fillcolor": BLUE,
    "opacity": 0.2,
    "line": {"width": 0},
    "hoverinfo": "skip",
}
MEDIAN = {
    "mode": "lines+markers",
    "name": "median, random order",
    "line": {"color": BLUE, "dash": "solid"},
    "marker": {"symbol": "circle", "size": 7},
}
RUNNING = {
    "mode": "lines",
    "name": "the search's own order",
    "line": {"color": ORANGE, "dash": "dash", "shape": "hv", "width": 2},
}
# A guess: about as many as the figure has room for on a screen.
TRACE_POINTS = 300
"""Most points of a running best: where it changed, and an evenly spaced choice of the others."""


def axes(table: pd.DataFrame) -> list[str]:
    """Return the budgets that were counted: those that are not 0 or unknown throughout."""
    return [
        name for name in AXES if name in table and (pd.to_numeric(table[name]).fillna(0) > 0).any()
    ]


def expected_best(
    table: pd.DataFrame, trace: pd.DataFrame, measure: str, floor: float | None
) -> go.Figure:
    """Draw the expected best of n trials, and the running best in the search's own order.

    The expected best is that of trials in random order, with its interval.

    A menu changes the axis, where more than the trials were counted.
    """
    names = axes(table)
    band = table[np.isfinite(table["median_low"]) & np.isfinite(table["median_high"])]
    median = table["median"].where(np.isfinite(table["median"]))
    running = _thinned(trace)
    figure = new_figure(480)
    positions = []
    for of, y, look in (
        (pd.concat([band, band[::-1]]), [*band["median_high"], *band["median_low"][::-1]], BAND),
        (table, median, MEDIAN),
        (running, running["best"], RUNNING),
    ):
        if pd.Series(y, dtype=float).notna().any():
            positions.append(_positions(of, names))
            figure.add_scatter(x=positions[-1][0], y=y, **look)
    scores = pd.concat([median, running["best"], band["median_low"], band["median_high"]]).dropna()
    logarithmic = is_logarithmic(scores)
    figure.update_xaxes(title=AXES[names[0]], rangemode="tozero")
    figure.update_yaxes(
        title=scale_of(measure), automargin=True, **(log_axis() if logarithmic else {})
    )
    if floor is not None and (floor > 0 or not logarithmic):
        figure.add_hline(y=floor, line={"color": BLACK, "dash": "dot", "width": 1})
    # The menu is above, so the legend goes below: on a phone it takes three lines.
    figure.update_layout(legend={"y": -0.22, "yanchor": "top"}, margin={"t": 56, "b": 140})
    if len(names) > 1:
        figure.update_layout(updatemenus=[_menu(names, positions)])
    return figure


def _positions(table: pd.DataFrame, names: list[str]) -> list[list[float | None]]:
    """Return the positions of a trace on every axis."""
    # Six digits: the menu carries all positions of all traces, which makes up most of the figure.
    return [
        [None if np.isnan(x) else float(f"{x:.6g}") for x in table[name].astype(float)]
        for name in names
    ]


def _menu(names: list[str], positions: list[list[list[float | None]]]) -> dict[str, Any]:
    buttons = [
        {
            "label": f"by {SHORT_NAMES[name]}",
            "method": "update",
            "args": [{"x": [trace[i] for trace in positions]}, {"xaxis.title.text": AXES[name]}],
        }
        for i, name in enumerate(names)
    ]
    return {
        "buttons": buttons,
        "type": "dropdown",
        "showactive": True,
        "x": 0,
        "xanchor": "left",
        "y": 1.03,
        "yanchor": "bottom",
        "pad": {"t": 0, "b": 0, "r": 0},
    }


def _thinned(trace: pd.DataFrame) -> pd.DataFrame:
    """Return the rows where the running best changed, and an evenly spaced choice of the others."""
    if len(trace) <= TRACE_POINTS:
        return trace
    changed = np.flatnonzero(
        (trace["best"] != trace["best"].shift()).to_numpy() & trace["best"].notna().to_numpy()
    )
    even = np.linspace(0, len(trace) - 1, TRACE_POINTS // 2).astype(int)
    return trace.iloc[np.union1d(changed[-TRACE_POINTS // 2 :], even)]

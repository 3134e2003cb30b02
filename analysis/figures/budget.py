"""What a budget buys, and which configurations are worth their cost: tables in, plotly figures out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    TICKS,
    as_text,
    is_logarithmic,
    new_figure,
    scale_of,
)
from ganstudy.trials.results.catalogue import MEASURES

AXES = {
    "trials": "trials",
    "seconds": "seconds of training and evaluation",
    "device_hours": "device hours",
}
"""Columns of a budget, and their names."""
MENU = {"trials": "trials", "seconds": "seconds", "device_hours": "device hours"}
TRACE_POINTS = 300
"""Of a running best, at most: where it changed, and an even choice between."""


def axes(table: pd.DataFrame) -> list[str]:
    """The budgets that were counted: those that are not 0 or unknown throughout."""
    return [
        name for name in AXES if name in table and (pd.to_numeric(table[name]).fillna(0) > 0).any()
    ]


def expected_best(
    table: pd.DataFrame, trace: pd.DataFrame, measure: str, floor: float | None
) -> go.Figure:
    """The best of so many trials in random order with its interval, and what the search had found
    in its own order.

    A menu changes the axis, where more than trials were counted.
    """
    figure = new_figure(480)
    names = axes(table)
    xs: list[list[list[float | None]]] = []
    band = table[np.isfinite(table["median_low"]) & np.isfinite(table["median_high"])]
    if len(band):
        around = pd.concat([band, band[::-1]])
        ends = [*band["median_high"], *band["median_low"][::-1]]
        _add(
            figure,
            xs,
            around,
            names,
            ends,
            name="95% interval",
            fill="toself",
            fillcolor=BLUE,
            opacity=0.2,
        )
    finite = table["median"].where(np.isfinite(table["median"]))
    line = {"color": BLUE, "dash": "solid"}
    marker = {"symbol": "circle", "size": 7}
    if finite.notna().any():
        _add(
            figure, xs, table, names, finite, name="median, random order", line=line, marker=marker
        )
    thin = _thinned(trace)
    if thin["best"].notna().any():
        stepped = {"color": ORANGE, "dash": "dash", "shape": "hv", "width": 2}
        _add(
            figure,
            xs,
            thin,
            names,
            thin["best"],
            name="the search's own order",
            line=stepped,
            marker=None,
        )
    shown = pd.concat([finite, thin["best"], band["median_low"], band["median_high"]]).dropna()
    figure.update_xaxes(title=AXES[names[0]], rangemode="tozero")
    figure.update_yaxes(title=scale_of(measure), automargin=True)
    if is_logarithmic(shown):
        figure.update_yaxes(type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    if floor is not None and (floor > 0 or not is_logarithmic(shown)):
        figure.add_hline(y=floor, line={"color": BLACK, "dash": "dot", "width": 1})
    # The menu stands above, so that the legend goes below: on a phone it takes three lines.
    figure.update_layout(legend={"y": -0.22, "yanchor": "top"}, margin={"t": 56, "b": 140})
    if len(names) > 1:
        figure.update_layout(updatemenus=[_menu(names, xs)])
    return figure


def _add(
    figure: go.Figure,
    xs: list[list[list[float | None]]],
    table: pd.DataFrame,
    names: list[str],
    y: Any,
    marker: dict[str, Any] | None = None,
    line: dict[str, Any] | None = None,
    **more: Any,
) -> None:
    """Adds a trace, and to `xs` its positions on every axis."""
    xs.append(
        [
            [None if np.isnan(x) else float(f"{x:.6g}") for x in table[name].astype(float)]
            for name in names
        ]
    )
    figure.add_scatter(
        x=xs[-1][0],
        y=y,
        mode="lines+markers" if marker else "lines",
        marker=marker,
        line=line or {"width": 0},
        hoverinfo="skip" if line is None else None,
        **more,
    )


def _menu(names: list[str], xs: list[list[list[float | None]]]) -> dict[str, Any]:
    buttons = [
        {
            "label": f"by {MENU[name]}",
            "method": "update",
            "args": [{"x": [trace[i] for trace in xs]}, {"xaxis.title.text": AXES[name]}],
        }
        for i, name in enumerate(names)
    ]
    place = {
        "x": 0,
        "xanchor": "left",
        "y": 1.03,
        "yanchor": "bottom",
        "pad": {"t": 0, "b": 0, "r": 0},
    }
    return {"buttons": buttons, "type": "dropdown", "showactive": True, **place}


def _thinned(trace: pd.DataFrame) -> pd.DataFrame:
    """Where the running best changed, its end, and an even choice of the trials between."""
    if len(trace) <= TRACE_POINTS:
        return trace
    changed = np.flatnonzero(
        (trace["best"] != trace["best"].shift()).to_numpy() & trace["best"].notna().to_numpy()
    )
    even = np.linspace(0, len(trace) - 1, TRACE_POINTS // 2).astype(int)
    return trace.iloc[np.union1d(changed[-TRACE_POINTS // 2 :], even)]


def pareto(table: pd.DataFrame, measure: str, cost: str | None) -> go.Figure:
    """Score against cost, or against recall where nothing was counted; colour is recall, a diamond
    is on the front.
    """
    figure = new_figure(440)
    coloured = "recall" in table and measure != "recall" and cost is not None
    across = cost or "recall"
    for on_front, symbol, size, name in (
        (False, "circle", 9, "not on it"),
        (True, "diamond", 13, "on the front"),
    ):
        group = table[table["on_front"] == on_front]
        if group.empty:
            continue
        plain = {"color": BLUE if on_front else GREY}
        colour = {"color": group["recall"], "coloraxis": "coloraxis"} if coloured else plain
        edge = {"width": 2 if on_front else 0.5, "color": BLACK}
        figure.add_scatter(
            x=group[across],
            y=group[measure],
            mode="markers",
            showlegend=False,
            marker={"symbol": symbol, "size": size, "line": edge, **colour},
            text=[_pareto_text(row, measure, cost) for row in group.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
        )
        legend = {"symbol": symbol, "size": size, "color": "#777777", "line": edge}
        figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=legend)
    if coloured:
        bar = {"title": "Recall", "thickness": 12, "tickformat": ".2f", "nticks": 6}
        figure.update_layout(coloraxis={"colorscale": "Cividis", "colorbar": bar})
    figure.update_xaxes(
        title=f"{as_text(across.replace('_', ' '))} ({'higher' if not cost else 'lower'} is better)"
    )
    figure.update_yaxes(title=scale_of(measure), automargin=True)
    if cost and is_logarithmic(table[cost]):
        figure.update_xaxes(type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    if is_logarithmic(table[measure]):
        figure.update_yaxes(type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    return figure


def _pareto_text(row: dict[Any, Any], measure: str, cost: str | None) -> str:
    parts = [f"{MEASURES[measure].label} {row[measure]:.3g}"]
    parts += [f"recall {row['recall']:.3g}"] if "recall" in row and measure != "recall" else []
    parts += [f"{row[cost]:.3g} {as_text(cost.replace('_', ' '))}"] if cost else []
    share = row["on_front_share"]
    often = "" if np.isnan(share) else f"<br>on the front in {share:.0%} of resamples"
    return f"trial {row['number']}: {', '.join(parts)}{often}"

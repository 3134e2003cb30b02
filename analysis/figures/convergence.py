"""The objective over the budget: the best trials, the others pale, and bands over all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLUE,
    DARK_GREY,
    GREEN,
    GREY,
    RED,
    ScoreAxes,
    add_floor,
    is_logarithmic,
    log_axis,
    new_figure,
    scale_of,
)

LINES = ((BLUE, "solid", "circle"), (RED, "dash", "square"), (GREEN, "dashdot", "diamond"))
"""Colour, dash and symbol of the highlighted curves: any one of them suffices."""


def evenly_chosen(table: pd.DataFrame, highlighted: list[int], most: int) -> list[int]:
    """Return the numbers of at most `most` trials, evenly spaced by their last score.

    The highlighted trials are not among them.
    """
    others = table[~table["number"].isin(highlighted)].sort_values("evaluation")
    last = others.groupby("number")["median"].last()
    numbers = last.sort_values(kind="stable").index.to_numpy()
    if len(numbers) > most:
        numbers = numbers[np.linspace(0, len(numbers) - 1, most).astype(int)]
    return [int(number) for number in numbers]


def convergence(
    table: pd.DataFrame,
    highlighted: list[int],
    pale: list[int],
    bands: pd.DataFrame | None,
    axes: ScoreAxes,
) -> go.Figure:
    """Draw the curves of the `pale` trials in grey, and the highlighted ones with bands.

    A highlighted trial's band reaches from its lowest to its highest seed.

    bands: quantiles over all trials, where not all are drawn.
    """
    figure = new_figure(460)
    if bands is not None:
        _add_band(figure, bands, ("low_80", "high_80"), DARK_GREY, "middle 80% of trials")
        _add_band(figure, bands, ("low_50", "high_50"), DARK_GREY, "middle half")
    xs: list[float | None] = []
    ys: list[float | None] = []
    # One trace with gaps: a trace per trial would make pages of many trials slow.
    for _, curve in table[table["number"].isin(pale)].groupby("number"):
        xs += [*curve["progress"], None]
        ys += [*curve["median"], None]
    if xs:
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": GREY, "width": 1},
            name="other trials",
            hoverinfo="skip",
        )
    for (colour, dash, symbol), number in zip(LINES, highlighted, strict=False):
        curve = table[table["number"] == number]
        _add_band(figure, curve, ("lowest", "highest"), colour)
        figure.add_scatter(
            x=curve["progress"],
            y=curve["median"],
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 8},
            name=f"trial {number}",
        )
    figure.update_xaxes(title=axes.unit, rangemode="tozero")
    figure.update_yaxes(title=scale_of(axes.measure))
    # All seeds, not the medians drawn: the bands must fit on the axis too.
    if is_logarithmic(pd.concat([table["lowest"], table["highest"]]).dropna()):
        figure.update_yaxes(log_axis())
    add_floor(figure, axes.floor)
    return figure


def _add_band(
    figure: go.Figure, table: pd.DataFrame, ends: tuple[str, str], colour: str, name: str = ""
) -> None:
    """Fill between the columns `ends`; a band without a name is not in the legend."""
    low, high = ends
    band = table.dropna(subset=[low, high])
    figure.add_scatter(
        x=[*band["progress"], *band["progress"][::-1]],
        y=[*band[high], *band[low][::-1]],
        mode="lines",
        fill="toself",
        fillcolor=colour,
        opacity=0.2,
        line={"width": 0},
        hoverinfo="skip",
        name=name or None,
        showlegend=bool(name),
    )

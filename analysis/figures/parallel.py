"""Parallel coordinates: a line per trial through its settings to its score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLUE,
    DARK_GREY,
    GREEN,
    GREY,
    ORANGE,
    as_text,
    is_logarithmic,
    new_figure,
)
from ganstudy.analysis.formatting import label
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits

QUARTERS = (
    ("best quarter", BLUE, 2.0),
    ("second quarter", GREEN, 1.2),
    ("third quarter", ORANGE, 0.9),
    ("last quarter", GREY, 0.9),
)
SPREAD = 0.05
"""Lines through one value lie so far apart at most, as a share of the axis."""


@dataclass(frozen=True)
class Axis:
    """A vertical axis: where each trial crosses it, from 0 to 1, and what is written beside it."""

    name: str
    positions: list[float]
    ticks: list[tuple[float, str]]


def parallel(trials: pd.DataFrame, settings: Sequence[str], measure: str) -> go.Figure:
    """Draw a line per row of `trials` through its settings to its score.

    Coloured by the score's quarter; a line ends where a value is missing.
    """
    sign = MEASURES[measure].sign
    score = pd.to_numeric(trials[measure]).astype(float)
    axes = [_axis(trials[name], name) for name in settings]
    axes.append(_numbers(score, MEASURES[measure].label))
    rank = (sign * score).rank(method="first")
    part = (4 * rank / max(1, int(score.notna().sum()))).fillna(0.0)
    quarter = np.ceil(part.to_numpy()).astype(int)
    figure = new_figure(420)
    looks = [(0, "no score", DARK_GREY, 0.6), *((i, *look) for i, look in enumerate(QUARTERS, 1))]
    # The best on top.
    for index, name, colour, width in reversed(looks[1:]):
        _add_lines(figure, axes, quarter == index, name, colour, width)
    _add_lines(figure, axes, quarter == 0, *looks[0][1:])
    for place, axis in enumerate(axes):
        figure.add_vline(x=place, line={"color": DARK_GREY, "width": 1})
        heights, texts = zip(*axis.ticks, strict=True) if axis.ticks else ((), ())
        figure.add_scatter(
            x=[place] * len(heights),
            y=heights,
            text=texts,
            mode="text",
            textposition="middle left" if place == len(axes) - 1 else "middle right",
            textfont={"size": 11},
            showlegend=False,
            hoverinfo="skip",
        )
    figure.update_xaxes(
        tickvals=list(range(len(axes))),
        ticktext=[as_text(axis.name) for axis in axes],
        range=[-0.1, len(axes) - 0.9],
        showgrid=False,
    )
    figure.update_yaxes(visible=False, range=[-0.08, 1.08])
    return figure


def _add_lines(
    figure: go.Figure, axes: list[Axis], which: Any, name: str, colour: str, width: float
) -> None:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for row in np.flatnonzero(which):
        xs += [*range(len(axes)), None]
        heights = [axis.positions[row] for axis in axes]
        ys += [*(None if math.isnan(height) else height for height in heights), None]
    if xs:
        # One trace with gaps: a trace per trial would make pages of many trials slow.
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"color": colour, "width": width},
            opacity=0.8,
            name=name,
            hoverinfo="skip",
        )


def _axis(values: pd.Series, name: str) -> Axis:
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 6:
        return _numbers(values.astype(float), name)
    known = values.dropna().unique().tolist()
    # Numbers before texts, as Python does not order the two.
    order = sorted(known, key=lambda v: (0, v) if isinstance(v, int | float) else (1, str(v)))
    heights = np.linspace(0, 1, len(order)) if len(order) > 1 else np.array([0.5])
    height = dict(zip(order, heights, strict=True))
    # Side by side, in the order of the table: lines on one another would be counted as one.
    place = values.groupby(values, dropna=False).cumcount()
    size = values.map(values.value_counts()).fillna(1).clip(lower=1)
    shift = SPREAD * ((place + 0.5) / size - 0.5)
    positions = (values.map(height).astype(float) + shift).tolist()
    ticks = [(float(height[value]), as_text(label(value))) for value in order]
    return Axis(name, positions, ticks)


def _numbers(values: pd.Series, name: str) -> Axis:
    known = values[np.isfinite(values)]
    if known.empty:
        return Axis(name, [math.nan] * len(values), [])
    logarithmic = is_logarithmic(known)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.log(values) if logarithmic else values
    low, high = scaled[known.index].min(), scaled[known.index].max()
    span = (high - low) or 1.0
    middle = math.exp((low + high) / 2) if logarithmic else (low + high) / 2
    ticks = [
        (0.0, three_digits(known.min())),
        (0.5, three_digits(middle)),
        (1.0, three_digits(known.max())),
    ]
    positions = ((scaled - low) / span).where(np.isfinite(values)).tolist()
    return Axis(name, positions, ticks if high > low else ticks[:1])

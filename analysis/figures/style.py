"""Colours, axes and templates that all figures share."""

from __future__ import annotations

import html
import math
import textwrap
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.formatting import label
from ganstudy.trials.results.catalogue import MEASURES

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
BLACK, ORANGE, GREEN, BLUE, RED = "#333333", "#E69F00", "#009E73", "#0072B2", "#D55E00"
GREY = "#B8B8B8"
DECADES = range(-7, 8)
TICKS = [digit * 10.0**power for power in DECADES for digit in (1, 2, 5)]
TEMPLATE = "plotly_white"
LONGEST_LINE = 26


def new_figure(height: int, **layout: Any) -> go.Figure:
    """An empty figure of the report's looks."""
    return styled(go.Figure(), height, **layout)


def styled(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """`figure` as all figures of a report look."""
    # Assigned: update_layout would merge two templates property by property, which takes most of a
    # report's time.
    figure.layout.template = TEMPLATE
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 20, "t": 30, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **layout,
    )
    return figure


def error_bars(middle: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    """Arms of an interval: none where there is no interval, and none towards an end that is
    infinite.
    """
    above, below = high - middle, middle - low
    one_sided = above.map(math.isfinite) != below.map(math.isfinite)
    arms = [arm.mask(one_sided & ~arm.map(math.isfinite), 0.0) for arm in (above, below)]
    return {
        "type": "data",
        "symmetric": False,
        "array": arms[0],
        "arrayminus": arms[1],
        "thickness": 1.5,
    }


def scale_of(measure: str) -> str:
    """The measure with its direction, for an axis."""
    return f"{MEASURES[measure].label} ({_better(measure)} is better)"


def _better(measure: str) -> str:
    return "higher" if MEASURES[measure].direction == "up" else "lower"


def is_logarithmic(values: pd.Series) -> bool:
    """Whether the values are shown on a log scale: all above 0, over more than a factor of three."""
    return len(values) > 0 and values.min() > 0 and values.max() > 3 * values.min()


def add_floor(figure: go.Figure, floor: float | None, upright: bool = False) -> None:
    """A dotted line at what real data score against real data."""
    logarithmic = figure.layout.yaxis.type == "log"
    if floor is None or (logarithmic and floor <= 0):
        return
    line = {"color": BLACK, "dash": "dot", "width": 1}
    text = {"text": f"real against real: {floor:.3g}", "font": {"size": 11}, "showarrow": False}
    if upright:
        figure.add_vline(x=floor, line=line)
        figure.add_annotation(x=floor, xanchor="left", yref="paper", y=0, yanchor="bottom", **text)
    else:
        figure.add_hline(y=floor, line=line)
        height = math.log10(floor) if logarithmic else floor
        figure.add_annotation(
            xref="paper", x=1, xanchor="right", y=height, yanchor="bottom", **text
        )


def in_lines(value: Any) -> str:
    """A label of one remedy per line, for an axis of categories; long words are broken."""
    lines = [textwrap.wrap(part, LONGEST_LINE) or [""] for part in label(value).split(" + ")]
    return " +<br>".join("<br>".join(map(as_text, part)) for part in lines)


def as_text(text: str) -> str:
    """Text that plotly shows as it is: it takes tags in labels for markup, links included."""
    return html.escape(text, quote=False)

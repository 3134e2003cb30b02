"""Colours, axes and templates that all figures share. Figures draw tables and compute nothing."""

from __future__ import annotations

import html
import math
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.formatting import label
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
BLACK, ORANGE, GREEN, BLUE, RED = "#333333", "#E69F00", "#009E73", "#0072B2", "#D55E00"
GREY = "#B8B8B8"
DARK_GREY = "#777777"
LOOKS = ((BLUE, "circle"), (ORANGE, "diamond"))
"""Colour and symbol of the first and the second group of points."""
SHARE_AXIS: dict[str, Any] = {"tickformat": ".0%", "range": [-0.03, 1.03]}
"""Axis of shares from 0 to 1, with room for markers at both ends."""
DECADES = range(-7, 8)
# plotly's own ticks on log axes repeat bare digits without their power of ten.
TICKS = [digit * 10.0**power for power in DECADES for digit in (1, 2, 5)]
TEMPLATE = "plotly_white"
LONGEST_LINE = 26
"""Characters of a label's line; wider labels leave too little of a phone's screen to the plot."""


@dataclass(frozen=True)
class ScoreAxes:
    """Axes of a score against the budget."""

    measure: str
    unit: str
    """Of the budget, as text that plotly shows as it is (as_text)."""
    floor: float | None = None
    """Score of real data against real data."""


def new_figure(height: int, **layout: Any) -> go.Figure:
    """Return an empty figure in the style of the report."""
    return styled(go.Figure(), height, **layout)


def styled(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give `figure` the style of the report, and return it."""
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
    """Return the error bars of an interval: none where it is NaN or towards an infinite end."""
    above, below = high - middle, middle - low
    one_sided = above.map(math.isfinite) != below.map(math.isfinite)
    # plotly draws no bar at all if one of its two lengths is not finite.
    arms = [arm.mask(one_sided & ~arm.map(math.isfinite), 0.0) for arm in (above, below)]
    return {
        "type": "data",
        "symmetric": False,
        "array": arms[0],
        "arrayminus": arms[1],
        "thickness": 1.5,
        # Named: a dark page has it in a light colour.
        "color": BLACK,
    }


def scale_of(measure: str) -> str:
    """Return the title of a score's axis: the measure and its direction."""
    better = MEASURES[measure].better or "lower"
    return f"{MEASURES[measure].label} ({better} is better)"


def is_logarithmic(values: pd.Series) -> bool:
    """Return whether to use a log scale: all positive, over more than a factor of 3."""
    # A guess: below a factor of 3 both scales look alike, and a linear one is easier to read.
    return len(values) > 0 and values.min() > 0 and values.max() > 3 * values.min()


def log_axis() -> dict[str, Any]:
    """Return a log axis with ticks at 1, 2 and 5 of every decade."""
    return {"type": "log", "tickvals": TICKS, "ticktext": [f"{tick:g}" for tick in TICKS]}


def score_axis(values: pd.DataFrame, measure: str) -> dict[str, Any]:
    """Return the axis of a score: logarithmic for ratios, as they are compared, else from 0 on."""
    known = pd.Series(values.to_numpy(dtype=float).ravel())
    known = known[np.isfinite(known)]
    title = scale_of(measure)
    if MEASURES[measure].is_ratio and len(known) and (known > 0).all():
        return {"title": title, **log_axis()}
    return {"title": title, "rangemode": "tozero"}


def add_floor(figure: go.Figure, floor: float | None, upright: bool = False) -> None:
    """Draw a dotted line at the score of real data against real data."""
    logarithmic = (figure.layout.xaxis if upright else figure.layout.yaxis).type == "log"
    if floor is None or (logarithmic and floor <= 0):
        return
    line = {"color": BLACK, "dash": "dot", "width": 1}
    text = {
        "text": f"real against real: {three_digits(floor)}",
        "font": {"size": 11},
        "showarrow": False,
    }
    if upright:
        figure.add_vline(x=floor, line=line)
        place = math.log10(floor) if logarithmic else floor
        figure.add_annotation(x=place, xanchor="left", yref="paper", y=0, yanchor="bottom", **text)
    else:
        figure.add_hline(y=floor, line=line)
        # On a log axis plotly takes lines in data units, but annotations in powers of ten.
        height = math.log10(floor) if logarithmic else floor
        figure.add_annotation(
            xref="paper", x=1, xanchor="right", y=height, yanchor="bottom", **text
        )


def in_lines(value: Any) -> str:
    """Return a label with one remedy per line, for an axis of categories; long words are broken."""
    lines = [textwrap.wrap(part, LONGEST_LINE) or [""] for part in label(value).split(" + ")]
    return " +<br>".join("<br>".join(map(as_text, part)) for part in lines)


def as_text(text: str) -> str:
    """Escape text for plotly, which takes tags in labels for markup, links included."""
    return html.escape(text, quote=False)


def thinned(table: pd.DataFrame, kept: pd.Series, most: int) -> pd.DataFrame:
    """Return at most `most` rows: those `kept`, and an evenly spaced choice of the others."""
    others = np.flatnonzero(~kept.to_numpy())
    room = max(0, most - int(kept.sum()))
    if len(others) > room:
        others = others[np.linspace(0, len(others) - 1, room).astype(int)] if room else others[:0]
    return table.iloc[np.sort(np.concatenate([np.flatnonzero(kept.to_numpy()), others]))]

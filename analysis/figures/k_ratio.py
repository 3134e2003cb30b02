"""Score and share of failed seeds by k; a menu chooses what is held equal."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ganstudy.analysis.figures.style import (
    BLUE,
    ORANGE,
    SHARE_AXIS,
    error_bars,
    in_lines,
    score_axis,
    styled,
)
from ganstudy.analysis.formatting import label
from ganstudy.analysis.tables.effects.k_ratio import ENDED_TRIALS


def by_axis(table: pd.DataFrame, setting: str, measure: str, own: str) -> go.Figure:
    """Draw tables.effects.k_ratio.response by value: the score above, the share of failed seeds below.

    The share is drawn where it is known.

    own: the axis shown first.
    """
    axes = table["axis"].unique().tolist()
    first = own if own in axes else axes[0]
    labels = [in_lines(value) for value in table[setting].unique()]
    drawn = [("median", ".3g"), ("failed_share", ".0%")]
    # Shares exist only where all values stand at one evaluation; without any there is no row.
    drawn = drawn if table["failed_share"].notna().any() else drawn[:1]
    figure = make_subplots(rows=len(drawn), cols=1, shared_xaxes=True, vertical_spacing=0.08)
    styled(figure, 150 + 225 * len(drawn), scattermode="group", scattergap=0.6)
    axis_of_trace: list[str] = []
    for (axis, _), group in table.groupby(["axis", "trials"], sort=False):
        for row, (column, style) in enumerate(drawn, 1):
            trace = _trace(group, setting, column, style)
            figure.add_scatter(**trace, showlegend=row == 1, visible=axis == first, row=row, col=1)
            axis_of_trace.append(str(axis))
    figure.update_xaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        range=[-0.5, len(labels) - 0.5],
        automargin=True,
    )
    figure.update_xaxes(title=setting, row=len(drawn), col=1)
    ends = table[["median", "median_low", "median_high"]]
    figure.update_yaxes(score_axis(ends, measure), row=1, col=1)
    if len(drawn) > 1:
        figure.update_yaxes(title="failed seeds", **SHARE_AXIS, row=2, col=1)
    if len(axes) > 1:
        _add_menu(figure, axes, first, axis_of_trace)
    return figure


def _trace(group: pd.DataFrame, setting: str, column: str, style: str) -> dict[str, Any]:
    """Return the points of one axis and one selection of trials, with intervals."""
    axis, trials = group["axis"].iloc[0], str(group["trials"].iloc[0])
    # The fair comparison; the other one, of complete trials only, is a selection.
    fair = trials == ENDED_TRIALS
    colour, symbol = (BLUE, "circle") if fair else (ORANGE, "diamond")
    errors = error_bars(group[column], group[f"{column}_low"], group[f"{column}_high"])
    return {
        "x": [in_lines(value) for value in group[setting]],
        "y": group[column],
        "error_y": {**errors, "color": colour},
        "mode": "markers",
        "marker": {"color": colour, "size": 10, "symbol": symbol},
        "name": f"{trials}, at {_amount(group['amount'].iloc[0])} {label(axis)}",
        "legendgroup": f"{axis} {trials}",
        "customdata": group[["configurations", "seeds"]],
        "hovertemplate": f"%{{x}}: %{{y:{style}}}<br>%{{customdata[0]}} configurations, "
        "%{customdata[1]} seeds<extra></extra>",
    }


def _add_menu(figure: go.Figure, axes: list[str], first: str, axis_of_trace: list[str]) -> None:
    buttons = [
        {
            "label": f"at equal {label(axis)}",
            "method": "update",
            "args": [{"visible": [axis == of_trace for of_trace in axis_of_trace]}],
        }
        for axis in axes
    ]
    menu = {
        "buttons": buttons,
        "active": axes.index(first),
        "x": 0,
        "xanchor": "left",
        "y": 1.12,
        "yanchor": "top",
    }
    # The menu is above, so the legend goes below: on a phone it takes two lines.
    figure.update_layout(
        updatemenus=[menu],
        legend={"y": -0.16, "yanchor": "top"},
        margin={"l": 60, "r": 20, "t": 60, "b": 120},
    )


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"

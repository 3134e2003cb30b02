"""Score, recall and cost of the configurations, with the Pareto front."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLACK,
    BLUE,
    DARK_GREY,
    GREY,
    as_text,
    is_logarithmic,
    log_axis,
    new_figure,
    scale_of,
)
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits


def pareto(table: pd.DataFrame, measure: str, cost: str | None) -> go.Figure:
    """Draw score against cost, or against recall where no cost was counted.

    The colour is recall; a diamond is on the front.
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
        legend = {"symbol": symbol, "size": size, "color": DARK_GREY, "line": edge}
        # Points outside the plane: the legend shows the shape, without the colours of the points.
        figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=legend)
    if coloured:
        bar = {"title": "Recall", "thickness": 12, "tickformat": ".2f", "nticks": 6}
        figure.update_layout(coloraxis={"colorscale": "Cividis", "colorbar": bar})
    figure.update_xaxes(
        title=f"{as_text(across.replace('_', ' '))} ({'higher' if not cost else 'lower'} is better)"
    )
    figure.update_yaxes(title=scale_of(measure), automargin=True)
    if cost and is_logarithmic(table[cost]):
        figure.update_xaxes(log_axis())
    if is_logarithmic(table[measure]):
        figure.update_yaxes(log_axis())
    return figure


def _pareto_text(row: dict[Any, Any], measure: str, cost: str | None) -> str:
    parts = [f"{MEASURES[measure].label} {three_digits(row[measure])}"]
    parts += (
        [f"recall {three_digits(row['recall'])}"] if "recall" in row and measure != "recall" else []
    )
    parts += [f"{three_digits(row[cost])} {as_text(cost.replace('_', ' '))}"] if cost else []
    share = row["on_front_share"]
    often = "" if np.isnan(share) else f"<br>on the front in {share:.0%} of resamples"
    return f"trial {row['number']}: {', '.join(parts)}{often}"

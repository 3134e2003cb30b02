"""Scores on fresh seeds beside those of the search."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    add_floor,
    error_bars,
    in_lines,
    is_logarithmic,
    log_axis,
    new_figure,
    scale_of,
)


def fresh_scores(
    table: pd.DataFrame, seeds: pd.DataFrame, measure: str, floor: float | None
) -> go.Figure:
    """Draw single fresh seeds, their median with its interval, and the search's score, a row per
    configuration.

    table: tables.confirm.confirmed with a column `name`; seeds: name and score of every fresh seed.
    A dashed line is at the baseline's median.
    """
    figure = new_figure(150 + 60 * len(table))
    names = [in_lines(name) for name in table["name"]]
    figure.add_scatter(
        x=seeds["score"],
        y=[in_lines(name) for name in seeds["name"]],
        mode="markers",
        marker={"color": GREY, "size": 7, "symbol": "line-ns-open", "line": {"width": 2}},
        name="single fresh seeds",
        hovertemplate="%{y}: %{x:.3g}<extra></extra>",
    )
    figure.add_scatter(
        x=table["search_score"],
        y=names,
        mode="markers",
        marker={"color": ORANGE, "size": 11, "symbol": "diamond-open", "line": {"width": 2}},
        name="in the search",
        hovertemplate="%{y}: %{x:.3g} in the search<extra></extra>",
    )
    figure.add_scatter(
        x=table["score"],
        y=names,
        error_x=error_bars(table["score"], table["score_low"], table["score_high"]),
        mode="markers",
        marker={"color": BLUE, "size": 11},
        name="fresh seeds, median and interval",
        customdata=table[["num_seeds", "failed"]],
        hovertemplate="%{y}: %{x:.3g}<br>%{customdata[0]} fresh seeds, %{customdata[1]} failed"
        "<extra></extra>",
    )
    _add_lines(figure, table, seeds, floor)
    figure.update_xaxes(title=scale_of(measure))
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        automargin=True,
        range=[len(table) - 0.5, -0.5],
    )
    return figure


def _add_lines(
    figure: go.Figure, table: pd.DataFrame, seeds: pd.DataFrame, floor: float | None
) -> None:
    """Set the scale of the scores, and draw the baseline's median and the floor."""
    scores = pd.concat([table["score"], table["search_score"], seeds["score"]]).astype(float)
    scores = scores[scores.map(math.isfinite)]
    logarithmic = is_logarithmic(scores)
    figure.update_xaxes(log_axis() if logarithmic else {"rangemode": "tozero"})
    is_baseline = table["role"].str.split("; ").map(lambda roles: "baseline" in roles)
    baseline = table.loc[is_baseline, "score"]
    if len(baseline) and math.isfinite(baseline.iloc[0]):
        line = {"color": BLACK, "dash": "dash", "width": 1}
        figure.add_vline(x=float(baseline.iloc[0]), line=line)
    # On a log axis the floor may be decades below every score, which would press them together.
    if not logarithmic:
        add_floor(figure, floor, upright=True)

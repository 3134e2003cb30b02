"""Scores on fresh seeds beside those of the search."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
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
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import FAILURE_VERDICTS, Verdict

# A guess: far enough to be seen apart, near enough not to press the others together.
BEYOND = 1.25
"""Seeds without a score stand at so many times the worst one; where the axis is linear, a quarter
of the scores' range beyond it.
"""


def fresh_scores(
    table: pd.DataFrame, seeds: pd.DataFrame, measure: str, floor: float | None
) -> go.Figure:
    """Draw the scores of single fresh seeds, a row per configuration.

    Failed seeds stand apart; the seeds' median with its interval and the search's score are beside
    them.

    table: tables.configurations.confirm.confirmed with a column `name`; seeds: name, seed, score and verdict of
    every fresh seed. Seeds without a score stand beyond the largest one (for a measure of which
    larger is better, the smallest), where the worst belong.
    """
    figure = new_figure(170 + 60 * len(table))
    names = [in_lines(name) for name in table["name"]]
    _add_seeds(figure, seeds, measure)
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
    _scale(figure, table, seeds, floor)
    figure.update_xaxes(title=scale_of(measure))
    figure.update_layout(legend_traceorder="normal")
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        automargin=True,
        range=[len(table) - 0.5, -0.5],
    )
    return figure


def _add_seeds(figure: go.Figure, seeds: pd.DataFrame, measure: str) -> None:
    """Draw a stroke per seed that did not fail, and a cross in its verdict's colour per failed one."""
    beyond = _beyond(seeds["score"].astype(float), MEASURES[measure].sign)
    for verdict, group in _by_verdict(seeds):
        mark = {"color": GREY, "size": 9, "symbol": "line-ns-open", "line": {"width": 2}}
        if verdict is not None:
            mark |= {"color": verdict.colour, "size": 10, "symbol": "x-thin-open"}
        missing = group["score"].isna()
        shown = [
            "no score" if gone else three_digits(x)
            for gone, x in zip(missing, group["score"], strict=True)
        ]
        figure.add_scatter(
            x=group["score"].where(~missing, beyond),
            y=[in_lines(name) for name in group["name"]],
            mode="markers",
            marker=mark,
            name=f"seeds that {verdict.past}" if verdict is not None else "single fresh seeds",
            customdata=pd.DataFrame({"seed": group["seed"], "score": shown}),
            hovertemplate="%{y}<br>seed %{customdata[0]}: %{customdata[1]}"
            + (f", {verdict.value}" if verdict is not None else "")
            + "<extra></extra>",
        )


def _beyond(scores: pd.Series, sign: int) -> float:
    """Return where seeds without a score stand: a little beyond the worst one, on either scale."""
    known = scores[scores.map(math.isfinite)]
    if known.empty:
        return 1.0
    worst = float(known.max() if sign > 0 else known.min())
    if is_logarithmic(known):
        return worst * BEYOND**sign
    span = float(known.max() - known.min()) or abs(worst) or 1.0
    return worst + sign * (BEYOND - 1) * span


def _by_verdict(seeds: pd.DataFrame) -> Iterator[tuple[Verdict | None, pd.DataFrame]]:
    """Yield the seeds that did not fail, under None, then those of each failure that occurs."""
    failed = seeds["verdict"].isin(FAILURE_VERDICTS)
    # Without a score a seed has no place among the others, whatever is known of it.
    gone = seeds["score"].isna() & ~failed
    yield None, seeds[~failed & ~gone]
    for verdict in Verdict:
        own = seeds["verdict"].eq(verdict.value)
        if verdict is Verdict.DIVERGED:
            own |= gone
        if verdict.is_failure and own.any():
            yield verdict, seeds[own]


def _scale(
    figure: go.Figure, table: pd.DataFrame, seeds: pd.DataFrame, floor: float | None
) -> None:
    """Set the scale of the scores, and draw the floor."""
    scores = pd.concat([table["score"], table["search_score"], seeds["score"]]).astype(float)
    scores = scores[scores.map(math.isfinite)]
    logarithmic = is_logarithmic(scores)
    figure.update_xaxes(log_axis() if logarithmic else {"rangemode": "tozero"})
    # On a log axis the floor may be decades below every score, which would press them together.
    if not logarithmic:
        add_floor(figure, floor, upright=True)

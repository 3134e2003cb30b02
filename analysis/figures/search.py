"""Tables in, plotly figures out; nothing is computed here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    TICKS,
    add_floor,
    as_text,
    error_bars,
    in_lines,
    is_logarithmic,
    new_figure,
    scale_of,
)
from ganstudy.analysis.formatting import label
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import TrialState

MARKERS = {
    TrialState.COMPLETE.value: "circle",
    TrialState.PRUNED.value: "triangle-down",
    TrialState.FAILED.value: "x",
    TrialState.RUNNING.value: "square",
}
LINES = ((BLUE, "solid", "circle"), (RED, "dash", "square"), (GREEN, "dashdot", "diamond"))
"""Colour, dash and symbol of the highlighted curves: each tells them apart without the others."""
RATE_LABELS = [f"{tick:.0e}".replace("e-0", "e-").replace("e+0", "e") for tick in TICKS]
LONG_LABEL = 8
"""Characters; settings with longer labels stand on the vertical axis."""


def by_setting(
    table: pd.DataFrame, setting: str, measure: str, unit: str, floor: float | None
) -> go.Figure:
    """The measure per value of a hyperparameter, with 95% intervals, at each common evaluation."""
    return _intervals(
        table,
        setting,
        "median",
        unit,
        ".3g",
        {"title": scale_of(measure), "rangemode": "tozero"},
        floor,
    )


def lost_by_setting(table: pd.DataFrame, setting: str, unit: str) -> go.Figure:
    """Share of seeds that collapsed, cycled or diverged, per value of a hyperparameter."""
    axis = {"title": "seeds lost", "tickformat": ".0%", "range": [-0.03, 1.03]}
    return _intervals(table, setting, "failed_share", unit, ".0%", axis, None)


def _intervals(
    table: pd.DataFrame,
    setting: str,
    column: str,
    unit: str,
    style: str,
    axis: dict[str, Any],
    floor: float | None,
) -> go.Figure:
    """`column` with its interval per value of `setting`; one colour per evaluation, side by side."""
    labels = [in_lines(value) for value in table[setting].unique()]
    lying = any(len(line) > LONG_LABEL for text in labels for line in text.split("<br>"))
    category, number = ("y", "x") if lying else ("x", "y")
    figure = new_figure(
        150 + 62 * len(labels) if lying else 380, scattermode="group", scattergap=0.6
    )
    evaluations = table.groupby("evaluation")
    for (colour, symbol), (_, group) in zip(
        ((BLUE, "circle"), (ORANGE, "diamond")), evaluations, strict=False
    ):
        errors = error_bars(group[column], group[f"{column}_low"], group[f"{column}_high"])
        figure.add_scatter(
            **{
                category: [in_lines(value) for value in group[setting]],
                number: group[column],
                f"error_{number}": {**errors, "color": colour},
            },
            orientation="h" if lying else "v",
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": symbol},
            name=f"at {group['progress'].iloc[0]:g} {unit}",
            showlegend=True,
            customdata=group[["configurations", "num_seeds"]],
            hovertemplate=f"%{{{category}}}: %{{{number}:{style}}}<br>%{{customdata[0]}} configurations, "
            "%{customdata[1]} seeds<extra></extra>",
        )
    names = {
        "type": "category",
        "title": None if lying else setting,
        "categoryorder": "array",
        "categoryarray": labels,
        "range": [len(labels) - 0.5, -0.5] if lying else [-0.5, len(labels) - 0.5],
        "automargin": True,
    }
    figure.update_layout({f"{category}axis": names, f"{number}axis": axis})
    add_floor(figure, floor, upright=lying)
    return figure


def learning_rate_map(table: pd.DataFrame, measure: str) -> go.Figure:
    """lr_g against lr_d; colour is the measure, shape is the trial's state, a ring says that seeds
    were lost.
    """
    figure = new_figure(460)
    known = table[measure].dropna()
    logarithmic = is_logarithmic(known)
    figure.update_layout(coloraxis=_colours(known, measure, logarithmic))
    for state, trials in table.groupby("state"):
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=str(state), marker=_legend_marker(str(state))
        )
        for scored, group in trials.groupby(trials[measure].notna()):
            colours = [math.log10(v) if logarithmic else v for v in group[measure]]
            figure.add_scatter(
                x=group["lr_d"],
                y=group["lr_g"],
                mode="markers",
                showlegend=False,
                marker={
                    "symbol": MARKERS[str(state)],
                    "size": 15,
                    "line": {
                        "width": [3 if lost else 0.5 for lost in group["failed"]],
                        "color": RED,
                    },
                    **(
                        {"color": colours, "coloraxis": "coloraxis"}
                        if scored
                        else {"color": "white"}
                    ),
                },
                text=[_trial_text(row, measure) for row in group.to_dict("records")],
                hovertemplate="%{text}<extra></extra>",
            )
    if table["failed"].any():
        ring = {"symbol": "circle-open", "size": 13, "color": RED, "line": {"width": 3}}
        figure.add_scatter(x=[None], y=[None], mode="markers", name="a seed lost", marker=ring)
    figure.update_xaxes(
        type="log", title="lr_d (discriminator)", tickvals=TICKS, ticktext=RATE_LABELS
    )
    figure.update_yaxes(type="log", title="lr_g (generator)", tickvals=TICKS, ticktext=RATE_LABELS)
    return figure


def _legend_marker(state: str) -> dict[str, Any]:
    return {"symbol": MARKERS[state], "size": 13, "color": "#777777"}


def _colours(known: pd.Series, measure: str, logarithmic: bool) -> dict[str, Any]:
    """The colour axis: dark is worse."""
    bar: dict[str, Any] = {"title": MEASURES[measure].label}
    if logarithmic:
        ticks = [tick for tick in TICKS if known.min() <= tick <= known.max()]
        bar |= {
            "tickvals": [math.log10(tick) for tick in ticks],
            "ticktext": [f"{tick:g}" for tick in ticks],
        }
    return {
        "colorscale": "Cividis",
        "reversescale": MEASURES[measure].direction == "down",
        "colorbar": bar,
        "showscale": len(known) > 0,
    }


def _trial_text(row: dict[Any, Any], measure: str) -> str:
    score = "none" if math.isnan(row[measure]) else f"{row[measure]:.3g}"
    settings = ", ".join(
        f"{key} {as_text(label(row[key]))}" for key in ("k", "remedies") if key in row
    )
    return (
        f"trial {row['number']} ({row['state']}): {MEASURES[measure].label} {score}<br>{settings}"
        f"<br>lr_d {row['lr_d']:.2g}, lr_g {row['lr_g']:.2g}<br>{row['failed']} of {row['num_seeds']} seeds lost"
    )


def thinned(table: pd.DataFrame, kept: pd.Series, most: int) -> pd.DataFrame:
    """At most `most` rows: those `kept`, and an even choice of the others."""
    others = np.flatnonzero(~kept.to_numpy())
    room = max(0, most - int(kept.sum()))
    if len(others) > room:
        others = others[np.linspace(0, len(others) - 1, room).astype(int)] if room else others[:0]
    return table.iloc[np.sort(np.concatenate([np.flatnonzero(kept.to_numpy()), others]))]


def chosen_curves(table: pd.DataFrame, highlighted: list[int], most: int) -> list[int]:
    """Numbers of at most `most` trials beside the highlighted ones, evenly chosen by their last
    score.
    """
    others = (
        table[~table["number"].isin(highlighted)]
        .sort_values("evaluation")
        .groupby("number")["median"]
        .last()
    )
    numbers = others.sort_values(kind="stable").index.to_numpy()
    chosen = (
        numbers[np.linspace(0, len(numbers) - 1, most).astype(int)]
        if len(numbers) > most
        else numbers
    )
    return [int(number) for number in chosen]


def convergence(
    table: pd.DataFrame,
    highlighted: list[int],
    pale: list[int],
    bands: pd.DataFrame | None,
    measure: str,
    unit: str,
    floor: float | None,
) -> go.Figure:
    """Curves of the `pale` trials; the highlighted ones with the band from their lowest to their
    highest seed.

    bands: quantiles over all trials, where not all are drawn.
    """
    figure = new_figure(460)
    if bands is not None:
        for low, high, name in (
            ("low_80", "high_80", "middle 80% of trials"),
            ("low_50", "high_50", "middle half"),
        ):
            _add_band(figure, bands, low, high, "#888888", name)
    xs: list[float | None] = []
    ys: list[float | None] = []
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
        _add_band(figure, curve, "lowest", "highest", colour, None)
        figure.add_scatter(
            x=curve["progress"],
            y=curve["median"],
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 8},
            name=f"trial {number}",
        )
    figure.update_xaxes(title=unit, rangemode="tozero")
    figure.update_yaxes(title=scale_of(measure))
    if is_logarithmic(pd.concat([table["lowest"], table["highest"]]).dropna()):
        figure.update_yaxes(type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    add_floor(figure, floor)
    return figure


def _add_band(
    figure: go.Figure, table: pd.DataFrame, low: str, high: str, colour: str, name: str | None
) -> None:
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
        name=name,
        showlegend=name is not None,
    )


def mode_film(film: pd.DataFrame, mode_names: list[str]) -> go.Figure:
    """Share of the samples per mode over the evaluations of one seed."""
    figure = new_figure(90 + 18 * len(film))
    figure.add_heatmap(
        z=film.to_numpy(),
        x=[f"{step:g}" for step in film.columns],
        y=[
            as_text(mode_names[mode]) if mode < len(mode_names) else str(mode)
            for mode in film.index
        ],
        zmin=0,
        zmax=1,
        colorscale="Blues",
        colorbar={"title": "share", "tickformat": ".0%", "thickness": 12},
        hovertemplate="mode %{y} after %{x} generator steps: %{z:.1%}<extra></extra>",
    )
    figure.update_layout(margin={"l": 70, "r": 10, "t": 10, "b": 45})
    figure.update_xaxes(title="generator steps", type="category")
    figure.update_yaxes(title="mode", type="category", autorange="reversed", automargin=True)
    return figure

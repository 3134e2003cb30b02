"""The plane of both learning rates: every trial as a point, and cells with their medians."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.figures.style import (
    DARK_GREY,
    RED,
    TICKS,
    as_text,
    is_logarithmic,
    new_figure,
)
from ganstudy.analysis.formatting import label
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import TrialState

MARKERS = {
    TrialState.COMPLETE.value: "circle",
    TrialState.PRUNED.value: "triangle-down",
    TrialState.FAILED.value: "x",
    TrialState.RUNNING.value: "square",
}


RATE_LABELS = [f"{tick:.0e}".replace("e-0", "e-").replace("e+0", "e") for tick in TICKS]


def learning_rate_map(table: pd.DataFrame, measure: str) -> go.Figure:
    """Draw every trial at its learning rates.

    The colour is the measure and the shape the trial's state; a red ring marks a failed seed.
    """
    figure = new_figure(460)
    known = table[measure].dropna()
    logarithmic = is_logarithmic(known)
    figure.update_layout(coloraxis=_colours(known, measure, logarithmic))
    for state, trials in table.groupby("state"):
        # A point outside the plane: the legend shows the shape, without the colours of the scores.
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=str(state),
            marker={"symbol": MARKERS[str(state)], "size": 13, "color": DARK_GREY},
        )
        for scored, group in trials.groupby(trials[measure].notna()):
            # plotly has no logarithmic colours: their logarithms are drawn, and the bar has ticks
            # to match.
            colours = [math.log10(v) if logarithmic else v for v in group[measure]]
            figure.add_scatter(
                x=group["lr_d"],
                y=group["lr_g"],
                mode="markers",
                showlegend=False,
                marker={
                    "symbol": MARKERS[str(state)],
                    "size": 15,
                    "line": {"width": [3 if n else 0.5 for n in group["failed"]], "color": RED},
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
        figure.add_scatter(x=[None], y=[None], mode="markers", name="a seed failed", marker=ring)
    figure.update_xaxes(
        type="log", title="lr_d (discriminator)", tickvals=TICKS, ticktext=RATE_LABELS
    )
    figure.update_yaxes(type="log", title="lr_g (generator)", tickvals=TICKS, ticktext=RATE_LABELS)
    return figure


def _colours(known: pd.Series, measure: str, logarithmic: bool) -> dict[str, Any]:
    """Return the colour axis of a measure: dark is worse."""
    bar: dict[str, Any] = {"title": MEASURES[measure].label}
    if logarithmic:
        bar |= log_ticks(known)
    return {
        "colorscale": "Cividis",
        "reversescale": MEASURES[measure].sign > 0,
        "colorbar": bar,
        "showscale": len(known) > 0,
    }


def log_ticks(known: pd.Series) -> dict[str, Any]:
    """Return the ticks of a colour bar whose colours are of logarithms."""
    ticks = [tick for tick in TICKS if known.min() <= tick <= known.max()]
    return {
        "tickvals": [math.log10(tick) for tick in ticks],
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def _trial_text(row: dict[Any, Any], measure: str) -> str:
    score = "none" if math.isnan(row[measure]) else three_digits(row[measure])
    settings = ", ".join(
        f"{key} {as_text(label(row[key]))}" for key in ("k", "remedies") if key in row
    )
    return (
        f"trial {row['number']} ({row['state']}): {MEASURES[measure].label} "
        f"{score}<br>{settings}<br>lr_d {row['lr_d']:.2g}, lr_g "
        f"{row['lr_g']:.2g}<br>{row['failed']} of {row['num_seeds']} seeds failed"
    )


def learning_rate_cells(
    table: pd.DataFrame, column: str, title: str, share: bool, worse_is_more: bool
) -> go.Figure:
    """Draw tables.effects.learning_rates.rate_map, a rectangle per cell with its number of configurations.

    column: shown as colour; dark is worse.
    """
    ends_d, ends_g = (
        sorted({*table[f"{rate}_low"], *table[f"{rate}_high"]}) for rate in ("lr_d", "lr_g")
    )
    # Where only one rate was tried, its cell has no extent: low is high, and there is one end.
    index, columns = ends_g[:-1] or ends_g, ends_d[:-1] or ends_d
    values, counts = (
        table.pivot_table(index="lr_g_low", columns="lr_d_low", values=name, dropna=False).reindex(
            index=index, columns=columns
        )
        for name in (column, "configurations")
    )
    texts = counts.map(lambda n: "" if math.isnan(n) else f"n = {n:.0f}")
    figure = new_figure(420)
    # plotly's JSON has no infinity: a cell whose median diverged is left blank.
    shown = values.where(values.map(math.isfinite))
    known = pd.Series(shown.to_numpy().ravel()).dropna()
    logarithmic = not share and is_logarithmic(known)
    bar = {"title": title, "thickness": 12, **({"tickformat": ".0%"} if share else {})}
    figure.add_heatmap(
        # plotly has no logarithmic colours: their logarithms are drawn.
        z=(shown.map(math.log10) if logarithmic else shown).to_numpy(),
        customdata=shown.to_numpy(),
        x=_ranges(ends_d),
        y=_ranges(ends_g),
        text=texts.to_numpy(),
        texttemplate="%{text}",
        colorscale="Cividis",
        reversescale=worse_is_more,
        colorbar=bar | (log_ticks(known) if logarithmic else {}),
        hovertemplate=f"lr_d %{{x}}<br>lr_g %{{y}}<br>{as_text(title)} "
        f"%{{customdata:{'.0%' if share else '.3g'}}}, %{{text}}<extra></extra>",
        **({"zmin": 0} if share else {}),
    )
    figure.update_layout(margin={"l": 70, "r": 10, "t": 20, "b": 60})
    figure.update_xaxes(title="lr_d (discriminator)", type="category", automargin=True)
    figure.update_yaxes(title="lr_g (generator)", type="category", automargin=True)
    return figure


def _ranges(ends: list[float]) -> list[str]:
    return [f"{low:.2g} to {high:.2g}" for low, high in zip(ends, ends[1:] or ends, strict=False)]

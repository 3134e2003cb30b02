"""Tables in, plotly figures out; nothing is computed here."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from trials.records import MEASURES, TrialState

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
BLACK, ORANGE, SKY, GREEN, BLUE, RED = "#333333", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
GREY = "#B8B8B8"
NAMES = {"k": "k (discriminator steps per generator step)", "remedies": "remedies"}
MARKERS = {
    TrialState.COMPLETE.value: "circle",
    TrialState.PRUNED.value: "triangle-down",
    TrialState.FAILED.value: "x",
    TrialState.RUNNING.value: "square",
}
RATE_TICKS = [digit * 10.0**power for power in range(-7, 1) for digit in (1, 2, 5)]
RATE_LABELS = [f"{tick:.0e}".replace("e-0", "e-") for tick in RATE_TICKS]


def _figure(height: int, **layout: Any) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 60, "r": 20, "t": 30, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **layout,
    )
    return figure


def by_setting(table: pd.DataFrame, setting: str, measure: str, unit: str, floor: float | None) -> go.Figure:
    """The measure per value of a hyperparameter, with 95% intervals, at each common evaluation."""
    figure = _figure(380)
    for colour, (_, group) in zip((BLUE, ORANGE), table.groupby("evaluation"), strict=False):
        figure.add_scatter(
            x=[_tick(value) for value in group[setting]],
            y=group["median"],
            error_y=_errors(group, "median"),
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": "circle" if colour == BLUE else "diamond"},
            name=f"at {group['progress'].iloc[0]:g} {unit}",
            customdata=group[["configurations", "num_seeds"]],
            hovertemplate="%{x}: %{y:.3g}<br>%{customdata[0]} configurations, %{customdata[1]} seeds<extra></extra>",
        )
    figure.update_xaxes(type="category", title=NAMES.get(setting, setting), automargin=True)
    figure.update_yaxes(title=f"{MEASURES[measure].label}: median", rangemode="tozero")
    _add_floor(figure, floor)
    return figure


def lost_by_setting(table: pd.DataFrame, setting: str, unit: str) -> go.Figure:
    """Share of seeds that collapsed, cycled or diverged, per value of a hyperparameter."""
    figure = _figure(380)
    for colour, (_, group) in zip((BLUE, ORANGE), table.groupby("evaluation"), strict=False):
        figure.add_scatter(
            x=[_tick(value) for value in group[setting]],
            y=group["lost_share"],
            error_y=_errors(group, "lost_share"),
            mode="markers",
            marker={"color": colour, "size": 10, "symbol": "circle" if colour == BLUE else "diamond"},
            name=f"at {group['progress'].iloc[0]:g} {unit}",
            customdata=group[["configurations", "num_seeds"]],
            hovertemplate="%{x}: %{y:.0%}<br>%{customdata[0]} configurations, %{customdata[1]} seeds<extra></extra>",
        )
    figure.update_xaxes(type="category", title=NAMES.get(setting, setting), automargin=True)
    figure.update_yaxes(title="share of seeds lost", tickformat=".0%", range=[-0.03, 1.03])
    return figure


def _errors(group: pd.DataFrame, name: str) -> dict[str, Any]:
    above, below = group[f"{name}_high"] - group[name], group[name] - group[f"{name}_low"]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.5}


def learning_rate_map(table: pd.DataFrame) -> go.Figure:
    """lr_g against lr_d; colour is FID, shape is the trial's state, a ring says that seeds were lost."""
    figure = _figure(460)
    known = table["fid"].dropna()
    low, high = (known.min(), known.max()) if len(known) else (1.0, 10.0)
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if low <= t <= high]
    for state, group in table.groupby("state"):
        without = group["fid"].isna()
        figure.add_scatter(
            x=group["lr_d"],
            y=group["lr_g"],
            mode="markers",
            name=str(state),
            marker={
                "symbol": MARKERS[str(state)],
                "size": 15,
                "color": [math.log10(v) if v > 0 else None for v in group["fid"].fillna(high)],
                "cmin": math.log10(max(low, 1e-9)),
                "cmax": math.log10(max(high, 1e-9)),
                "colorscale": "Cividis",
                "reversescale": True,
                "colorbar": {"title": "FID", "tickvals": [math.log10(t) for t in ticks], "ticktext": ticks},
                "line": {"width": [3 if lost else 0.5 for lost in group["lost"]], "color": RED},
            },
            text=[_trial_text(row, bool(gone)) for row, gone in zip(group.to_dict("records"), without, strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_xaxes(type="log", title="lr_d (discriminator)", tickvals=RATE_TICKS, ticktext=RATE_LABELS)
    figure.update_yaxes(type="log", title="lr_g (generator)", tickvals=RATE_TICKS, ticktext=RATE_LABELS)
    return figure


def _trial_text(row: dict[Any, Any], without: bool) -> str:
    fid = "none" if without else f"{row['fid']:.3g}"
    settings = ", ".join(f"{key} {label(row[key])}" for key in ("k", "remedies") if key in row)
    return (
        f"trial {row['number']}: FID {fid}<br>{settings}<br>lr_d {row['lr_d']:.2g}, lr_g {row['lr_g']:.2g}"
        f"<br>{row['lost']} of {row['num_seeds']:g} seeds lost"
    )


def remedies_against_none(table: pd.DataFrame) -> go.Figure:
    """Difference to no remedy with its 95% interval; left of zero the remedy is ahead."""
    figure = _figure(140 + 50 * len(table))
    figure.add_scatter(
        x=table["difference"],
        y=[label(value) for value in table["remedies"]],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": table["high"] - table["difference"],
            "arrayminus": table["difference"] - table["low"],
        },
        mode="markers",
        marker={"size": 11, "color": [GREEN if told else GREY for told in table["told"]]},
        customdata=table[["configurations", "control_configurations"]],
        hovertemplate="%{y}: %{x:.3g}<br>%{customdata[0]} configurations against %{customdata[1]}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title="difference in FID to no remedy (below 0: better)")
    figure.update_yaxes(automargin=True)
    return figure


def convergence(table: pd.DataFrame, highlighted: list[int], measure: str, unit: str, floor: float | None) -> go.Figure:
    """One curve per trial; the highlighted ones with the band from their lowest to their highest seed."""
    figure = _figure(440)
    pale = table[~table["number"].isin(highlighted)]
    xs: list[float | None] = []
    ys: list[float | None] = []
    for _, curve in pale.groupby("number"):
        xs += [*curve["progress"], None]
        ys += [*curve["median"], None]
    figure.add_scatter(
        x=xs, y=ys, mode="lines", line={"color": GREY, "width": 1}, name="other trials", hoverinfo="skip"
    )
    for colour, number in zip((BLUE, RED, GREEN), highlighted, strict=False):
        curve = table[table["number"] == number]
        figure.add_scatter(
            x=[*curve["progress"], *curve["progress"][::-1]],
            y=[*curve["highest"], *curve["lowest"][::-1]],
            fill="toself",
            fillcolor=colour,
            opacity=0.2,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=curve["progress"], y=curve["median"], mode="lines+markers", line={"color": colour}, name=f"trial {number}"
        )
    figure.update_xaxes(title=unit)
    figure.update_yaxes(type="log", dtick=1, title=f"{MEASURES[measure].label} (log scale)")
    _add_floor(figure, floor)
    return figure


def _add_floor(figure: go.Figure, floor: float | None) -> None:
    if floor is not None:
        figure.add_hline(y=floor, line={"color": BLACK, "dash": "dot", "width": 1})
        figure.add_annotation(
            xref="paper", x=1, y=math.log10(floor) if figure.layout.yaxis.type == "log" else floor, xanchor="right",
            yanchor="bottom", showarrow=False, text=f"real against real: {floor:.3g}", font={"size": 11},
        )  # fmt: skip


def mode_film(film: pd.DataFrame, mode_names: list[str]) -> go.Figure:
    """Share of the samples per mode over the evaluations of one seed."""
    figure = _figure(90 + 18 * len(mode_names))
    figure.add_heatmap(
        z=film.to_numpy(),
        x=[f"{step:g}" for step in film.columns],
        y=[mode_names[mode] for mode in film.index],
        zmin=0,
        zmax=1,
        colorscale="Cividis",
        colorbar={"title": "share", "tickformat": ".0%", "thickness": 12},
        hovertemplate="mode %{y} after %{x} generator steps: %{z:.1%}<extra></extra>",
    )
    figure.update_layout(margin={"l": 70, "r": 10, "t": 10, "b": 45})
    figure.update_xaxes(title="generator steps", type="category")
    figure.update_yaxes(title="mode", type="category")
    return figure


def _tick(value: Any) -> str:
    """A label of one word per line, for an axis of categories."""
    return label(value).replace(" + ", "+ ").replace(" ", "<br>")


def label(value: Any) -> str:
    """A hyperparameter's value as readers see it."""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ").replace("+", " + ")

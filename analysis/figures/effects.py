"""Figures of what was compared: confirmed scores, effects as forests, answers by axis, maps of
cells.

Tables in, plotly figures out; nothing is computed here.
"""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ganstudy.analysis.figures.style import (
    BLACK,
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
    styled,
)
from ganstudy.analysis.formatting import label

COLOURS = {"better": GREEN, "worse": RED, "fewer": GREEN, "more": RED, "inconclusive": "#777777"}
SYMBOLS = {
    "better": "triangle-up",
    "worse": "x",
    "fewer": "triangle-up",
    "more": "x",
    "inconclusive": "circle-open",
}
FACTORS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]


def confirmed(
    table: pd.DataFrame, seeds: pd.DataFrame, measure: str, floor: float | None
) -> go.Figure:
    """What the search said, and the median over fresh seeds with interval and single seeds, per
    configuration.

    table: confirmed.confirmed with a column `name`; seeds: name and score of every fresh seed. The
    baseline's median is a dashed line.
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
        name="as the search said",
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
        hovertemplate="%{y}: %{x:.3g}<br>%{customdata[0]} fresh seeds, %{customdata[1]} lost<extra></extra>",
    )
    figure.update_xaxes(title=scale_of(measure))
    known = pd.concat([table["score"], table["search_score"], seeds["score"]]).astype(float)
    known = known[known.map(math.isfinite)]
    if is_logarithmic(known):
        figure.update_xaxes(type="log", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    else:
        figure.update_xaxes(rangemode="tozero")
    plain = table.loc[table["role"].str.split("; ").map(lambda roles: "baseline" in roles), "score"]
    if len(plain) and math.isfinite(plain.iloc[0]):
        figure.add_vline(x=float(plain.iloc[0]), line={"color": BLACK, "dash": "dash", "width": 1})
    if not is_logarithmic(known):
        add_floor(figure, floor, upright=True)
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        automargin=True,
        range=[len(table) - 0.5, -0.5],
    )
    return figure


def forest(
    table: pd.DataFrame,
    names: str,
    columns: tuple[str, str, str],
    verdict: str,
    title: str,
    none: float,
    factor: bool = False,
    style: str = ".3g",
) -> go.Figure:
    """One row per value of `names`: an estimate with its interval, and a line where there is no
    effect.

    columns: of the estimate and of the interval's ends. factor: on a log axis. Shape and colour are
    those of the column `verdict`.
    """
    middle, low, high = (table[column].astype(float) for column in columns)
    figure = new_figure(120 + 50 * len(table))
    figure.add_scatter(
        x=middle,
        y=[in_lines(value) for value in table[names]],
        error_x=error_bars(middle, low, high),
        mode="markers",
        marker={
            "size": 12,
            "color": [COLOURS[told] for told in table[verdict]],
            "symbol": [SYMBOLS[told] for told in table[verdict]],
        },
        customdata=table[["pairs", "seeds"]],
        hovertemplate=f"%{{y}}: %{{x:{style}}}<br>%{{customdata[0]}} pairs, %{{customdata[1]}} seeds<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=none, line={"color": BLACK, "width": 1})
    figure.update_xaxes(title=title)
    if style.endswith("%"):
        figure.update_xaxes(tickformat=".0%")
    if factor:
        figure.update_xaxes(
            type="log", tickvals=FACTORS, ticktext=[f"× {tick:g}" for tick in FACTORS]
        )
    figure.update_yaxes(type="category", automargin=True, range=[len(table) - 0.5, -0.5])
    return figure


def by_axis(table: pd.DataFrame, setting: str, measure: str, own: str) -> go.Figure:
    """response.response: the score above, the seeds lost below, by value; a menu picks what is held
    equal.

    own: the axis shown first.
    """
    axes = table["axis"].unique().tolist()
    first = own if own in axes else axes[0]
    labels = [in_lines(value) for value in table[setting].unique()]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    styled(figure, 600, scattermode="group", scattergap=0.6)
    shown_on: list[str] = []
    for (axis, trials), group in table.groupby(["axis", "trials"], sort=False):
        chosen = str(trials).startswith("every")
        colour, symbol = (BLUE, "circle") if chosen else (ORANGE, "diamond")
        for row, column in ((1, "median"), (2, "failed_share")):
            style = ".3g" if row == 1 else ".0%"
            figure.add_scatter(
                x=[in_lines(value) for value in group[setting]],
                y=group[column],
                error_y={
                    **error_bars(group[column], group[f"{column}_low"], group[f"{column}_high"]),
                    "color": colour,
                },
                mode="markers",
                marker={"color": colour, "size": 10, "symbol": symbol},
                name=f"{trials}, at {_amount(group['amount'].iloc[0])} {label(axis)}",
                legendgroup=f"{axis} {trials}",
                showlegend=row == 1,
                visible=axis == first,
                customdata=group[["configurations", "seeds"]],
                hovertemplate=f"%{{x}}: %{{y:{style}}}<br>%{{customdata[0]}} configurations, %{{customdata[1]}} seeds"
                "<extra></extra>",
                row=row,
                col=1,
            )
            shown_on.append(str(axis))
    figure.update_xaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        range=[-0.5, len(labels) - 0.5],
        automargin=True,
    )
    figure.update_xaxes(title=setting, row=2, col=1)
    figure.update_yaxes(title=scale_of(measure), rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="seeds lost", tickformat=".0%", range=[-0.03, 1.03], row=2, col=1)
    if len(axes) > 1:
        buttons = [
            {
                "label": f"at equal {label(axis)}",
                "method": "update",
                "args": [{"visible": [on == axis for on in shown_on]}],
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
        # The menu stands above, so that the legend goes below: on a phone it takes two lines.
        legend = {"y": -0.16, "yanchor": "top"}
        figure.update_layout(
            updatemenus=[menu], legend=legend, margin={"l": 60, "r": 20, "t": 60, "b": 120}
        )
    return figure


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def rate_cells(
    table: pd.DataFrame, column: str, title: str, share: bool, worse_is_more: bool
) -> go.Figure:
    """rates.rate_map: a rectangle per cell of the plane of learning rates, its number of
    configurations written in it.

    column: what the colour stands for; dark is worse.
    """
    ends = [sorted({*table[f"{rate}_low"], *table[f"{rate}_high"]}) for rate in ("lr_d", "lr_g")]
    values = table.pivot_table(index="lr_g_low", columns="lr_d_low", values=column, dropna=False)
    counts = table.pivot_table(
        index="lr_g_low", columns="lr_d_low", values="configurations", dropna=False
    )
    values = values.reindex(index=ends[1][:-1] or ends[1], columns=ends[0][:-1] or ends[0])
    counts = counts.reindex(index=values.index, columns=values.columns)
    texts = counts.map(lambda n: "" if math.isnan(n) else f"n = {n:.0f}")
    finite = values.where(values.map(math.isfinite))
    figure = new_figure(420)
    figure.add_heatmap(
        z=finite.to_numpy(),
        x=[
            f"{low:.2g} to {high:.2g}"
            for low, high in zip(ends[0], ends[0][1:] or ends[0], strict=False)
        ],
        y=[
            f"{low:.2g} to {high:.2g}"
            for low, high in zip(ends[1], ends[1][1:] or ends[1], strict=False)
        ],
        text=texts.to_numpy(),
        texttemplate="%{text}",
        colorscale="Cividis",
        reversescale=worse_is_more,
        colorbar={"title": title, "thickness": 12, **({"tickformat": ".0%"} if share else {})},
        hovertemplate=f"lr_d %{{x}}<br>lr_g %{{y}}<br>{as_text(title)} %{{z:{'.0%' if share else '.3g'}}}, %{{text}}"
        "<extra></extra>",
        **({"zmin": 0, "zmax": 1} if share else {}),
    )
    figure.update_layout(margin={"l": 70, "r": 10, "t": 20, "b": 60})
    figure.update_xaxes(title="lr_d (discriminator)", type="category", automargin=True)
    figure.update_yaxes(title="lr_g (generator)", type="category", automargin=True)
    return figure


def importances(table: pd.DataFrame) -> go.Figure:
    """importance.importance: share of each setting per evaluator, its range over resamples, and
    what chance gives.
    """
    evaluators = table["evaluator"].unique().tolist()
    settings = table["setting"].unique().tolist()
    figure = new_figure(
        130 + 40 * len(settings) * max(1, len(evaluators)) // 2, scattermode="group", scattergap=0.3
    )
    for (colour, symbol), name in zip(
        ((BLUE, "circle"), (ORANGE, "diamond")), evaluators, strict=False
    ):
        rows = table[table["evaluator"] == name]
        y = [in_lines(setting) for setting in rows["setting"]]
        figure.add_scatter(
            x=rows["importance"],
            y=y,
            orientation="h",
            error_x={**error_bars(rows["importance"], rows["low"], rows["high"]), "color": colour},
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            name=name,
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
        figure.add_scatter(
            x=rows["chance"],
            y=y,
            orientation="h",
            mode="markers",
            marker={"color": colour, "symbol": "line-ns-open", "size": 14, "line": {"width": 2}},
            name=f"{name}: 95% of chance",
            hovertemplate="%{y}: chance gives up to %{x:.0%}<extra></extra>",
        )
    figure.update_xaxes(title="share of the importance", tickformat=".0%", range=[-0.02, 1.02])
    order = [in_lines(setting) for setting in settings]
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=order,
        automargin=True,
        range=[len(order) - 0.5, -0.5],
    )
    return figure

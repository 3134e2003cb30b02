"""The report: one self-contained HTML file, and the tables beside it as Parquet and CSV."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis import answer, figures, tables
from analysis.frames import of_one_kind
from analysis.intervals import MIN_CONFIGURATIONS
from analysis.load import Study
from trials.catalogue import MEASURES
from trials.records import Verdict

FILM_MOMENTS = 3
"""Sample grids shown per film: the first, the last, and between."""
HIGHLIGHTED = 3
SHOWN_DECIMALS = 4


@dataclass(frozen=True)
class Film:
    """A seed's modes over time, with what it drew."""

    title: str
    figure: Markup
    grids: list[tuple[int, str]]
    """(generator steps, PNG as a data URI)"""


def write_report(study: Study, path: Path) -> Path:
    """Writes the report to `path` and every table to `tables/` beside it; returns `path`."""
    made = tables.tables(study)
    _write_tables(made, path.parent / "tables")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("analysis"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("report.html.jinja").render(
        study=study,
        sentences=answer.sentences(study),
        shown={n: _Shown(made[n].dropna(axis=1, how="all"), study) for n in ("best", "outcomes") if len(made[n])},
        all_trials=_Shown(_readable(study), study),
        figures=_figures(study, made),
        films=_films(study),
        downloads={name: _csv_link(table) for name, table in made.items() if name not in ("evaluations", "modes")},
        spec=json.dumps(study.spec, indent=2),
        failures=[row for row in study.trials.to_dict("records") if row["error"]],
        measures=MEASURES,
        judged=MEASURES[tables.objective(study)[0]],
        min_configurations=MIN_CONFIGURATIONS,
        floor=study.floor,
        plotlyjs=Markup(get_plotlyjs()),
    )
    path.write_text(html, encoding="utf-8")
    return path


class _Shown:
    """A table as the template shows it: headings and formatted cells."""

    def __init__(self, frame: pd.DataFrame, study: Study) -> None:
        self.columns = [_heading(column, study) for column in frame.columns]
        self.rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]


def _heading(column: str, study: Study) -> str:
    if column in tables.searched(study):
        return column
    if column in MEASURES:
        return MEASURES[column].label
    return "trial" if column == "number" else column.replace("_", " ")


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, float):
        return f"{value:.{SHOWN_DECIMALS}g}"
    return figures.label(value)


def _readable(study: Study) -> pd.DataFrame:
    """All trials, the columns that a reader looks for; those within the constraints first, the best first."""
    measure, _ = tables.objective(study)
    verdicts = [verdict.value for verdict in Verdict]
    chosen = ["number", "state", *tables.searched(study), measure, "fid", "modes_covered", "recall", *verdicts]
    return tables.ranked(study)[list(dict.fromkeys(chosen))]


def _figures(study: Study, made: dict[str, pd.DataFrame]) -> dict[str, Markup]:
    """The figures that this study's search space and outcome allow, by name."""
    measure, _ = tables.objective(study)
    unit = figures.as_text(study.spec["train"]["budget"]["unit"].replace("_", " "))
    floor = study.floor.get(measure)
    drawn: dict[str, go.Figure] = {}
    for setting in tables.COMPARED:
        table = made.get(f"by_{setting}")
        if table is not None and len(table):
            drawn[f"{setting}_score"] = figures.by_setting(table, setting, measure, unit, floor)
            drawn[f"{setting}_lost"] = figures.lost_by_setting(table, setting, unit)
    if {"lr_d", "lr_g"} <= set(tables.searched(study)) and len(made["learning_rates"]):
        drawn["learning_rates"] = figures.learning_rate_map(made["learning_rates"], measure)
    if len(made["remedies_against_none"]):
        drawn["remedies"] = figures.remedies_against_none(made["remedies_against_none"], measure)
    if len(made["convergence"]):
        highlighted = tables.best(study, HIGHLIGHTED)["number"].tolist()
        drawn["convergence"] = figures.convergence(made["convergence"], highlighted, measure, unit, floor)
    return {name: _embed(figure) for name, figure in drawn.items()}


def _embed(figure: go.Figure) -> Markup:
    config = {"responsive": True, "displayModeBar": False}
    return Markup(figure.to_html(full_html=False, include_plotlyjs=False, config=config))


def _films(study: Study) -> list[Film]:
    films = []
    for row in tables.typical_seeds(study).to_dict("records"):
        number, seed = int(row["number"]), int(row["seed"])
        modes = tables.mode_film(study, number, seed)
        grids = study.sample_grids(number)
        steps = sorted(grids)
        moments = sorted(
            {steps[round(i * (len(steps) - 1) / (FILM_MOMENTS - 1))] for i in range(FILM_MOMENTS)} if steps else []
        )
        title = f"{row['verdict']}: trial {number}, seed {seed} ({row['why']})"
        figure = _embed(figures.mode_film(modes, study.mode_names)) if modes.size else Markup("")
        films.append(Film(title, figure, [(step, _data_uri(grids[step], "image/png")) for step in moments]))
    return films


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _csv_link(table: pd.DataFrame) -> str:
    return _data_uri(table.to_csv(index=False).encode(), "text/csv")


def _write_tables(made: dict[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in made.items():
        of_one_kind(table).to_parquet(folder / f"{name}.parquet", index=False)
        table.to_csv(folder / f"{name}.csv", index=False)

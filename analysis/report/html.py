"""The report: one self-contained HTML file, and the tables beside it as Parquet and CSV.

The page holds its data compressed: plotly's code once, one JSON text per figure, one CSV text per
table. A small script (templates/report.js) unpacks what comes near the screen, so that it opens and
scrolls fast.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ganstudy.analysis.formatting import count, label
from ganstudy.analysis.frames.export import flat, of_one_kind
from ganstudy.analysis.frames.study import SEARCHED_FIRST, Study
from ganstudy.analysis.report import conclusions as answer
from ganstudy.analysis.report.blocks import (
    Block,
    Figure,
    Pair,
    Picture,
    Results,
    Section,
    Table,
    sections,
    tables_of,
)
from ganstudy.analysis.report.phrases import Conclusion, unit
from ganstudy.analysis.report.sections.registry import PARTS
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Stage

SHOWN_DECIMALS = 4
LARGEST_DOWNLOAD = 1_000_000
"""Cells of a table that the page carries; a larger one lies beside it only."""
DOWNLOADED = "%.6g"
"""Digits in downloads; the files beside the page have all."""


@dataclass
class Report:
    """A page, and every table by its name."""

    title: str
    question: str
    subtitle: str
    answer: list[Conclusion]
    sections: list[Section]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        """Writes the page to `path` and the tables to `tables/` beside it; returns `path`."""
        _write_tables(self.tables, path.parent / "tables")
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("ganstudy.analysis.report"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        html = environment.get_template("report.html.jinja").render(
            report=self,
            tiles=[said.tile for said in self.answer if said.tile is not None],
            shown=Shown,
            data_uri=_data_uri,
            packed=_packed,
            figure_json=_figure_json,
            csv=_csv,
            style=_own_file(environment, "report.css"),
            script=_own_file(environment, "report.js"),
            plotlyjs=_packed(get_plotlyjs()),
        )
        path.write_text(html, encoding="utf-8")
        return path


def build(study: Study) -> Report:
    """The report of a study."""
    results = Results(study)
    conclusions, made = answer.conclusions(results), sections(PARTS, results)
    frames = {"evaluations": study.evaluations, "modes": study.modes}
    return Report(
        title=study.name,
        question=study.question,
        subtitle=_subtitle(study),
        answer=conclusions,
        sections=made,
        tables={**tables_of_sections(made), "trials": study.trials, "seeds": study.seeds, **frames},
    )


def write_report(study: Study, path: Path) -> Path:
    """Writes the report to `path` and every table to `tables/` beside it; returns `path`."""
    return build(study).write(path)


def _subtitle(study: Study) -> str:
    train = study.spec.get("train", {})
    parts = [count(len(study.of_stage(Stage.SEARCH).trials), "trial")]
    if train.get("seeds"):
        parts[0] += f" of {count(len(train['seeds']), 'seed')} each"
    if confirmed := len(study.of_stage(Stage.CONFIRM).trials):
        parts.append(f"{confirmed} trained again on fresh seeds")
    if train.get("budget"):
        parts.append(f"{train['budget']['amount']:g} {unit(study)}")
    if study.spec.get("data", {}).get("name"):
        parts.append(f"data {study.spec['data']['name']}")
    return " · ".join(parts)


def tables_of_sections(made: list[Section]) -> dict[str, pd.DataFrame]:
    """The tables that they show, by name."""
    shown = [table for section in made for table in tables_of(_flat(section.blocks))]
    return {table.name: table.frame for table in shown}


def _flat(blocks: list[Block]) -> list[Block]:
    return [
        inner
        for block in blocks
        for inner in (block.blocks if isinstance(block, Pair) else [block])
    ]


class Shown:
    """A table as the template shows it: headings and formatted cells of the rows that the page
    holds.
    """

    def __init__(self, table: Table) -> None:
        frame = (
            table.frame[table.columns] if table.columns else table.frame.dropna(axis=1, how="all")
        )
        self.total, self.downloadable = len(frame), table.frame.size <= LARGEST_DOWNLOAD
        self.columns = [_heading(str(column)) for column in frame.columns]
        self.rows = [
            [_cell(value) for value in row]
            for row in frame.head(table.rows).itertuples(index=False)
        ]


def _heading(column: str) -> str:
    if column in MEASURES:
        return MEASURES[column].label
    if column in SEARCHED_FIRST or "." in column:
        return column
    return "trial" if column == "number" else column.replace("_", " ")


@dataclass(frozen=True)
class Cell:
    """What a cell shows; numbers stand to the right."""

    text: str
    number: bool


def _cell(value: object) -> Cell:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return Cell("–", True)
    if isinstance(value, bool):
        return Cell("yes" if value else "no", False)
    if isinstance(value, float):
        return Cell(
            f"{value:.{SHOWN_DECIMALS}g}" if abs(value) != float("inf") else "diverged", True
        )
    return Cell(label(value), not isinstance(value, str))


def _figure_json(block: Figure) -> Markup:
    return _packed(block.figure.to_json())


def _packed(text: str) -> Markup:
    """Compressed and in letters that mean nothing to HTML."""
    return Markup(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())


def _csv(table: Table) -> Markup:
    return _packed(table.frame.to_csv(index=False, float_format=DOWNLOADED))


def _data_uri(picture: Picture) -> str:
    return f"data:{picture.media};base64,{base64.b64encode(picture.data).decode()}"


def _own_file(environment: jinja2.Environment, name: str) -> Markup:
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _write_tables(made: dict[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in made.items():
        typed = of_one_kind(table)
        typed.to_parquet(folder / f"{name}.parquet", index=False)
        # Arrow writes the long ones ten times as fast as pandas does.
        pyarrow.csv.write_csv(
            pa.Table.from_pandas(flat(typed), preserve_index=False), folder / f"{name}.csv"
        )

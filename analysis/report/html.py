"""The report: one self-contained HTML file, and its tables beside it as Parquet and CSV.

The page contains its data compressed: plotly's code once, one JSON text per figure, one CSV text
per table. templates/report.js unpacks what comes near the screen, so that the page opens and
scrolls fast.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jinja2
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from ganstudy.analysis.formatting import count
from ganstudy.analysis.frames.export import flat, of_one_kind
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import conclusions as answer
from ganstudy.analysis.report.blocks import (
    Figure,
    Picture,
    Results,
    Section,
    Table,
    build_sections,
    flatten,
    tables_of,
)
from ganstudy.analysis.report.first_screen import FirstScreen, first_screen
from ganstudy.analysis.report.phrases import Conclusion, unit
from ganstudy.analysis.report.publication import confirmed_tables
from ganstudy.analysis.report.samples import are_images
from ganstudy.analysis.report.sections.registry import SECTIONS
from ganstudy.analysis.report.shown_table import Shown
from ganstudy.analysis.report.templates import template_environment
from ganstudy.analysis.tables.effects.looks import interim
from ganstudy.trials.results.records import OWN_SEEDS, Stage

DOWNLOADED = "%.6g"
"""Format of numbers in downloads; the files beside the page have all digits."""


@dataclass
class Report:
    """The contents of a page, and every table by its name."""

    title: str
    question: str
    subtitle: str
    answer: list[Conclusion]
    sections: list[Section]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    first: FirstScreen | None = None
    """Below the answer; None where two studies are compared."""
    texts: dict[str, str] = field(default_factory=dict)
    """Files beside the tables: their text by their name."""
    images: bool = True
    """Whether samples are images, and no points."""

    def write(self, path: Path, alone: bool = False) -> Path:
        """Write the page to `path` and the tables to `tables/` beside it; return `path`.

        alone: whether that folder is for reports of this study alone. Tables there that this report
        has not are of an earlier one and are removed, as they would be read as its own.
        """
        folder = path.parent / "tables"
        if alone:
            _remove_others(self.tables, folder)
        _write_tables(self.tables, folder)
        for name, text in self.texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        templates = template_environment("ganstudy.analysis.report")
        html = templates.get_template("report.html.jinja").render(
            report=self,
            tiled=[conclusion for conclusion in self.answer if conclusion.tile is not None],
            shown=Shown,
            data_uri=_data_uri,
            figure_json=_figure_json,
            csv=_csv,
            packed=_packed,
            images=self.images,
            split=_split,
            once=_Once(),
            style=_own_file(templates, "report.css"),
            script=_own_file(templates, "report.js"),
            plotlyjs=_plotlyjs(),
        )
        path.write_text(html, encoding="utf-8")
        return path


def build(study: Study) -> Report:
    """Return the report of a study."""
    results = Results(study)
    study = results.whole
    sections = build_sections(SECTIONS, results)
    return Report(
        title=study.name,
        question=study.question,
        subtitle=_subtitle(study),
        answer=answer.answer(results),
        first=first_screen(results),
        images=are_images(study),
        texts=confirmed_tables(results),
        sections=sections,
        tables={
            **tables_of_sections(sections),
            # Whole, where a section shows a selection or other columns under the same name.
            "trials": study.trials,
            "seeds": study.seeds,
            "evaluations": study.evaluations,
            "modes": study.modes,
        },
    )


def write_report(study: Study, path: Path) -> Path:
    """Write the report to `path` and every table to `tables/` beside it; return `path`."""
    return build(study).write(path)


def _subtitle(study: Study) -> str:
    searched = study.of_stage(*OWN_SEEDS).trials
    trials = count(len(searched), "trial")
    # The seeds of an imported study are those of all its trials together.
    per_trial = [len(study.planned_seeds)]
    if study.origin.imported is not None:
        per_trial = sorted(set(searched["num_seeds"].dropna().astype(int)) - {0})
    if any(per_trial):
        fewest = "" if len(per_trial) == 1 else f"{per_trial[0]} to "
        trials += f" of {fewest}{count(per_trial[-1], 'seed')} each"
    parts = [f"interim: {why}"] if (why := interim(study)) else []
    parts.append(trials)
    if designed := len(study.of_stage(Stage.DESIGN).trials):
        parts.append(f"{designed} of them designed")
    if confirmed := len(study.of_stage(Stage.CONFIRM).trials):
        parts.append(f"{confirmed} trained again on fresh seeds")
    if study.budget.unit:
        parts.append(f"{study.budget.amount:g} {unit(study)}")
    if study.data_name:
        parts.append(f"data {study.data_name}")
    return " · ".join(parts)


def tables_of_sections(sections: list[Section]) -> dict[str, pd.DataFrame]:
    """Return the tables that the sections show, by name."""
    shown = [table for section in sections for table in tables_of(flatten(section.blocks))]
    return {table.name: table.frame for table in shown}


class _Once:
    """Returns a text the first time that it is asked for, and '' from then on."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, text: str) -> str:
        if text in self._seen:
            return ""
        self._seen.add(text)
        return text


def _split(text: str) -> tuple[str, str]:
    """Return the first sentence of an explanation, and the rest, which a reader may open."""
    first, dot, rest = text.partition(". ")
    return (f"{first}.", rest) if dot else (text, "")


def _figure_json(block: Figure) -> Markup:
    return _packed(block.figure.to_json())


def _packed(text: str) -> Markup:
    """Return the text compressed, in base64: no letter of it means anything to HTML."""
    # mtime=0: the same study makes the same page, byte for byte.
    return Markup(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())


@cache
def _plotlyjs() -> Markup:
    # Its four megabytes take as long as many a table, and are the same in every page.
    return _packed(get_plotlyjs())


def _csv(table: Table) -> Markup:
    return _packed(table.frame.to_csv(index=False, float_format=DOWNLOADED))


def _data_uri(picture: Picture) -> str:
    return f"data:{picture.media};base64,{base64.b64encode(picture.data).decode()}"


def _own_file(environment: jinja2.Environment, name: str) -> Markup:
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _remove_others(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    # What lies there as one of the two files alone is not ours.
    for stale in folder.glob("*.parquet"):
        if stale.stem not in tables and stale.with_suffix(".csv").exists():
            stale.with_suffix(".csv").unlink()
            stale.unlink()


def _write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        typed = of_one_kind(table)
        typed.to_parquet(folder / f"{name}.parquet", index=False)
        # Arrow writes long tables ten times as fast as pandas.
        pyarrow.csv.write_csv(
            pa.Table.from_pandas(flat(typed), preserve_index=False), folder / f"{name}.csv"
        )

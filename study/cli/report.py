"""`ganstudy report` and `ganstudy compare`: from MLflow to HTML files."""

from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.spec.study_spec import Published

if TYPE_CHECKING:
    from ganstudy.analysis.frames.study import Study


def write_report(spec: Published, home: Home, folder: StudyFolder) -> list[str]:
    """Write the report; return the sentences of its answer."""
    from ganstudy.analysis.report.html import build

    made = build(_loaded(spec, home))
    made.write(folder.report)
    return [str(conclusion) for conclusion in made.answer]


def as_markdown(question: str, sentences: list[str]) -> str:
    """Return the answer as the Markdown description of the study's run in MLflow.

    Everything in it is escaped: names and settings are text, even where they look like markup.
    """
    escaped = [re.sub(r"([\\\\`*_{}\[\]<>#|!&])", r"\\\1", text) for text in (question, *sentences)]
    points = "\n".join(f"- {sentence}" for sentence in escaped[1:])
    head = f"**{escaped[0]}**\n\n" if question else ""
    return f"{head}{points}\n\nThe whole report: Artifacts, report.html."


def load(folder: StudyFolder, home: Home) -> Study:
    """Load the study of the folder from MLflow. Raises UserError where it is not there."""
    return _loaded(_spec_of(folder), home)


def _loaded(spec: Published, home: Home) -> Study:
    from ganstudy.analysis.frames.load import load_study

    if home.embedded(spec.tracking.uri) and not home.mlflow_database.exists():
        raise UserError(f"the study {spec.name!r} has not published anything to MLflow yet")
    try:
        return load_study(spec.name, home.tracking_uri(spec.tracking.uri))
    except (KeyError, ValueError, ConnectionError) as error:
        raise UserError(str(error.args[0])) from None


@click.command()
@click.argument("name")
@click.option("--open", "show", is_flag=True, help="Open it in a browser.")
@home_option
def report(name: str, show: bool, home: str | None) -> None:
    """Write the report of the study NAME anew, from what MLflow has.

    \b
    Example:  ganstudy report digits --open
    """
    place = Home.locate(home)
    folder = place.existing(name)
    for sentence in write_report(_spec_of(folder), place, folder):
        click.echo(f"• {sentence}\n")
    click.echo(f"Report:  {folder.report}")
    if show:
        webbrowser.open(folder.report.as_uri())


@click.command()
@click.argument("first")
@click.argument("second")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the comparison to this HTML file."
)
@click.option("--open", "show", is_flag=True, help="Open it in a browser.")
@home_option
def compare(first: str, second: str, out: Path | None, show: bool, home: str | None) -> None:
    """Compare the studies FIRST and SECOND: best scores, failed seeds, scores at equal budget.

    Refuses scores that were measured differently.

    \b
    Example:  ganstudy compare digits digits-wgan --open
    """
    from ganstudy.analysis.report.compare import write

    place = Home.locate(home)
    if first == second:
        raise UserError(f"a study is compared with another one, and both are named {first!r}")
    studies = [_loaded(_spec_of(place.existing(name)), place) for name in (first, second)]
    path = (out or place.root / "comparisons" / f"{first} and {second}" / "report.html").absolute()
    try:
        sentences = write(studies[0], studies[1], path)
    except ValueError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"the comparison cannot be written to {path}: {error.strerror}") from None
    for sentence in sentences:
        click.echo(f"• {sentence}\n")
    click.echo(f"Report:  {path}")
    if show:
        webbrowser.open(path.as_uri())


def _spec_of(folder: StudyFolder) -> Published:
    from ganstudy.study.ledger.import_record import ImportRecord

    if folder.imported.exists():
        return ImportRecord.open(folder.imported).spec
    from ganstudy.study.ledger.ledger import Ledger

    return Ledger.open(folder.ledger).spec

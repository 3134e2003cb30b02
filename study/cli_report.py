"""`ganstudy report`: from MLflow to the HTML file."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click

from study.cli_words import home_option
from study.errors import UserError
from study.home import Home, StudyFolder
from study.spec import Published

if TYPE_CHECKING:
    from analysis.load import Study


def write_report(spec: Published, home: Home, folder: StudyFolder) -> list[str]:
    """Writes the report; returns the answer's sentences."""
    from analysis.answer import sentences
    from analysis.report import write_report as write

    study = _loaded(spec, home)
    write(study, folder.report)
    return sentences(study)


def load(folder: StudyFolder, home: Home) -> Study:
    """The study of the folder, from MLflow; UserError where it is not there."""
    return _loaded(_spec_of(folder), home)


def _loaded(spec: Published, home: Home) -> Study:
    from analysis.load import load_study

    if spec.tracking.uri is None and not home.mlflow_database.exists():
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


def _spec_of(folder: StudyFolder) -> Published:
    from study.imported import ImportRecord

    if folder.imported.exists():
        return ImportRecord.open(folder.imported).spec
    from study.ledger import Ledger

    return Ledger.open(folder.ledger).spec

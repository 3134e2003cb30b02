"""The commands `report` and `compare`: from MLflow to HTML files."""

from __future__ import annotations

import shlex
import webbrowser
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.cluster import CliOptions, home_arguments, with_cluster
from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.export.markdown import escape
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.spec.study_spec import Published

if TYPE_CHECKING:
    from rich.console import Console

    from ganstudy.analysis.frames.study import Study
    from ganstudy.study.tracking.outbox import Outbox
    from ganstudy.study.tracking.publisher_process import StudyArtifacts
    from ganstudy.trials.results.facts import StudyFacts


@dataclass(frozen=True)
class Written:
    """What a report that was written says, for the terminal."""

    conclusions: list[str]
    missing: list[str]
    """What its data do not contain; of imported histories alone."""


def write_report(spec: Published, home: Home, folder: StudyFolder) -> Written:
    """Write the report and return what it says."""
    from ganstudy.analysis.report.html import build
    from ganstudy.analysis.report.sections.caveats import caveats

    study = _loaded(spec, home)
    if folder.ledger.exists():
        study = with_ledger(study, folder)
    made = build(study)
    made.write(folder.report, alone=True)
    missing = caveats(study) if study.origin.imported is not None else []
    return Written([str(sentence) for sentence in made.answer], missing)


def with_ledger(study: Study, folder: StudyFolder) -> Study:
    """Return the study with what only its ledger knows, and count this report there.

    A report is not counted where the ledger cannot be written.
    """
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.study.ledger.storage import database_trouble

    try:
        ledger = Ledger.open(folder.ledger)
        study = replace(study, outlook=ledger.outlook, seconds_taken=ledger.seconds_taken)
        return replace(study, looks=ledger.record_look())
    except Exception as error:
        # A study that another user trained may be readable alone: its report is not withheld.
        if database_trouble(error) is None:
            raise
        return study


def as_markdown(question: str, conclusions: list[str]) -> str:
    """Format the conclusions for the study's run in MLflow, none of their characters as Markdown."""
    head = f"**{escape(question)}**\n\n" if question else ""
    points = "\n".join(f"- {escape(sentence)}" for sentence in conclusions)
    return f"{head}{points}\n\nThe whole report: Artifacts, report.html."


class StudyReport:
    """Builds the report at the end of a study, and keeps its conclusions for the terminal."""

    def __init__(self, spec: Published, home: Home, question: str) -> None:
        self._spec = spec
        self._home = home
        self._question = question
        self.conclusions: list[str] = []
        """Empty until the report has been written."""
        self.missing: list[str] = []

    def build(self) -> StudyArtifacts:
        """Write the report; return what goes to the study's run in MLflow."""
        from ganstudy.study.tracking.publisher_process import StudyArtifacts

        folder = self._home.study(self._spec.name)
        written = write_report(self._spec, self._home, folder)
        self.conclusions += written.conclusions
        self.missing += written.missing
        return StudyArtifacts(
            description=as_markdown(self._question, self.conclusions),
            files=[folder.report, folder.path / "tables"],
        )

    def print_conclusions(self, console: Console) -> None:
        """Print the conclusions, one paragraph each, then what the data do not contain."""
        from ganstudy.study.driver.terminal import say

        for sentence in self.conclusions:
            say(console, f"\n• {sentence}")
        if self.missing:
            console.print("\nWhat these data do not contain:")
        for sentence in self.missing:
            say(console, f"• {sentence}")


def load(folder: StudyFolder, home: Home) -> Study:
    """Load the study of the folder from MLflow; raise UserError if it is not there."""
    return _loaded(_spec_of(folder), home)


def load_with_ledger(folder: StudyFolder, home: Home) -> Study:
    """Load a study with what only its ledger knows, and count this as a look at it."""
    return with_ledger(load(folder, home), folder)


def _loaded(spec: Published, home: Home) -> Study:
    from ganstudy.analysis.frames.load import load_study
    from ganstudy.trials.results.removed import RemovedFromMlflowError

    if home.embedded(spec.tracking.uri) and not home.mlflow_database.exists():
        raise UserError(f"the study {spec.name!r} has not published anything to MLflow yet")
    folder = home.study(spec.name)
    try:
        study = load_study(
            spec.name,
            home.tracking_uri(spec.tracking.uri),
            partial(_known, folder) if folder.ledger.exists() else None,
        )
    except (KeyError, ValueError, ConnectionError, RemovedFromMlflowError) as error:
        raise UserError(str(error.args[0])) from None
    for note in study.notes:
        click.echo(f"Note: {note}", err=True)
    return study


def where_records_wait(folder: StudyFolder, records: int) -> str:
    """Return the message on records that MLflow has not taken: where they wait, and why."""
    from ganstudy.study.tracking.outbox import Outbox

    refusal = Outbox(folder.outbox).refusal()
    why = f"{folder.log} says why. Wait until MLflow is back."
    return (
        f"{records} records have not reached MLflow and wait in {folder.outbox}: {refusal or why}"
    )


def mend(spec: Published, home: Home, outbox: Outbox) -> None:
    """Announce the facts of a study that MLflow has cut, so that they are published whole."""
    from ganstudy.study.tracking.messages import StudyStart
    from ganstudy.study.tracking.outbox import START, STUDY

    # What waits there has them already.
    if any((message.number, message.order) == (STUDY, START) for message in outbox.pending()):
        return
    try:
        study = _loaded(spec, home)
    except UserError:
        return  # the report raises it again, once what waits has been published
    if not study.is_whole:
        outbox.put_study(START, StudyStart(study.facts).to_json())


def _known(folder: StudyFolder) -> StudyFacts:
    """Return what the ledger has of a study that MLflow does not have whole."""
    from ganstudy.study.driver.study_message import facts_of_ledger
    from ganstudy.study.ledger.ledger import Ledger

    return facts_of_ledger(Ledger.open(folder.ledger))


def _spec_of(folder: StudyFolder) -> Published:
    # Optuna, which the ledger loads, is not needed for an imported study.
    from ganstudy.study.ledger.import_record import ImportRecord

    if folder.imported.exists():
        return ImportRecord.open(folder.imported).spec
    from ganstudy.study.ledger.ledger import Ledger

    return Ledger.open(folder.ledger).spec


def report_on_cluster(cluster: Path, values: CliOptions) -> int:
    """Write the report on the head of a cluster, and copy it here."""
    from ganstudy.study.cluster.head_node import Head

    head, name = Head(cluster), values["name"]
    lines: list[str] = []
    words = ["ganstudy", "report", name, *home_arguments(values)]
    code = head.run(shlex.join(words), lines.append)
    written = [line.removeprefix("Report:").strip() for line in lines if line.startswith("Report:")]
    # The path is one of the head: it is replaced by that of the copy.
    for line in lines:
        if not line.startswith("Report:"):
            click.echo(line)
    if code or not written:
        return code or 1
    here = Home.locate(None).study(name).report  # --home is a folder of the cluster
    head.fetch(written[0], here)
    head.fetch(f"{Path(written[0]).parent}/tables/", here.parent / "tables")
    click.echo(f"Report:  {here}")
    if values["show"]:
        webbrowser.open(here.as_uri())
    return 0


@with_cluster(report_on_cluster)
@click.command()
@click.argument("name")
@click.option("--open", "show", is_flag=True, help="Open it in a browser.")
@home_option
def report(name: str, show: bool, home: Home) -> None:
    """Write the report of the study NAME again, from its records in MLflow.

    \b
    Example:  ganstudy report digits --open
    """
    folder = home.existing(name)
    try:
        sentences = write_report(_spec_of(folder), home, folder).conclusions
    except OSError as error:
        raise UserError(f"the report cannot be written to {folder.report}: {error}") from None
    for sentence in sentences:
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
def compare(first: str, second: str, out: Path | None, show: bool, home: Home) -> None:
    """Compare the studies FIRST and SECOND: best configurations, failed seeds, scores at equal budget.

    Refuses scores that were measured differently.

    \b
    Example:  ganstudy compare digits digits-wgan --open
    """
    from ganstudy.analysis.report.compare import write

    if first == second:
        raise UserError(f"a study is compared with another one, and both are named {first!r}")
    studies = [_loaded(_spec_of(home.existing(name)), home) for name in (first, second)]
    path = (out or home.root / "comparisons" / f"{first}-and-{second}" / "report.html").absolute()
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

"""The command `import`: histories that were trained elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.cli.report import StudyReport, where_records_wait
from ganstudy.study.cli.run import plain_console
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home

if TYPE_CHECKING:
    from ganstudy.study.importing.history import History
    from ganstudy.study.importing.mapping import Mapping
    from ganstudy.study.spec.tables import Tracking


@click.command("import")
@click.argument("source")
@click.option("--name", required=True, help="Name of the new study.")
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="THEIRS=OURS",
    help="Meaning of a column; may be repeated.",
)
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="File with the meaning of columns, and more: see docs/import.md.",
)
@click.option(
    "--ignore", multiple=True, metavar="COLUMN", help="Leave a column out; may be repeated."
)
@click.option(
    "--objective",
    metavar="MEASURE",
    help="Measure that decides which trial is best; by default FID, else the first one.",
)
@click.option(
    "--axis",
    metavar="COUNTER",
    help="The counter on which trials are compared, if there are several.",
)
@click.option(
    "--repeated",
    type=click.Choice(["last"]),
    help="Which row to keep where a resumed run repeats its steps; by default they are refused.",
)
@click.option("--question", metavar="TEXT", help="What the study asks.")
@click.option(
    "--from",
    "server",
    metavar="URI",
    help="MLflow server of mlflow:EXPERIMENT; by default $MLFLOW_TRACKING_URI.",
)
@click.option(
    "--tracking",
    metavar="URI",
    help="MLflow server that gets the study; by default the embedded store.",
)
@home_option
def import_(
    source: str,
    name: str,
    server: str | None,
    tracking: str | None,
    home: Home,
    **columns: Any,
) -> None:
    """Import the histories in SOURCE, trained elsewhere, as a study.

    SOURCE is a file (CSV or Parquet) with a row per trial, seed and step, a folder of TensorBoard's event files, or
    mlflow:EXPERIMENT. See docs/import.md.

    \b
    Example:  ganstudy import examples/imported/ring.csv --name ring_elsewhere \\
                  --mapping examples/imported/ring_mapping.toml
    """
    from ganstudy.study.importing.imported_study import read_import
    from ganstudy.study.importing.publish import publish_import

    console = plain_console()
    mapping = _mapping(**columns)
    made = read_import(source, name, mapping, _tracking(tracking), server)
    for line in _describe(made.history):
        console.print(line, soft_wrap=True)
    report = StudyReport(made.spec, home, mapping.question)
    result = publish_import(made, home, report.build, console)
    folder = home.study(name)
    report.print_conclusions(console)
    if report.conclusions:
        console.print(f"\nReport:  {folder.report}", soft_wrap=True)
    if result.unpublished:
        console.print(
            f"{where_records_wait(folder, result.unpublished)}\n"
            "Then give the same command again: nothing is written twice.",
            soft_wrap=True,
        )
    sys.exit(1 if result.unpublished or not report.conclusions else 0)


def _mapping(
    mapping: Path | None, pairs: tuple[str, ...], ignore: tuple[str, ...], **settings: str | None
) -> Mapping:
    """Return what the columns mean: the mapping file, changed by the options."""
    from ganstudy.study.importing.mapping import read_mapping

    return read_mapping(mapping, pairs, {"ignore": list(ignore), **settings})


def _tracking(uri: str | None) -> Tracking:
    from pydantic import ValidationError

    from ganstudy.study.spec.tables import Tracking

    try:
        return Tracking(uri=uri)
    except ValidationError as error:
        raise UserError(
            f"--tracking {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _describe(history: History) -> list[str]:
    """Describe how the file was read."""
    seeds = sum(len(trial.seeds()) for trial in history.trials)
    rows = sum(len(trial.rows) for trial in history.trials)
    lines = [
        f"Read      {len(history.trials)} trials, {seeds} seeds, {rows} evaluations at {len(history.times)} times "
        f"up to {history.times[-1]:g} {history.axis}",
        f"Measures  {', '.join(history.measures) or 'none'}"
        + (f"; from these follow {', '.join(history.derived)}" if history.derived else ""),
    ]
    return [*lines, *(f"Note      {note}" for note in history.notes)]

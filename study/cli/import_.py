"""The command `import`: histories that were trained elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.cli.report import write_report
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home

if TYPE_CHECKING:
    from ganstudy.study.importing.history import History
    from ganstudy.study.spec.tables import Tracking

# What loads optuna, rich and pandas is imported by the command, so that the others answer at once.


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Of the study that it becomes.")
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="THEIRS=OURS",
    help="What a column means; may be repeated.",
)
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="The same and more as a file.",
)
@click.option(
    "--ignore", multiple=True, metavar="COLUMN", help="Leave a column out; may be repeated."
)
@click.option(
    "--objective",
    metavar="MEASURE",
    help="What decides; by default FID, else the first measure there is.",
)
@click.option(
    "--axis",
    metavar="COUNTER",
    help="At equal what trials are compared, where there are several counters.",
)
@click.option("--question", metavar="TEXT", help="What the study asks.")
@click.option("--tracking", metavar="URI", help="An MLflow server; else the embedded store.")
@home_option
def import_(
    file: Path,
    name: str,
    pairs: tuple[str, ...],
    mapping: Path | None,
    ignore: tuple[str, ...],
    objective: str | None,
    axis: str | None,
    question: str | None,
    tracking: str | None,
    home: str | None,
) -> None:
    """Take the histories in FILE (CSV or Parquet), trained elsewhere, in as a study.

    FILE has a row per trial, seed and step; parameters and measures stand in columns. See docs/import.md.

    \b
    Example:  ganstudy import examples/imported/ring.csv --name ring_elsewhere \\
                  --mapping examples/imported/ring_mapping.toml
    """
    from rich.console import Console

    from ganstudy.study.importing.imported_study import read_import
    from ganstudy.study.importing.mapping import read_mapping
    from ganstudy.study.importing.publish import publish_import
    from ganstudy.study.tracking.publisher_process import Ending

    place, console = Home.locate(home), Console(highlight=False, markup=False, emoji=False)
    changes = {"ignore": list(ignore), "objective": objective, "axis": axis, "question": question}
    made = read_import(file, name, read_mapping(mapping, pairs, changes), _tracking(tracking))
    for line in _told(made.history):
        console.print(line, soft_wrap=True)
    answer: list[str] = []
    folder = place.study(name)

    def conclude() -> Ending:
        answer.extend(write_report(made.spec, place, folder))
        return Ending(
            "\n".join(f"- {sentence}" for sentence in answer),
            [folder.report, folder.path / "tables"],
        )

    result = publish_import(made, place, conclude, console)
    for sentence in answer:
        console.print(f"\n• {sentence}", soft_wrap=True)
    if answer:
        console.print(f"\nReport:  {folder.report}", soft_wrap=True)
    if result.unpublished:
        console.print(
            f"{result.unpublished} records have not reached MLflow and wait in {folder.outbox}; {folder.log} says why. "
            "Once MLflow is back, give the same command again: nothing is written twice.",
            soft_wrap=True,
        )
    sys.exit(1 if result.unpublished or not answer else 0)


def _tracking(uri: str | None) -> Tracking:
    from pydantic import ValidationError

    from ganstudy.study.spec.tables import Tracking

    try:
        return Tracking(uri=uri)
    except ValidationError as error:
        raise UserError(
            f"--tracking {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _told(history: History) -> list[str]:
    """How the file was read."""
    seeds = sum(len({row["seed"] for row in trial.rows}) for trial in history.trials)
    rows = sum(len(trial.rows) for trial in history.trials)
    lines = [
        f"Read      {len(history.trials)} trials, {seeds} seeds, {rows} evaluations at {len(history.times)} times "
        f"up to {history.times[-1]:g} {history.axis}",
        f"Measures  {', '.join(history.measures) or 'none'}"
        + (f"; from these follow {', '.join(history.derived)}" if history.derived else ""),
    ]
    return [*lines, *(f"Note      {note}" for note in history.notes)]

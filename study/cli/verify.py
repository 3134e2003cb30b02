"""The command `verify`: study files with a claim, and the verdicts on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.options import INTERRUPTED, home_option, wrapped
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.outlook.claim_planned import planned_lines
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec

if TYPE_CHECKING:
    from ganstudy.analysis.frames.study import Study

NOT_RUN, NOT_OVER = "not yet run", "not over"


@dataclass(frozen=True)
class ClaimFile:
    """A study file that makes a claim."""

    path: Path
    spec: StudySpec
    text: str


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--no-run", is_flag=True, help="Take finished studies alone; say of others what is planned."
)
@home_option
def verify(path: Path, no_run: bool, home: Home) -> None:
    """Put the claim of a study file to the test; PATH: the file, or a folder of such files.

    Studies that are finished are taken as they are; others are run, one after the other, or go on.
    Each criterion of a claim holds, does not hold, comes to practically no effect or is
    inconclusive, with its interval beside the power that was planned.

    \b
    Examples:  ganstudy verify examples/claims
               ganstudy verify examples/claims/minibatch_discrimination.toml --no-run
    """
    files = claim_files(path)
    left = {file.spec.name: trials_left(file.spec, home) for file in files}
    code = 0 if no_run else _run_left([file for file in files if left[file.spec.name] != 0], home)
    for file in files:
        click.echo(f"\n{file.path}")
        for line in wrapped([f'"{_claim(file.spec)}"', *_verdicts(file.spec, home)]):
            click.echo(f"  {line}")
    sys.exit(code)


def claim_files(path: Path) -> list[ClaimFile]:
    """Return the file, or the files of a folder, that make a claim; raise UserError without any."""
    if not path.is_dir():
        made = [ClaimFile(path, *read_study(path))]
        if made[0].spec.claim is None:
            raise UserError(f"{path}: makes no claim; a claim stands in a table [claim]")
        return made
    read = [ClaimFile(file, *read_study(file)) for file in sorted(path.glob("*.toml"))]
    made = [file for file in read if file.spec.claim is not None]
    if not made:
        raise UserError(f"{path}: none of its {len(read)} study files has a table [claim]")
    first: dict[str, Path] = {}
    for file in made:
        other = first.setdefault(file.spec.name, file.path)
        if other != file.path:
            raise UserError(f"{file.path}: has the name {file.spec.name!r}, as {other} has")
    return made


def trials_left(spec: StudySpec, home: Home) -> int | None:
    """Return how many trials the file's study lacks; None where it has not begun.

    Raise UserError where a study of that name has another file.
    """
    from ganstudy.study.ledger.ledger import Ledger

    ledger = Ledger.check_same(home.study(spec.name).ledger, spec)
    return None if ledger is None else ledger.left()


def _run_left(files: list[ClaimFile], home: Home) -> int:
    """Run the studies one after the other, and return the exit code; a stop ends them all."""
    from ganstudy.study.cli.run import run_and_report

    code = 0
    for file in files:
        made = run_and_report(file.spec, file.text, None, False, home)
        if made == INTERRUPTED:
            return made
        code = max(code, made)
    return code


def _claim(spec: StudySpec) -> str:
    assert spec.claim is not None
    return spec.claim.sentence


def _verdicts(spec: StudySpec, home: Home) -> Iterator[str]:
    """Yield a line per criterion: the verdict where the study is over, else what is planned."""
    left = trials_left(spec, home)
    if left is None or left:
        yield NOT_RUN if left is None else f"{NOT_OVER}: {left} trials are left"
        yield from planned_lines(spec, home)
        return
    from ganstudy.study.cli.report import load_with_ledger

    yield from _found(load_with_ledger(home.study(spec.name), home))


def _found(study: Study) -> Iterator[str]:
    from ganstudy.analysis.formatting import duration
    from ganstudy.analysis.report.sections.claim import basis, finding
    from ganstudy.analysis.tables.effects.claims import claim_verdicts
    from ganstudy.analysis.tables.effects.contrast_table import contrast_table
    from ganstudy.analysis.tables.effects.looks import interim

    if why := interim(study):
        yield f"{NOT_OVER}: {why}"
    for decided in claim_verdicts(study, contrast_table(study)):
        mark = "" if decided.primary else " (exploratory)"
        yield f"{decided.verdict.value.upper()}{mark}: {finding(decided)}. {basis(decided)}"
    if study.seconds_taken is not None:
        yield f"It took {duration(study.seconds_taken)}."

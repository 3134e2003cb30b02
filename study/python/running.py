"""Run a study from Python: a study file, or a dict of the same tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstudy.study.cli.report import StudyReport, where_records_wait
from ganstudy.study.errors import UserError
from ganstudy.study.home import private_files
from ganstudy.study.python.loaded_study import LoadedStudy
from ganstudy.study.python.loading import Folder, home_of, load
from ganstudy.study.python.one_message import one_message
from ganstudy.study.python.toml_text import toml_text
from ganstudy.study.spec.reader import parse_study, read_study
from ganstudy.study.spec.study_spec import StudySpec

if TYPE_CHECKING:
    from rich.console import Console

    from ganstudy.study.driver.run import RunResult


@one_message
def run(
    study: str | os.PathLike[str] | Mapping[str, Any],
    *,
    home: Folder = None,
    address: str | None = None,
    accept_changes: bool = False,
    quiet: bool = False,
) -> LoadedStudy:
    """Run a study to its end, or go on with it, write its report, and return it.

    study: a study file, or its tables as a dict, whose relative paths count from the working
    directory. address: of a running Ray cluster; without it Ray starts on this machine, and ends
    with the run. accept_changes: go on though code, packages or data changed since the study began.
    quiet: print nothing.

    Interrupted (Ctrl-C, the notebook's stop button, `ganstudy stop`), it saves and returns what there
    is; the same call goes on. Raises UserError for a mistake in the study, before anything trains.
    """
    from ganstudy.study.driver.run import run as run_study
    from ganstudy.study.outlook.promise import promise

    spec, text = _read(study)
    found = home_of(home)
    console = _console(quiet)
    report = StudyReport(spec, found, spec.question)
    with _private_files():
        result = run_study(
            spec,
            text,
            found,
            address=address,
            console=console,
            build_report=report.build,
            accept_changes=accept_changes,
            outlook=partial(promise, spec, found),
        )
    for line in _ending(spec, result, bool(report.conclusions)):
        console.print(line, soft_wrap=True)
    return load(spec.name, found.root)


def _read(study: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[StudySpec, str]:
    if isinstance(study, Mapping):
        text = toml_text(study)
        return parse_study(text, "study", Path.cwd()), text
    if isinstance(study, str | os.PathLike):
        return read_study(Path(os.fspath(study)))
    raise UserError(
        f"a study is a study file's path or a dict of its tables, got {type(study).__name__}"
    )


def _console(quiet: bool) -> Console:
    from rich.console import Console

    # Plain lines in a notebook too, where rich would make a cell of HTML of each.
    return Console(
        file=sys.stdout,
        force_jupyter=False,
        quiet=quiet,
        highlight=False,
        markup=False,
        emoji=False,
    )


@contextmanager
def _private_files() -> Iterator[None]:
    """Context manager in which new files cannot be written by others; the caller's umask comes back."""
    before = os.umask(0o022)
    os.umask(before)
    private_files()
    try:
        yield
    finally:
        os.umask(before)


def _ending(spec: StudySpec, result: RunResult, reported: bool) -> Iterator[str]:
    """Yield what the caller should know of how the run ended."""
    if result.left:
        yield (
            f"Stopped with {result.left} of {result.ended + result.left} trials to go: "
            f"{result.stopped or 'interrupted'}. The same call goes on."
        )
    elif result.failed == result.ended:
        yield "Every trial failed; study.trials has the errors."
    if result.unpublished:
        yield where_records_wait(result.folder, result.unpublished)
        yield f"Then: ganstudy publish {spec.name}"
    elif reported:
        yield f"Report: {result.folder.report}"

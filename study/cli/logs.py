"""The command `logs`: the log of one trial, wherever it ran, or of the study's driver."""

from __future__ import annotations

import click

from ganstudy.study.cli.cluster import with_cluster
from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.tune import trial_log
from ganstudy.trials.results.records import FIRST_CONFIRM


@with_cluster()
@click.command()
@click.argument("name")
@click.argument("trial", type=click.IntRange(0), required=False)
@home_option
def logs(name: str, trial: int | None, home: Home) -> None:
    """Show the log of a TRIAL of the study NAME, wherever it ran: starts, evaluations, errors, warnings, prints.

    Without TRIAL: what the driver of a submitted study printed, and what went wrong on the way to MLflow.

    \b
    Examples:  ganstudy logs digits 3
               ganstudy logs digits
    """
    runs = sorted(home.submitted(name).glob("*/run.txt")) if NAME_RULE.fullmatch(name) else []
    # Before its first trial, or if it was refused, a submitted study has nothing but what its
    # driver printed.
    folder = home.study(name) if runs and trial is None else home.existing(name)
    files = [*runs[-1:], folder.log] if trial is None else [trial_log.path(folder.logs, trial)]
    found = [file for file in files if file.exists()]
    if not found:
        wanted = "the driver" if trial is None else f"trial {trial}"
        raise UserError(
            f"no log of {wanted} in the study {name!r}; available: {_available(folder)}"
        )
    for file in found:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                click.echo(line, nl=False)


def _available(folder: StudyFolder) -> str:
    """Describe the trials that have a log, those of the confirm stage apart."""
    files = folder.logs.glob("trial-*.txt")
    numbers = sorted(int(file.stem.rpartition("-")[2]) for file in files)
    search = [number for number in numbers if number < FIRST_CONFIRM]
    # Their numbers begin at FIRST_CONFIRM, so one range over both stages would promise a million.
    confirm = [number for number in numbers if number >= FIRST_CONFIRM]
    ranges = [f"trials {search[0]} to {search[-1]}"] if search else []
    ranges += [f"confirm trials {confirm[0]} to {confirm[-1]}"] if confirm else []
    return ", ".join(ranges) or "none yet"

"""The command `logs`: what one trial said, wherever it ran, or what the study's driver said."""

from __future__ import annotations

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home
from ganstudy.study.tune import trial_log


@click.command()
@click.argument("name")
@click.argument("trial", type=click.IntRange(0), required=False)
@home_option
def logs(name: str, trial: int | None, home: str | None) -> None:
    """Show the log of a TRIAL of the study NAME, wherever it ran: starts, evaluations, errors, warnings, prints.

    Without TRIAL: what the driver of a submitted study said, and what the way to MLflow had to say.

    \b
    Examples:  ganstudy logs digits 3
               ganstudy logs digits
    """
    place = Home.locate(home)
    said = sorted(place.submitted(name).glob("*/run.txt")) if NAME_RULE.fullmatch(name) else []
    # Before its first trial, or where it was refused, a study that was sent has nothing but what
    # its driver said.
    folder = place.study(name) if said and trial is None else place.existing(name)
    files = [*said[-1:], folder.log] if trial is None else [trial_log.path(folder.logs, trial)]
    found = [file for file in files if file.exists()]
    if not found:
        known = sorted(
            int(file.stem.rpartition("-")[2]) for file in folder.logs.glob("trial-*.txt")
        )
        which = f"trials {known[0]} to {known[-1]}" if known else "none yet"
        what = "anything by the driver" if trial is None else f"trial {trial}"
        raise UserError(f"no log of {what} in the study {name!r}; there are those of: {which}")
    for file in found:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                click.echo(line, nl=False)

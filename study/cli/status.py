"""The commands `list`, `status` and `logs`: the studies of a home, the state of one, and its logs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.cluster import with_cluster
from ganstudy.study.cli.options import home_flag, home_option, program, wrapped
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.ledger.trial_row import settings
from ganstudy.study.tune import trial_log
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import FIRST_CONFIRM, TrialState

if TYPE_CHECKING:
    from ganstudy.study.driver.status import ConfirmStatus, DesignStatus, StudyStatus


@with_cluster()
@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_option
def list_studies(as_json: bool, home: Home) -> None:
    """List the studies under the home folder.

    \b
    Example:  ganstudy list --json
    """
    from ganstudy.study.driver.status import all_preparing, study_status

    found = []
    coming = all_preparing(home)
    # One study that cannot be read must not hide the others.
    for name in home.names():
        try:
            found.append(study_status(home, name))
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
    if as_json:
        listed = [*(study.to_json() for study in found), *(asdict(study) for study in coming)]
        click.echo(json.dumps(listed, indent=2))
        return
    if not found and not coming:
        click.echo(f"No studies under {home.root}.")
    lines = [f"{study.name:<24} {study.state:<9} {study.doing}" for study in coming]
    for study in found:
        done = study.planned - study.left + (study.confirm.left if study.confirm else 0)
        confirmed = f"{_format_confirmed(study.confirm)}, " if study.confirm else ""
        lines.append(
            f"{study.name:<24} {study.state:<9} {done}/{study.planned} trials, "
            f"{confirmed}{_format_best(study)}"
        )
    for line in _fitted(lines):
        click.echo(line)


@with_cluster()
@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every trial.")
@home_option
def status(name: str, as_json: bool, home: Home) -> None:
    """Show the state of the study NAME: trials by state and verdict, the best trial, paths.

    \b
    Example:  ganstudy status digits --json
    """
    from ganstudy.study.driver.status import preparing, study_status

    coming = preparing(home, name)
    if coming is not None:
        text = f"{name}: preparing, by {coming.driver}\n{coming.doing}"
        click.echo(json.dumps(asdict(coming), indent=2) if as_json else text)
        return
    home.existing(name)
    study = study_status(home, name, with_trials=as_json)
    if as_json:
        click.echo(json.dumps(study.to_json(), indent=2))
        return
    for line in _fitted([*_status_lines(study), *_paths(study)]):
        click.echo(line)


def _fitted(lines: list[str]) -> list[str]:
    """Return the lines as wide as the terminal, or whole if they go elsewhere."""
    return wrapped(lines) if sys.stdout.isatty() else lines


def _paths(study: StudyStatus) -> list[str]:
    return [
        f"{kind.capitalize():<8} {path or 'not written yet'}" for kind, path in study.paths.items()
    ]


def _status_lines(study: StudyStatus) -> list[str]:
    confirm = study.confirm
    lines = [f"{study.name}: {study.question}".rstrip(": "), f"State    {_format_state(study)}"]
    left = study.left - (confirm.left if confirm else 0)
    lines.append(f"Trials   {_format_states(_apart(study))}; {left} of {study.planned} to go")
    seeds = ", ".join(f"{n} {verdict}" for verdict, n in study.seeds.items())
    lines.append(f"Seeds    {seeds or 'none yet'}")
    lines.append(f"Best     {_format_best(study)}")
    if study.design:
        lines.append(f"Design   {_format_design(study.design)}")
    if study.budget:
        lines.append(f"Budget   {study.budget}")
    if confirm:
        lines.append(f"Confirm  {_format_states(confirm.trials)}; {_format_confirmed(confirm)}")
    if study.unpublished:
        lines.append(f"MLflow   {study.unpublished} records still to be published")
    return lines


def _format_state(study: StudyStatus) -> str:
    from ganstudy.study.driver.status import RunState

    if study.state is RunState.STOPPED:
        return f"stopped; to go on: {program()} resume {study.name}{home_flag()}"
    return f"{study.state}, by {study.driver}" if study.driver else study.state.value


def _apart(study: StudyStatus) -> Mapping[str, int]:
    """Return the trials by state, with those that wait where all are compared apart."""
    if study.design is None or not study.design.waiting:
        return study.trials
    waiting, running = study.design.waiting, TrialState.RUNNING.value
    return {"waiting": waiting, **study.trials, running: study.trials[running] - waiting}


def _format_states(trials: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in trials.items() if count) or "none yet"


def _format_confirmed(confirm: ConfirmStatus) -> str:
    ended = sum(count for state, count in confirm.trials.items() if state != "running")
    return f"{ended} of {'' if confirm.known else 'at most '}{confirm.planned} confirmed"


def _format_design(design: DesignStatus) -> str:
    text = f"{design.compared} of {design.planned} compared"
    return text if design.promoted is None else f"{text}; {design.promoted} promoted"


def _format_best(study: StudyStatus) -> str:
    """Return the best trial, with a score only where its meaning is plain.

    The score that a trial was chosen by looks too good: where fresh seeds give another, it is not
    quoted, and elsewhere the line says so.
    """
    if study.best is None:
        if not study.trials.get("complete"):
            return "no trial is complete yet"
        return "none: every complete trial has failed seeds, more than [objective] require allows"
    label = MEASURES[study.objective].label
    chosen = f"trial {study.best.number}: {settings(study.best.params)}"
    if study.confirm is None:
        return f"{label} {three_digits(study.best.value)} by the seeds that chose it ({chosen})"
    if study.confirm.best is None:
        return f"not confirmed yet ({chosen})"
    return f"confirmed {label} {three_digits(study.confirm.best.value)} ({chosen})"


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

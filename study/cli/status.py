"""The commands `list`, `status` and `logs`: the studies of a home, the state of one, and its logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.cluster import with_cluster
from ganstudy.study.cli.options import format_params, home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.tune import trial_log
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
    from ganstudy.study.driver.status import study_status

    found = []
    # One study that cannot be read must not hide the others.
    for name in home.names():
        try:
            found.append(study_status(home, name))
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
    if as_json:
        click.echo(json.dumps([study.to_json() for study in found], indent=2))
        return
    if not found:
        click.echo(f"No studies under {home.root}.")
    for study in found:
        done = study.planned - study.left + (study.confirm.left if study.confirm else 0)
        confirmed = f"{_format_confirmed(study.confirm)}, " if study.confirm else ""
        click.echo(
            f"{study.name:<24} {done}/{study.planned} trials, {confirmed}{_format_best(study)}"
        )


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
    from ganstudy.study.driver.status import study_status

    home.existing(name)
    study = study_status(home, name, with_trials=as_json)
    if as_json:
        click.echo(json.dumps(study.to_json(), indent=2))
        return
    click.echo(f"{name}: {study.question}".rstrip(": "))
    confirm = study.confirm
    left = study.left - (confirm.left if confirm else 0)
    click.echo(f"Trials   {_format_states(_apart(study))}; {left} of {study.planned} to go")
    seeds = ", ".join(f"{n} {verdict}" for verdict, n in study.seeds.items())
    click.echo(f"Seeds    {seeds or 'none yet'}")
    click.echo(f"Best     {_format_best(study)}")
    if study.design:
        click.echo(f"Design   {_format_design(study.design)}")
    if study.budget:
        click.echo(f"Budget   {study.budget}")
    if confirm:
        click.echo(f"Confirm  {_format_states(confirm.trials)}; {_format_confirmed(confirm)}")
    if study.unpublished:
        click.echo(f"MLflow   {study.unpublished} records still to be published")
    for kind, path in study.paths.items():
        click.echo(f"{kind.capitalize():<8} {path or 'not written yet'}")


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
    best = study.best
    if best is None:
        return "no complete trial satisfies the constraints yet"
    params = format_params(best.params)
    return f"{study.objective} {best.value:.3g} (trial {best.number}: {params})"


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

"""The commands `run`, `resume`, `stop` and `publish`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.cluster import CliOptions, with_cluster
from ganstudy.study.cli.options import INTERRUPTED, home_flag, home_option, program
from ganstudy.study.cli.report import StudyReport, mend, where_records_wait
from ganstudy.study.cli.submit import send
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec

if TYPE_CHECKING:
    from rich.console import Console

    from ganstudy.study.driver.run import RunResult

address_option = click.option(
    "--address",
    metavar="HOST:PORT",
    help="Use this running Ray cluster; by default Ray starts on this machine.",
)
accept_option = click.option(
    "--accept-changes",
    is_flag=True,
    help="Go on although code, packages or data have changed, and record that.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@address_option
@accept_option
@home_option
def run(file: Path, address: str | None, accept_changes: bool, home: Home) -> None:
    """Run the study in FILE, or go on with it, and write its report.

    Ctrl-C (or SIGTERM, or ganstudy stop) stops it cleanly, and ganstudy resume goes on from there.

    \b
    Examples:  ganstudy run examples/digits.toml
               ganstudy run examples/digits.toml --address 10.0.0.1:6379
    """
    spec, text = read_study(file)
    sys.exit(run_and_report(spec, text, address, accept_changes, home))


def resume_on_cluster(cluster: Path, values: CliOptions) -> int:
    """Resume a study on a cluster: as a job, like the study was begun."""
    name = values["name"]
    if name.endswith(".toml"):
        raise UserError(
            "with --cluster, resume takes the study's NAME; a changed file goes by ganstudy submit"
        )
    return send(cluster, {**values, "file": name, "follow": False})


@with_cluster(resume_on_cluster)
@click.command()
@click.argument("name")
@address_option
@accept_option
@home_option
def resume(name: str, address: str | None, accept_changes: bool, home: Home) -> None:
    """Resume the study NAME (or that of a study file), with the settings in its ledger.

    Trials that were in training go first, from their last checkpoints.

    \b
    Example:  ganstudy resume digits
    """
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.trials.config import plugins

    folder = _existing(name, home)
    # The copies that the study began with: the user's files may have changed since.
    plugins.register_copies(folder.plugins)
    ledger = Ledger.open(folder.ledger)
    sys.exit(run_and_report(ledger.spec, ledger.text, address, accept_changes, home))


@with_cluster()
@click.command()
@click.argument("name")
@home_option
def stop(name: str, home: Home) -> None:
    """Stop the study NAME cleanly, from any machine that sees its folder.

    Trials in training save their state; ganstudy resume goes on.

    \b
    Example:  ganstudy stop digits
    """
    from ganstudy.study.driver.driver_lock import DriverLock
    from ganstudy.study.tune.stopping import StopRequest

    # Before its first trial a study has a driver and no ledger.
    driver = DriverLock(home.study(name).path).holder() if NAME_RULE.fullmatch(name) else None
    if driver is None:
        raise UserError(f"the study {_existing(name, home).path.name!r} is not being run")
    StopRequest(home.study(name).stop).ask("asked to stop by ganstudy stop")
    click.echo(f"Asked the driver to stop ({driver}); its trials save their state.")


@with_cluster()
@click.command()
@click.argument("name")
@home_option
def publish(name: str, home: Home) -> None:
    """Publish the records of the study NAME that did not reach MLflow, and write its report.

    Needed only if MLflow was away at the study's end; a running study publishes by itself.

    \b
    Example:  ganstudy publish digits
    """
    from ganstudy.study.driver.driver_lock import only_driver
    from ganstudy.study.driver.terminal import say
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.study.tracking.outbox import Outbox
    from ganstudy.study.tracking.publisher_process import finish, publisher

    folder = _existing(name, home)
    console = plain_console()
    ledger = Ledger.open(folder.ledger)
    report = StudyReport(ledger.spec, home, ledger.spec.question)
    with only_driver(folder.path, console.print):
        outbox = Outbox(folder.outbox)
        mend(ledger.spec, home, outbox)
        waiting = outbox.waiting()
        with publisher(ledger.spec, home) as process:
            left = finish(ledger.spec, home, process, ledger.left(), report.build, console)
    say(console, f"{max(0, waiting - left)} of {waiting} waiting records published")
    _print_result(ledger.spec, home, report, left, console)
    sys.exit(1 if left or not report.conclusions else 0)


def plain_console() -> Console:
    """Return a console that prints text as it is: names and messages may look like markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _existing(name: str, home: Home) -> StudyFolder:
    """Return the folder of a study that was trained here, given its name or its file."""
    # A study's name may end like that of a file.
    if name.endswith(".toml") and name not in home.names():
        name = read_study(Path(name))[0].name
    return home.trained_here(name)


def run_and_report(
    spec: StudySpec, text: str, address: str | None, accept_changes: bool, home: Home
) -> int:
    """Run a study, or go on with it, write and print its report, and return the exit code."""
    from ganstudy.study.driver.run import run as run_study
    from ganstudy.study.driver.terminal import say
    from ganstudy.study.outlook.promise import promise

    console = plain_console()
    report = StudyReport(spec, home, spec.question)
    result = run_study(
        spec,
        text,
        home,
        address=address,
        console=console,
        build_report=report.build,
        accept_changes=accept_changes,
        outlook=partial(promise, spec, home),
    )
    _print_result(spec, home, report, result.unpublished, console)
    if result.left:
        say(console, _how_to_go_on(spec, home, result, address))
        return INTERRUPTED
    if result.failed == result.ended:
        console.print("Every trial failed; the report lists the errors.")
        return 1
    return 1 if result.unpublished or not report.conclusions else 0


def _how_to_go_on(spec: StudySpec, home: Home, result: RunResult, address: str | None) -> str:
    trials = f"{result.left} of {result.ended + result.left} trials"
    # Until the search is over, nobody knows how many trials the confirm stage will have.
    confirm = spec.confirm and result.ended < planned_trials(spec) + spec.search.trials
    then = ", and then the confirm stage" if confirm else ""
    where = f" --address {address}" if address else ""
    return (
        f"Stopped with {trials} to go{_compared(spec, home)}{then}: "
        f"{result.stopped or 'interrupted'}.\n"
        f"To go on: {program()} resume {spec.name}{home_flag()}{where}"
    )


def _compared(spec: StudySpec, home: Home) -> str:
    """Return how many trials of a design have come to where all are compared; '' without one."""
    from ganstudy.study.ledger.ledger import Ledger

    design = Ledger.open(home.study(spec.name).ledger).design
    if design is None:
        return ""
    return f" ({design.planned - design.to_train()} of {design.planned} designed ones are compared)"


def _print_result(
    spec: StudySpec, home: Home, report: StudyReport, unpublished: int, console: Console
) -> None:
    """Print the conclusions, where report and MLflow are, and what to do if MLflow was away."""
    from ganstudy.study.driver.terminal import say

    folder = home.study(spec.name)
    report.print_conclusions(console)
    console.print()
    if report.conclusions:
        say(console, f"Report:     {folder.report}")
    pages = spec.tracking.uri or (
        f"{program()} ui {spec.name}{home_flag()}"
        if home.embedded(None)
        else home.tracking_uri(None)
    )
    say(console, f"MLflow UI:  {pages}")
    if unpublished:
        say(
            console,
            f"{where_records_wait(folder, unpublished)}\n"
            f"Then: {program()} publish {spec.name}{home_flag()}",
        )

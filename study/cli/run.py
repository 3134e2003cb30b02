"""`ganstudy run`, `resume`, `stop` and `publish`: what moves a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.options import INTERRUPTED, command, home_option, home_words
from ganstudy.study.cli.report import as_markdown, write_report
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec

if TYPE_CHECKING:
    from rich.console import Console

    from ganstudy.study.tracking.publisher_process import Ending

address_option = click.option(
    "--address", metavar="HOST:PORT", help="A running Ray cluster; else Ray starts on this machine."
)
accept_option = click.option(
    "--accept-changes",
    is_flag=True,
    help="Go on though code, packages or data changed; that is recorded.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@address_option
@accept_option
@home_option
def run(file: Path, address: str | None, accept_changes: bool, home: str | None) -> None:
    """Run the study in FILE, or go on with it, and write its report.

    Ctrl-C (or SIGTERM, or ganstudy stop) stops it cleanly, and ganstudy resume goes on from there.

    \b
    Examples:  ganstudy run examples/digits.toml
               ganstudy run examples/digits.toml --address 10.0.0.1:6379
    """
    spec, text = read_study(file)
    _run(spec, text, address, accept_changes, home)


@click.command()
@click.argument("name")
@address_option
@accept_option
@home_option
def resume(name: str, address: str | None, accept_changes: bool, home: str | None) -> None:
    """Go on with the study NAME (or the one of a study file), as its ledger has it.

    Trials that were in training go first, from their last checkpoints.

    \b
    Example:  ganstudy resume digits
    """
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.trials import plugins

    folder = _existing(name, Home.locate(home))
    for file in folder.plugins.glob("*/*.py"):
        plugins.register(file)
    ledger = Ledger.open(folder.ledger)
    _run(ledger.spec, ledger.text, address, accept_changes, home)


@click.command()
@click.argument("name")
@home_option
def stop(name: str, home: str | None) -> None:
    """Stop the study NAME cleanly, from any machine that sees its folder.

    The trials in training save where they are; ganstudy resume goes on.

    \b
    Example:  ganstudy stop digits
    """
    from ganstudy.study.driver.driver_lock import driver_of
    from ganstudy.study.tune.stopping import StopRequest

    place = Home.locate(home)
    # Before its first trial a study has a driver and no ledger.
    driver = driver_of(place.study(name).path) if NAME_RULE.fullmatch(name) else None
    if driver is None:
        raise UserError(f"the study {_existing(name, place).path.name!r} is not being run")
    StopRequest(place.study(name).stop).ask("asked to stop by ganstudy stop")
    click.echo(f"Asked the driver to stop ({driver}); its trials save where they are.")


@click.command()
@click.argument("name")
@home_option
def publish(name: str, home: str | None) -> None:
    """Bring the records of the study NAME to MLflow that did not get there, and write its report.

    Needed only when MLflow was away at the study's end; a running study publishes by itself.

    \b
    Example:  ganstudy publish digits
    """
    from rich.console import Console

    from ganstudy.study.driver.driver_lock import only_driver
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.study.tracking.outbox import Outbox
    from ganstudy.study.tracking.publisher_process import finish, publisher

    place = Home.locate(home)
    folder = _existing(name, place)
    console, ledger = (
        Console(highlight=False, markup=False, emoji=False),
        Ledger.open(folder.ledger),
    )
    answer: list[str] = []
    with only_driver(folder.path, console.print):
        waiting = Outbox(folder.outbox).waiting()
        with publisher(ledger.spec, place) as process:
            left = finish(
                ledger.spec,
                place,
                process,
                ledger.left(),
                lambda: _conclude(ledger.spec, place, answer),
                console,
            )
    console.print(
        f"{max(0, waiting - left)} of {waiting} waiting records published", soft_wrap=True
    )
    _tell(ledger.spec, folder, answer, left, home, console)
    sys.exit(1 if left or not answer else 0)


def _existing(name: str, place: Home) -> StudyFolder:
    if name.endswith(".toml"):
        name = read_study(Path(name))[0].name
    return place.trained_here(name)


def _run(
    spec: StudySpec, text: str, address: str | None, accept_changes: bool, home: str | None
) -> None:
    from rich.console import Console

    from ganstudy.study.driver.run import run as launch

    place, console = Home.locate(home), Console(highlight=False, markup=False, emoji=False)
    answer: list[str] = []
    result = launch(
        spec,
        text,
        place,
        address=address,
        console=console,
        conclude=lambda: _conclude(spec, place, answer),
        accept_changes=accept_changes,
    )
    _tell(spec, result.folder, answer, result.unpublished, home, console)
    if result.left:
        then = (
            ", and then the confirm stage"
            if spec.confirm and result.ended < spec.search.trials
            else ""
        )
        console.print(
            f"Stopped with {result.left} of {result.ended + result.left} trials to go{then}: "
            f"{result.stopped or 'interrupted'}.\n"
            f"To go on: {command()} resume {spec.name}{home_words(home)}"
            + (f" --address {address}" if address else ""),
            soft_wrap=True,
        )
        sys.exit(INTERRUPTED)
    if result.failed == result.ended:
        console.print("Every trial failed; the report lists the errors.")
        sys.exit(1)
    sys.exit(1 if result.unpublished or not answer else 0)


def _tell(
    spec: StudySpec,
    folder: StudyFolder,
    answer: list[str],
    unpublished: int,
    home: str | None,
    console: Console,
) -> None:
    """The answer, and where everything lies."""
    for sentence in answer:
        console.print(f"\n• {sentence}", soft_wrap=True)
    console.print()
    if answer:
        console.print(f"Report:     {folder.report}", soft_wrap=True)
    place = Home.locate(home)
    shown = (
        f"{command()} ui{home_words(home)}"
        if place.embedded(spec.tracking.uri)
        else place.tracking_uri(None)
    )
    console.print(f"MLflow UI:  {spec.tracking.uri or shown}", soft_wrap=True)
    if unpublished:
        console.print(
            f"{unpublished} records have not reached MLflow and wait in {folder.outbox}; {folder.log} says why.\n"
            f"Once MLflow is back: {command()} publish {spec.name}{home_words(home)}",
            soft_wrap=True,
        )


def _conclude(spec: StudySpec, home: Home, answer: list[str]) -> Ending:
    from ganstudy.study.tracking.publisher_process import Ending

    folder = home.study(spec.name)
    answer += write_report(spec, home, folder)
    return Ending(as_markdown(spec.question, answer), [folder.report, folder.path / "tables"])

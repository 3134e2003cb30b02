"""The command line: the only place that knows study, trials and analysis together."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from study.cli_score import score
from study.errors import UserError
from study.home import ENVIRONMENT, Home, StudyFolder
from study.reader import read_study
from study.spec import StudySpec

if TYPE_CHECKING:
    from study.launch import Ending

# Ray, torch, MLflow and plotly are imported by the commands that need them, so that the others answer at once.

Command = TypeVar("Command", bound=Callable[..., Any])
CONFIGURATIONS_SHOWN = 3
INTERRUPTED = 130


class Commands(click.Group):
    """Turns a UserError into one message and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was named."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("\nganstudy: stopped; nothing that was recorded is lost, the same command goes on", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ganstudy")
def main() -> None:
    """Which discriminator:generator ratio, learning rates and remedy train a GAN, and how sure are we?

    \b
    Example:  ganstudy run examples/digits.toml
    """


main.add_command(score)


def home_option(command: Command) -> Command:
    """--home, the same everywhere."""
    return click.option(
        "--home", metavar="DIR", help=f"Where everything is kept; else ${ENVIRONMENT}, else ./ganstudy-data."
    )(command)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@home_option
def check(file: Path, home: str | None) -> None:
    """Validate a study FILE; print its space, cost and first configurations.

    \b
    Example:  ganstudy check examples/digits.toml
    """
    from study.estimate import cost_lines
    from study.ledger import Ledger, preview

    spec, _ = read_study(file)
    Ledger.check_same(Home.locate(home).study(spec.name).ledger, spec)
    click.echo(f"{file} is a valid study.\n")
    click.echo(spec.model_dump_json(indent=2, exclude={"search": {"space"}}))
    click.echo("\nSearch space")
    for key, domain in spec.space.domains.items():
        click.echo(f"  {key:<28} {domain}")
    click.echo("\nCost")
    for line in cost_lines(spec, Home.locate(home)):
        click.echo(f"  {line}")
    if spec.has_own_parts:
        click.echo("\nYour data and networks")
        for line in _own_parts(spec):
            click.echo(f"  {line}")
    click.echo(f"\nFirst {min(CONFIGURATIONS_SHOWN, spec.search.trials)} configurations")
    for number, params in enumerate(preview(spec, CONFIGURATIONS_SHOWN)):
        click.echo(f"  trial {number}: {_words(params)}")


def _own_parts(spec: StudySpec) -> list[str]:
    from study.training import describe  # loads torch, which the check of a study on known parts can spare

    try:
        return describe(spec.structures())
    except ValueError as error:
        raise UserError(str(error)) from None


def _words(params: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} = {value:.3g}" if isinstance(value, float) else f"{key} = {value}" for key, value in params.items()
    )


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--address", metavar="HOST:PORT", help="A running Ray cluster; else Ray starts on this machine.")
@home_option
def run(file: Path, address: str | None, home: str | None) -> None:
    """Run the study in FILE, or go on with it, and write its report.

    Ctrl-C stops it cleanly; the same command goes on from there.

    \b
    Examples:  ganstudy run examples/digits.toml
               ganstudy run examples/digits.toml --address 10.0.0.1:6379
    """
    spec, text = read_study(file)
    place = Home.locate(home)
    from rich.console import Console

    from study.launch import run as launch

    console = Console(highlight=False)
    answer: list[str] = []
    result = launch(
        spec, text, place, address=address, console=console, conclude=lambda: _conclude(spec, place, answer)
    )
    folder = result.folder
    for sentence in answer:
        console.print(f"\n• {sentence}", soft_wrap=True)
    console.print()
    if answer:
        console.print(f"Report:     {folder.report}", soft_wrap=True)
    console.print(f"MLflow UI:  {spec.tracking.uri or f'{_command()} ui{_home_words(home)}'}", soft_wrap=True)
    if result.unpublished:
        console.print(
            f"{result.unpublished} records have not reached MLflow and wait in {folder.spool}; {folder.log} says why. "
            "The same command tries again.",
            soft_wrap=True,
        )
    if result.left:
        console.print(
            f"Stopped with {result.left} of {spec.search.trials} trials to go. "
            f"To go on: {_command()} run {shlex.quote(str(file))}{_home_words(home)}"
            + (f" --address {address}" if address else ""),
            soft_wrap=True,
        )
        sys.exit(INTERRUPTED)
    if result.failed == spec.search.trials:
        console.print("Every trial failed; the report lists the errors.")
        sys.exit(1)
    sys.exit(1 if result.unpublished or not answer else 0)


def _command() -> str:
    """How this program was called, as a person would type it again."""
    called = Path(sys.argv[0])
    if called.name != "ganstudy" or shutil.which("ganstudy"):
        return "ganstudy"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)


def _home_words(home: str | None) -> str:
    return f" --home {shlex.quote(home)}" if home else ""


def _conclude(spec: StudySpec, home: Home, answer: list[str]) -> Ending:
    from study.launch import Ending

    folder = home.study(spec.name)
    answer += _write_report(spec, home, folder)
    description = "\n".join(f"- {sentence}" for sentence in answer)
    return Ending(description, [folder.report, folder.path / "tables"])


def _write_report(spec: StudySpec, home: Home, folder: StudyFolder) -> list[str]:
    """Writes the report; returns the answer's sentences."""
    from analysis.answer import sentences
    from analysis.load import load_study
    from analysis.report import write_report

    if spec.tracking.uri is None and not home.mlflow_database.exists():
        raise UserError(f"the study {spec.name!r} has not published anything to MLflow yet")
    try:
        study = load_study(spec.name, home.tracking_uri(spec.tracking.uri))
    except (KeyError, ValueError, ConnectionError) as error:
        raise UserError(str(error.args[0])) from None
    write_report(study, folder.report)
    return sentences(study)


@main.command()
@click.argument("name")
@click.option("--open", "show", is_flag=True, help="Open it in a browser.")
@home_option
def report(name: str, show: bool, home: str | None) -> None:
    """Write the report of the study NAME anew, from what MLflow has.

    \b
    Example:  ganstudy report digits --open
    """
    place = Home.locate(home)
    folder = place.existing(name)
    for sentence in _write_report(_spec_of(folder), place, folder):
        click.echo(f"• {sentence}\n")
    click.echo(f"Report:  {folder.report}")
    if show:
        webbrowser.open(folder.report.as_uri())


def _spec_of(folder: StudyFolder) -> StudySpec:
    from study.ledger import Ledger

    return Ledger.open(folder.ledger).spec


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@home_option
def list_studies(as_json: bool, home: str | None) -> None:
    """List the studies under the home folder.

    \b
    Example:  ganstudy list --json
    """
    from study.status import summary

    place = Home.locate(home)
    found = []
    for name in place.names():
        try:
            found.append(summary(place, name))
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        click.echo(f"No studies under {place.root}.")
    for study in found:
        done = study["planned"] - study["left"]
        click.echo(f"{study['name']:<24} {done}/{study['planned']} trials, {_best_words(study)}")


@main.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every trial.")
@home_option
def status(name: str, as_json: bool, home: str | None) -> None:
    """Show where the study NAME stands: trials by state and verdict, the best, paths.

    \b
    Example:  ganstudy status digits --json
    """
    from study.status import summary

    place = Home.locate(home)
    place.existing(name)
    study = summary(place, name, with_trials=as_json)
    if as_json:
        click.echo(json.dumps(study, indent=2))
        return
    click.echo(f"{name}: {study['question']}".rstrip(": "))
    states = ", ".join(f"{count} {state}" for state, count in study["trials"].items() if count)
    click.echo(f"Trials   {states or 'none yet'}; {study['left']} of {study['planned']} to go")
    click.echo(f"Seeds    {', '.join(f'{n} {verdict}' for verdict, n in study['seeds'].items()) or 'none yet'}")
    click.echo(f"Best     {_best_words(study)}")
    if study["unpublished"]:
        click.echo(f"MLflow   {study['unpublished']} records still to be published")
    for kind, path in study["paths"].items():
        click.echo(f"{kind.capitalize():<8} {path or 'not written yet'}")


def _best_words(study: dict[str, Any]) -> str:
    best = study["best"]
    if best is None:
        return "no complete trial satisfies the constraints yet"
    return f"{study['objective']} {best['value']:.3g} (trial {best['number']}: {_words(best['params'])})"


@main.command()
@click.option("--port", default=5000, show_default=True, help="Of the server, on this machine only.")
@home_option
def ui(port: int, home: str | None) -> None:
    """Start the MLflow UI on the studies under the home folder; Ctrl-C ends it.

    \b
    Example:  ganstudy ui --port 5001
    """
    place = Home.locate(home)
    if not place.mlflow_database.exists():
        raise UserError(f"no study under {place.root} has published to the embedded MLflow store yet")
    # The parameter opens the view of trainings; without it MLflow shows that of language models.
    click.echo(f"MLflow UI: http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning  (Ctrl-C ends it)")
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", place.tracking_uri(None), "--workers", "1"]
    command += ["--default-artifact-root", place.mlflow_artifacts.as_uri()]
    # The server only shows studies: it needs neither to run jobs nor to report home.
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        sys.exit(subprocess.call(command, env={**os.environ, **settings}))
    except KeyboardInterrupt:
        sys.exit(0)

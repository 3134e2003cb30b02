"""The command line: the only place that knows study, trials and analysis together."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from study.cli_best import best, sample
from study.cli_frames import export_frames
from study.cli_import import import_
from study.cli_report import report
from study.cli_run import publish, resume, run, stop
from study.cli_score import score
from study.cli_ui import ui
from study.cli_words import INTERRUPTED, home_option
from study.errors import UserError
from study.home import Home, private_files
from study.reader import read_study
from study.spec import StudySpec

# Ray, torch, MLflow and plotly are imported by the commands that need them, so that the others answer at once.

CONFIGURATIONS_SHOWN = 3


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
            click.echo("\nganstudy: stopped; nothing that was recorded is lost; ganstudy resume goes on", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ganstudy")
def main() -> None:
    """Which discriminator:generator ratio, learning rates and remedy train a GAN, and how sure are we?

    \b
    Example:  ganstudy run examples/digits.toml
    """
    private_files()


for command in (run, resume, stop, publish, report, score, ui, import_, best, sample, export_frames):
    main.add_command(command)


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
    except (RuntimeError, MemoryError) as error:  # networks that are too large for this machine
        raise UserError(f"the networks cannot be made here: {str(error).splitlines()[0]}") from None


def _words(params: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} = {value:.3g}" if isinstance(value, float) else f"{key} = {value}" for key, value in params.items()
    )


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

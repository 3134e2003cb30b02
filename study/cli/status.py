"""The commands `list` and `status`: the studies of a home, and the state of one."""

from __future__ import annotations

import json
from typing import Any

import click

from ganstudy.study.cli.cluster import with_cluster
from ganstudy.study.cli.options import format_params, home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home


@with_cluster()
@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@home_option
def list_studies(as_json: bool, home: Home) -> None:
    """List the studies under the home folder.

    \b
    Example:  ganstudy list --json
    """
    from ganstudy.study.driver.status import summary

    found = []
    # One study that cannot be read must not hide the others.
    for name in home.names():
        try:
            found.append(summary(home, name))
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        click.echo(f"No studies under {home.root}.")
    for study in found:
        done = study["planned"] - study["left"] + (study["confirm"] or {}).get("left", 0)
        confirmed = f"{_format_confirmed(study['confirm'])}, " if study["confirm"] else ""
        click.echo(
            f"{study['name']:<24} {done}/{study['planned']} trials, {confirmed}{_format_best(study)}"
        )


@with_cluster()
@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every trial.")
@home_option
def status(name: str, as_json: bool, home: Home) -> None:
    """Show where the study NAME stands: trials by state and verdict, the best, paths.

    \b
    Example:  ganstudy status digits --json
    """
    from ganstudy.study.driver.status import summary

    home.existing(name)
    study = summary(home, name, with_trials=as_json)
    if as_json:
        click.echo(json.dumps(study, indent=2))
        return
    click.echo(f"{name}: {study['question']}".rstrip(": "))
    confirm = study["confirm"]
    left = study["left"] - (confirm["left"] if confirm else 0)
    click.echo(f"Trials   {_format_states(study['trials'])}; {left} of {study['planned']} to go")
    click.echo(
        f"Seeds    {', '.join(f'{n} {verdict}' for verdict, n in study['seeds'].items()) or 'none yet'}"
    )
    click.echo(f"Best     {_format_best(study)}")
    if confirm:
        click.echo(f"Confirm  {_format_states(confirm['trials'])}; {_format_confirmed(confirm)}")
    if study["unpublished"]:
        click.echo(f"MLflow   {study['unpublished']} records still to be published")
    for kind, path in study["paths"].items():
        click.echo(f"{kind.capitalize():<8} {path or 'not written yet'}")


def _format_states(trials: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in trials.items() if count) or "none yet"


def _format_confirmed(confirm: dict[str, Any]) -> str:
    ended = sum(count for state, count in confirm["trials"].items() if state != "running")
    return f"{ended} of {'' if confirm['known'] else 'at most '}{confirm['planned']} confirmed"


def _format_best(study: dict[str, Any]) -> str:
    best = study["best"]
    if best is None:
        return "no complete trial satisfies the constraints yet"
    return f"{study['objective']} {best['value']:.3g} (trial {best['number']}: {format_params(best['params'])})"

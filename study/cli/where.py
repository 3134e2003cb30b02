"""The command `where`: the folder of a study."""

from __future__ import annotations

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.home import Home


@click.command()
@click.argument("name")
@home_option
def where(name: str, home: Home) -> None:
    """Print the folder of the study NAME.

    \b
    Example:  ganstudy where digits
    """
    click.echo(home.existing(name).path)

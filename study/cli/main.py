"""The command line: with study/python the only place that knows study, trials and analysis together.

A new command takes a file of its own in this folder and one line of COMMANDS.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from ganstudy.study.cli.options import INTERRUPTED
from ganstudy.study.errors import UserError
from ganstudy.study.home import private_files

COMMANDS = (
    "best:best",
    "best:sample",
    "check:check",
    "data:data",
    "export:export_frames",
    "import_:import_",
    "plan:plan",
    "report:compare",
    "report:report",
    "run:publish",
    "run:resume",
    "run:run",
    "run:stop",
    "score:score",
    "serve:serve",
    "status:list_studies",
    "status:logs",
    "status:status",
    "submit:submit",
    "ui:ui",
    "verify:verify",
)
"""FILE:FUNCTION of every command. A file imports what is slow (Ray, torch, MLflow, pandas) inside
its function, so that the other commands start at once.
"""


class Commands(click.Group):
    """Turns a user's mistakes into one message and exit code 2, and Ctrl-C into exit code 130."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say where an option stands that was given before the command it belongs to."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            option = error.option_name
            if any(
                option in parameter.opts for c in self.commands.values() for parameter in c.params
            ):
                raise click.UsageError(
                    f"{option} follows its command: ganstudy COMMAND ... {option} ...", ctx
                ) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo(
                "\nganstudy: stopped; nothing that was recorded is lost; ganstudy resume goes on",
                err=True,
            )
            sys.exit(INTERRUPTED)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="ganstudy")
def main() -> None:
    """Which discriminator:generator ratio, learning rates and remedy train a GAN, and how sure are we?

    \b
    Example:  ganstudy run examples/digits.toml
    """
    private_files()


for _command in COMMANDS:
    _file, _, _function = _command.partition(":")
    # All of them, though one is run: -h lists them with their first lines.
    main.add_command(getattr(import_module(f"ganstudy.study.cli.{_file}"), _function))

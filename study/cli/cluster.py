"""The option `--cluster FILE`: the same command, run on the head of a Ray cluster."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

CliOptions = dict[str, Any]
"""A command's options and arguments by name, as click parsed them."""
Instead = Callable[[Path, CliOptions], int]
"""Does a command for a cluster, from here: the cluster's file and the options to an exit code."""


def with_cluster(instead: Instead | None = None) -> Callable[[click.Command], click.Command]:
    """Return a decorator that gives a command the option --cluster.

    With the option the command runs on that cluster's head, or `instead` runs here.
    """

    def decorate(command: click.Command) -> click.Command:
        here = command.callback
        assert here is not None

        def anywhere(cluster: Path | None, **values: Any) -> Any:
            if cluster is None:
                return here(**values)
            if instead is not None:
                sys.exit(instead(cluster, values))
            sys.exit(run_on_head(cluster, command, values))

        command.callback = anywhere
        option = click.Option(
            ["--cluster"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Run the command on the cluster that this file describes.",
        )
        command.params.insert(-1, option)  # before --home, which is the last of every command
        return command

    return decorate


def run_on_head(cluster: Path, command: click.Command, values: CliOptions) -> int:
    """Run a command on the head of `cluster` and return its exit code."""
    from ganstudy.study.cluster.head_node import Head

    line = shlex.join(["ganstudy", str(command.name), *command_line(command, values)])
    return Head(cluster).run(line, click.echo)


def command_line(command: click.Command, values: CliOptions) -> list[str]:
    """Return the command's arguments and options as one would type them again."""
    options: list[str] = []
    arguments: list[str] = []
    for parameter in command.params:
        value = values.get(str(parameter.name))
        # Left at their defaults, or meant for this machine.
        if value is None or value is False or parameter.name == "cluster":
            continue
        if isinstance(parameter, click.Argument):
            arguments.append(str(value))
        else:
            options += [parameter.opts[-1]] + ([] if value is True else [str(value)])
    return [*arguments, *options]


def home_arguments(values: CliOptions) -> list[str]:
    """Return --home as it was given: a folder of the cluster."""
    return ["--home", values["home"]] if values["home"] else []

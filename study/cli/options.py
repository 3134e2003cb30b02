"""What the commands share: the option --home, exit codes, the name of this program."""

from __future__ import annotations

import functools
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from ganstudy.study.home import ENVIRONMENT, Home
from ganstudy.trials.results.number_format import three_digits

INTERRUPTED = 130
"""Exit code of a study that was stopped before its end."""
WIDEST, NARROWEST = 100, 60
"""Columns of a printed line, at most, and on a terminal that has fewer."""


def home_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --home; its function receives a Home."""

    # Not by a click.ParamType: with --cluster, the folder is one of another machine, and must stay
    # as it was given.
    @functools.wraps(function)
    def with_home(home: str | None, **values: Any) -> Any:
        return function(home=Home.locate(home), **values)

    return click.option(
        "--home",
        metavar="DIR",
        help=f"Folder of all studies; by default ${ENVIRONMENT}, else ./ganstudy-data.",
    )(with_home)


def home_flag() -> str:
    """Return the option --home as this command was given it, to print a command to type next."""
    home = click.get_current_context().params.get("home")
    return f" --home {shlex.quote(home)}" if home else ""


def program() -> str:
    """Return how this program was called, as a person would type it again."""
    called = Path(sys.argv[0])
    if called.name != "ganstudy" or shutil.which("ganstudy"):
        return "ganstudy"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)


def format_params(params: Mapping[str, object]) -> str:
    """Format a configuration as "k = 2, lr_d = 0.001"."""
    return ", ".join(
        f"{key} = {three_digits(value)}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in params.items()
    )


def line_width() -> int:
    """Return how many columns a printed line may have, two less than there are for its indentation."""
    columns = shutil.get_terminal_size((WIDEST, 24)).columns
    return max(NARROWEST, min(WIDEST, columns)) - 2


def wrapped(lines: Iterable[str]) -> list[str]:
    """Return the lines, long ones broken and their rest indented."""
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            line,
            line_width(),
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [""]
    ]

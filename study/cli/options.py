"""What the commands share: the option --home, exit codes, and how this program is called in what it
prints.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ganstudy.study.home import ENVIRONMENT

Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130
"""Exit code of a study that was stopped before its end."""


def home_option(command: Command) -> Command:
    """--home, the same everywhere."""
    return click.option(
        "--home",
        metavar="DIR",
        help=f"Where everything is kept; else ${ENVIRONMENT}, else ./ganstudy-data.",
    )(command)


def command() -> str:
    """How this program was called, as a person would type it again."""
    called = Path(sys.argv[0])
    if called.name != "ganstudy" or shutil.which("ganstudy"):
        return "ganstudy"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)


def home_words(home: str | None) -> str:
    """The option --home, as it was given."""
    return f" --home {shlex.quote(home)}" if home else ""


def format_params(params: dict[str, Any]) -> str:
    """Format a configuration as "k = 2, lr_d = 0.001"."""
    return ", ".join(
        f"{key} = {value:.3g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in params.items()
    )

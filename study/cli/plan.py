"""`ganstudy plan`: points, seeds and steps that can tell an effect, and the time that each costs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganstudy.study.cli.options import home_option, program, wrapped
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.reader import parse_study, read_study

if TYPE_CHECKING:
    from ganstudy.study.outlook.planning import Proposal

TIME = re.compile(r"(?P<amount>\d{1,6}(\.\d{1,3})?)(?P<unit>s|m|min|h|d)")
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--tell",
    type=float,
    required=True,
    metavar="FACTOR",
    help="The effect to find, such as 0.8: a fifth less.",
)
@click.option("--time", "limit", metavar="TIME", help="The longest that it may take: 10m, 2h.")
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write the study file so; an existing file is never replaced.",
)
@click.option("--no-time", is_flag=True, help="Measure nothing: count trainings instead of time.")
@home_option
def plan(
    file: Path, tell: float, limit: str | None, write: Path | None, no_time: bool, home: Home
) -> None:
    """Propose points and seeds with which the study FILE can tell an effect, at the least time.

    Every combination of its lists is trained at the same points: learning rates and whatever else
    has a range. The effect is found with 80% power by the report's own statistics.

    \b
    Example:  ganstudy plan examples/digits.toml --tell 0.8 --write planned.toml
    """
    from ganstudy.study.outlook.planning import Wanted, proposal
    from ganstudy.study.outlook.proposal_lines import proposal_lines

    if write is not None and write.exists():
        raise UserError(f"{write} exists already, and is not replaced; name another file")
    spec, text = read_study(file)
    wanted = Wanted(tell, None if limit is None else _seconds(limit))
    found = proposal(spec, wanted, home, may_measure=not no_time)
    above, table, below = proposal_lines(spec, wanted, found)
    for line in [*wrapped(above), *table, *wrapped(below)]:
        click.echo(line)
    if write is not None:
        _write(file, text, write, found)


def _write(file: Path, text: str, out: Path, found: Proposal) -> None:
    from ganstudy.study.spec.file_edit import edited

    if found.best is None:
        raise UserError(f"nothing is proposed, so {out} is not written")
    made = edited(text, found.changes)
    # What is written is a study file: the rules of all its tables hold.
    parse_study(made, str(out), file.parent)
    try:
        with out.open("x", encoding="utf-8") as opened:
            opened.write(made)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"\n{out} is written; what it changes in {file}:")
    for line in found.change_lines:
        click.echo(f"  {line}")
    click.echo(f"To see what it will tell: {program()} check {out}")


def _seconds(text: str) -> float:
    found = TIME.fullmatch(text.strip())
    if found is None or not float(found["amount"]):
        raise UserError(
            f"--time must be a number with s, m, h or d, such as 10m or 2h, got {text!r}"
        )
    return float(found["amount"]) * SECONDS[found["unit"]]

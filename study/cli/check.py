"""`ganstudy check`: validate a study file; print what it varies, takes, and will be able to tell."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import click

from ganstudy.study.cli.options import format_params, home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec

CONFIGURATIONS_SHOWN = 3
WIDTH, NARROWEST = 100, 60
"""Of a line, at most, and where the terminal is narrower."""
MOST_VARIED, MOST_FIXED = 8, 8
"""Lines of a section, unless --full asks for all."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--full", is_flag=True, help="Every default, and every value that is searched.")
@click.option("--no-time", is_flag=True, help="Measure nothing: answer at once.")
@home_option
def check(file: Path, full: bool, no_time: bool, home: Home) -> None:
    """Validate a study FILE; print what it varies, takes, and will be able to tell.

    Some steps of every kind of trial are timed, for at most 20 seconds.

    \b
    Example:  ganstudy check examples/digits.toml
    """
    from ganstudy.study.cli.expected_time import study_times, time_lines
    from ganstudy.study.cli.outlook import outlook_lines
    from ganstudy.study.driver.cost_estimate import cost_lines
    from ganstudy.study.ledger.ledger import Ledger

    spec, _ = read_study(file)
    Ledger.check_same(home.study(spec.name).ledger, spec)
    click.echo(f"{file} is a valid study.")
    if spec.question:
        click.echo(_shortened(f"Question: {spec.question}", full))
    _section("Varies", _varied(spec, full))
    _section("Fixed by the file (every default: --full)", _fixed(spec))
    if full:
        click.echo(f"\n{spec.model_dump_json(indent=2, exclude={'search': {'space'}})}")
    _section("Trials", _wrapped(cost_lines(spec)))
    if spec.has_own_parts:
        _section("Your data and networks", _wrapped(_own_parts(spec)))
    _first(spec)
    _section("What it will be able to tell", _wrapped(outlook_lines(spec, home)))
    seeds = len(spec.confirm.seeds) if spec.confirm else len(spec.train.seeds)
    known = study_times(spec, home, not no_time, seeds)
    _section("Time", _wrapped(time_lines(spec, known)))


def _section(title: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(f"  {line}")


def _width() -> int:
    return max(NARROWEST, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def _shortened(line: str, full: bool = False) -> str:
    most = _width() - 2
    return line if full or len(line) <= most else line[: most - 4].rstrip() + " ..."


def _wrapped(lines: list[str]) -> list[str]:
    """Return the lines, long ones broken with the rest indented."""
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            line,
            _width() - 2,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _varied(spec: StudySpec, full: bool) -> list[str]:
    lines = [f"{key:<28} {domain}" for key, domain in spec.space.domains.items()]
    if full:
        return lines
    left = len(lines) - MOST_VARIED
    if left > 0:
        lines = [*lines[: MOST_VARIED - 1], f"and {left + 1} more (--full)"]
    return [_shortened(line) for line in lines]


def _fixed(spec: StudySpec) -> list[str]:
    """Return what the file itself states, one line per table."""
    document: dict[str, Any] = json.loads(spec.document)
    document.get("search", {}).pop("space", None)
    lines = []
    for name, table in document.items():
        if isinstance(table, dict) and table:
            stated = ", ".join(f"{key} = {_text(value)}" for key, value in table.items())
            lines.append(_shortened(f"{name:<12} {stated}"))
    left = len(lines) - MOST_FIXED
    return lines if left <= 0 else [*lines[: MOST_FIXED - 1], f"and {left + 1} more (--full)"]


def _text(value: Any) -> str:
    """Return a value about as TOML writes it."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_text(each)}" for key, each in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value, ensure_ascii=False)


def _first(spec: StudySpec) -> None:
    from ganstudy.study.ledger.samplers import preview

    shown = list(preview(spec, CONFIGURATIONS_SHOWN))
    lines = [f"trial {number}: {format_params(params)}" for number, params in enumerate(shown)]
    _section(f"First {len(shown)} configurations", lines)


def _own_parts(spec: StudySpec) -> list[str]:
    # Loads torch, which a study without parts of the user's own can be checked without.
    from ganstudy.study.tune.evaluator_setup import describe

    try:
        return describe(spec.distinct_architectures())
    except ValueError as error:
        raise UserError(str(error)) from None
    except (RuntimeError, MemoryError) as error:  # networks that are too large for this machine
        raise UserError(f"the networks cannot be made here: {str(error).splitlines()[0]}") from None

"""`ganstudy check`: validate a study file; print what it varies, takes, and will be able to tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from ganstudy.study.cli.options import format_params, home_option, line_width, wrapped
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.command_checks import command_notes
from ganstudy.study.spec.design_plan import factors
from ganstudy.study.spec.function_checks import as_read
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.documents import JsonObject

CONFIGURATIONS_SHOWN = 3
MOST_LINES = 40
"""Of the whole, unless --full asks for all."""
LINES_OF_TIME, WITHOUT_TIME = 8, 4
"""Of its last part, at most."""
SHOWN_OF_CODE = ("folder", "include", "exclude")
MOST_FILES = 6
"""Of a folder of code that are named."""
MOST_LISTED, LEAST_LISTED = 8, (4, 2, 1)
"""Lines of a list, and where there is little room, and less."""
ASKED_FIRST = ("k", "remedies")
"""What studies of GANs ask about, before anything else that one varies or fixes."""
TABLES_ASKED_FIRST = ("design", "claim")

T = TypeVar("T")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--full", is_flag=True, help="Every default, and every value that is searched.")
@click.option("--no-time", is_flag=True, help="Measure nothing: answer at once.")
@home_option
def check(file: Path, full: bool, no_time: bool, home: Home) -> None:
    """Validate a study FILE; print what it varies, takes, and will be able to tell.

    Some steps of every kind of trial are timed, which takes less than 20 seconds on a quiet machine.

    \b
    Example:  ganstudy check examples/digits.toml
    """
    from ganstudy.study.ledger.ledger import Ledger
    from ganstudy.study.outlook.claim_planned import planned_lines
    from ganstudy.study.outlook.cost_estimate import cost_lines
    from ganstudy.study.outlook.expected_time import study_times, time_lines
    from ganstudy.study.outlook.idle_resources import idle_lines
    from ganstudy.study.outlook.outlook_lines import outlook_lines

    spec, _ = read_study(file)
    Ledger.check_same(home.study(spec.name).ledger, spec)
    head = [f"{file} is a valid study."]
    if spec.question:
        head.append(_shortened(f"Question: {spec.question}", full))
    own_parts = wrapped([*_own_parts(spec), *command_notes(spec)]) if spec.has_own_parts else []
    sections = [
        _varies(spec, full),
        _fixed(spec, full),
        Section("Trials", wrapped([*cost_lines(spec), *idle_lines(spec)])),
        Section("Your data and networks", [*wrapped(_code_lines(spec)), *own_parts]),
        _first(spec, full),
        Section("What it will be able to tell", wrapped(outlook_lines(spec, home))),
        Section("Its claim", wrapped(planned_lines(spec, home)), 0),
    ]
    if full:
        defaults = as_read(spec)
        del defaults["search"]["space"]
        sections[1].lines += json.dumps(defaults, indent=2, ensure_ascii=False).splitlines()
    else:
        last = WITHOUT_TIME if no_time else LINES_OF_TIME
        _fit(sections, MOST_LINES - len(head) - last)
    click.echo("\n".join(head))
    for section in sections:
        section.show()
    # Last, as it may be measured: all else is there to read by then.
    seeds = len(spec.confirm.seeds) if spec.confirm else len(spec.train.seeds)
    known = study_times(spec, home, not no_time, seeds)
    Section("Time", wrapped(time_lines(spec, known))).show()


@dataclass
class Section:
    """A title and its lines; nothing where there are none."""

    title: str
    lines: list[str]
    kept: int | None = None
    """Lines at its beginning that are always shown, of a list that may be cut short; None: all are."""
    names: tuple[str, ...] = ()
    """Of its lines, for those that are not shown."""
    left_out: int = 0

    @property
    def shown(self) -> list[str]:
        """What is printed of its lines, and what is said of the others."""
        if not self.left_out:
            return self.lines
        end = len(self.lines) - self.left_out
        named = f": {', '.join(self.names[end:])}" if self.names else ""
        line, full = f"and {self.left_out} more{named}", " (--full)"
        most = line_width() - len(full)
        line = line if len(line) <= most else f"{line[: most - 4].rstrip()} ..."
        return [*self.lines[:end], line + full]

    @property
    def height(self) -> int:
        """Lines that it takes, with a blank one before it."""
        return len(self.shown) + 2 if self.lines else 0

    def cut(self, most: int) -> None:
        """Leave out what is beyond so many lines, and say what that is, in one of them."""
        if self.kept is None or len(self.lines) <= most:
            return
        left_out = len(self.lines) - max(most - 1, self.kept)
        # One line would take the place of the line that says that it is left out.
        self.left_out = left_out if left_out > 1 else 0

    def show(self) -> None:
        """Print it."""
        if self.lines:
            click.echo(f"\n{self.title}")
            for line in self.shown:
                click.echo(f"  {line}")


def _fit(sections: list[Section], most: int) -> None:
    """Cut the sections that can be cut until all of them take at most `most` lines."""
    for section in sections:
        section.cut(MOST_LISTED)
    for least in LEAST_LISTED:
        # What the file fixes before what it varies: its reader has just written it.
        for section in reversed(sections):
            excess = sum(each.height for each in sections) - most
            if excess > 0:
                section.cut(max(least, len(section.shown) - excess))


def _shortened(line: str, full: bool = False) -> str:
    most = line_width()
    return line if full or len(line) <= most else line[: most - 4].rstrip() + " ..."


def _asked_first(spec: StudySpec) -> list[str]:
    """Return the settings that the study is about: k and the remedies, then the factors of its design."""
    about = [*ASKED_FIRST, *spec.space.template.keys.flags]
    return about if spec.design is None else list(dict.fromkeys([*about, *factors(spec)]))


def _ordered(values: Mapping[str, T], first: Iterable[str]) -> dict[str, T]:
    """Return the values by key, the keys in `first` before the others."""
    leading = {key: values[key] for key in first if key in values}
    return {**leading, **values}


def _varies(spec: StudySpec, full: bool) -> Section:
    """Return the domains of the search space."""
    first = _asked_first(spec)
    domains = _ordered(spec.space.domains, first)
    lines = [_shortened(f"{key:<28} {each}", full) for key, each in domains.items()]
    return Section("Varies", lines, sum(key in domains for key in first), tuple(domains))


def _fixed(spec: StudySpec, full: bool) -> Section:
    """Return what the file itself states, one line per table."""
    document: JsonObject = json.loads(spec.document)
    document.get("search", {}).pop("space", None)
    for part in spec.train.own.values():  # as the file has it, without what its own file declares
        document["train"]["own"][part.name] = part.reference
    if "code" in document:
        document["code"] = {
            key: document["code"][key] for key in SHOWN_OF_CODE if key in document["code"]
        }
    if spec.measures.own:
        document["measures"]["own"] = [each.reference for each in spec.measures.own.values()]
    tables = {name: table for name, table in document.items() if isinstance(table, dict) and table}
    tables = _ordered(tables, TABLES_ASKED_FIRST)
    lines = []
    for name, table in tables.items():
        ordered = _ordered(table, (*ASKED_FIRST, "factors"))
        stated = ", ".join(f"{key} = {_text(value)}" for key, value in ordered.items())
        lines.append(_shortened(f"{name:<12} {stated}", full))
    kept = sum(name in tables for name in TABLES_ASKED_FIRST)
    return Section("Fixed by the file (every default: --full)", lines, kept, tuple(tables))


def _text(value: Any) -> str:
    """Return a value about as TOML writes it."""
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_text(each)}" for key, each in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value, ensure_ascii=False)


def _first(spec: StudySpec, full: bool) -> Section:
    from ganstudy.study.ledger.samplers import preview

    shown = list(preview(spec, CONFIGURATIONS_SHOWN))
    lines = [
        _shortened(f"trial {number}: {format_params(_ordered(params, _asked_first(spec)))}", full)
        for number, params in enumerate(shown)
    ]
    return Section(f"First {len(shown)} configurations", lines, 1)


def _code_lines(spec: StudySpec) -> list[str]:
    if spec.code is None:
        return []
    listed = [*spec.code.files]
    more = f" and {len(listed) - MOST_FILES} more" if len(listed) > MOST_FILES else ""
    return [f"[code] {len(listed)} files travel: {', '.join(listed[:MOST_FILES])}{more}"]


def _own_parts(spec: StudySpec) -> list[str]:
    # Loads torch, which a study without parts of the user's own can be checked without.
    from ganstudy.study.tune.evaluator_setup import describe

    try:
        return describe(spec.distinct_architectures())
    except ValueError as error:
        raise UserError(str(error)) from None
    except (RuntimeError, MemoryError) as error:  # networks that are too large for this machine
        raise UserError(f"the networks cannot be made here: {str(error).splitlines()[0]}") from None

"""Reads a study file: every rule is tried, and whatever breaks one becomes one clear message.

The rules about single values stand with the models (study/spec/tables.py, trials/config/trial.py);
here are those across tables, and the words in which a finding is told: the place, the rule, the
value, what is known.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganstudy.study.errors import UserError
from ganstudy.study.spec.checks import (
    combination_problems,
    grid_problems,
    option_problems,
    space_problems,
)
from ganstudy.study.spec.messages import (
    MOST_PROBLEMS,
    TOO_DEEP,
    as_user_error,
    message_of,
    place_of,
)
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials import plugins
from ganstudy.trials.config.base import is_plugin, short_repr
from ganstudy.trials.config.data import PATH_FIELDS

MOST_CHARACTERS = 200_000
"""Of a study file."""
LONGEST_PATH = 1000
DEEP_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""", re.ASCII
)
"""A key of more than 100 parts."""


def read_study(path: Path) -> tuple[StudySpec, str]:
    """(validated study, text of the file). UserError for anything that is wrong with it."""
    try:
        with path.open(
            encoding="utf-8-sig"
        ) as file:  # some editors mark UTF-8 by its first three bytes
            text = file.read(MOST_CHARACTERS + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such study file") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path that no system takes
        raise UserError(f"{path}: cannot be read: {error}") from None
    if len(text) > MOST_CHARACTERS:
        raise UserError(
            f"{path}: a study file must have at most {MOST_CHARACTERS} characters, and this has more"
        )
    return parse_study(text, str(path), path.parent), text


def parse_study(text: str, where: str, folder: Path | None = None) -> StudySpec:
    """The study in `text`; errors start with `where`. folder: what relative paths in it count from."""
    try:
        # tomllib takes time with the square of the depth of a key.
        if DEEP_KEY.search(text):
            raise UserError(f"not valid TOML: {TOO_DEEP}")
        values = tomllib.loads(text)
        _resolve(values, folder or Path())
        # As JSON, pydantic can be strict (neither true nor "1" is a number) and still take a list
        # for a tuple.
        document = json.dumps(values, default=str)
    except UserError as error:
        raise as_user_error(where, [str(error)]) from None
    except ValueError as error:  # beside TOMLDecodeError: numbers too long
        raise as_user_error(where, [f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise as_user_error(where, [f"not valid TOML: {TOO_DEEP}"]) from None
    return parse_document(document, where)


def parse_document(document: str, where: str) -> StudySpec:
    """The study in the JSON text that `parse_study` made of a file; errors start with `where`."""
    try:
        spec = StudySpec.model_validate_json(document, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [f"{place_of(e)}{message_of(e)}" for e in found[:MOST_PROBLEMS]]
        raise as_user_error(where, told, len(found) - len(told)) from None
    problems = (
        space_problems(spec, json.loads(document))
        or option_problems(spec)
        or combination_problems(spec)
        or grid_problems(spec)
    )
    if problems:
        raise as_user_error(where, problems[:MOST_PROBLEMS], len(problems[MOST_PROBLEMS:]))
    return spec.model_copy(update={"document": document})


def _resolve(values: dict[str, Any], folder: Path) -> None:
    """Makes paths absolute, and adds to every reference to a user's own file the digest of that
    file.
    """
    for table in ("data", "model", "measures"):
        held = values.get(table)
        if not isinstance(held, dict):
            continue
        for key in (*PATH_FIELDS, "weights"):
            path = held.get(key)
            if isinstance(path, str) and path:
                held[key] = str(_joined(f"{table}.{key}", path, folder).resolve())
        name = held.get("name")
        if table != "measures" and isinstance(name, str) and is_plugin(name):
            try:
                file, attribute = plugins.split(name)
                held["digest"] = plugins.register(_joined(f"{table}.name", file, folder))
            except ValueError as error:
                raise UserError(f"{table}.name: {error}") from None
            except OSError as error:
                raise UserError(
                    f"{table}.name: {short_repr(name)} cannot be read: {error.strerror}"
                ) from None
            held["name"] = f"{Path(file).name}:{attribute}"


def _joined(place: str, path: str, folder: Path) -> Path:
    """`path` counted from `folder`; UserError where no file can have it."""
    if len(path) > LONGEST_PATH or "\0" in path:
        raise UserError(
            f"{place}: a path has at most {LONGEST_PATH} characters, none of them null, got {short_repr(path)}"
        )
    try:
        joined = folder / Path(path).expanduser()
        joined.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links; ~ of an unknown user
        raise UserError(f"{place}: {short_repr(path)} is no usable path: {error}") from None
    return joined

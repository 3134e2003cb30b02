"""Read a study file: every rule is tried, and whatever breaks one becomes one clear message.

The rules about single values are with the models (study/spec/tables.py, trials/config/trial.py),
those across tables in study/spec/checks.py, the wording of a message in study/spec/messages.py.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganstudy.study.errors import UserError
from ganstudy.study.spec.checks import problems_across_tables, resource_problems
from ganstudy.study.spec.command_checks import resolve_command
from ganstudy.study.spec.design import SEEDS
from ganstudy.study.spec.messages import (
    MOST_PROBLEMS,
    TOO_DEEP,
    as_user_error,
    filled_in_keys,
    message_of,
    place_of,
)
from ganstudy.study.spec.network_options import resolve_network_options
from ganstudy.study.spec.own_files import OwnFiles, resolve_code
from ganstudy.study.spec.own_parts import resolve
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config import plugins
from ganstudy.trials.config.base import PLUGIN, is_plugin, short_repr
from ganstudy.trials.config.data import PATH_FIELDS

# A guess: many times the length of any study file.
MOST_CHARACTERS = 200_000
"""Of a study file."""
FILLED_IN_TABLES = {
    "train": ("train",),
    "code": ("code",),
    "data": ("data", PLUGIN),
    "model": ("model", PLUGIN),
}
"""Tables with fields that no file states, and where these tables are."""
LONGEST_PATH = 1000
REFERENCES = (("data", "name"), ("model", "name"), ("train", "method"))
"""Tables and keys that may name a file of the user's own."""
DEEP_KEY = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""", re.ASCII
)
"""A key of more than 100 parts."""


def read_study(path: Path) -> tuple[StudySpec, str]:
    """Return (validated study, text of the file); UserError for anything that is wrong with it."""
    try:
        # utf-8-sig: some editors mark UTF-8 by its first three bytes.
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except FileNotFoundError:
        raise as_user_error(str(path), ["no such study file"]) from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path that no system takes
        raise as_user_error(str(path), [f"cannot be read: {error}"]) from None
    if len(text) > MOST_CHARACTERS:
        rule = f"a study file must have at most {MOST_CHARACTERS} characters, and this has more"
        raise as_user_error(str(path), [rule])
    return parse_study(text, str(path), path.parent), text


def parse_study(text: str, where: str, folder: Path | None = None) -> StudySpec:
    """Return the study in `text`.

    where: begins every line of an error. folder: what relative paths in the text count from.
    """
    try:
        # tomllib's time grows with the square of the depth of a key.
        if DEEP_KEY.search(text):
            raise UserError(f"not valid TOML: {TOO_DEEP}")
        values = tomllib.loads(text)
        _resolve(values, folder or Path())
        _seeds_of_effects(values)
        # As JSON, pydantic can be strict (neither true nor "1" is a number) and still take a list
        # for a tuple. Dates, which JSON lacks, become text, for which no field has a use.
        document = json.dumps(values, default=str)
    except UserError as error:
        raise as_user_error(where, [str(error)]) from None
    except ValueError as error:  # beside TOMLDecodeError: numbers too long
        raise as_user_error(where, [f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise as_user_error(where, [f"not valid TOML: {TOO_DEEP}"]) from None
    spec = parse_document(document, where)
    check_resources(spec, where)
    return spec


def check_resources(spec: StudySpec, where: str) -> None:
    """Raise UserError if a trial could not use the resources that it would be given."""
    problems = resource_problems(spec)
    if problems:
        raise as_user_error(where, problems)


def parse_document(document: str, where: str) -> StudySpec:
    """Return the study in the JSON text that `parse_study` made of a file.

    where: begins every line of an error.
    """
    try:
        spec = StudySpec.model_validate_json(document, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        lines = [f"{place_of(e)}{message_of(e)}" for e in found[:MOST_PROBLEMS]]
        raise as_user_error(where, lines, len(found) - len(lines)) from None
    problems = problems_across_tables(spec, json.loads(document))
    if problems:
        raise as_user_error(where, problems[:MOST_PROBLEMS], len(problems[MOST_PROBLEMS:]))
    # Kept with the ledger: it can be read again where the user's files are not.
    return spec.model_copy(update={"document": document})


def _resolve(values: dict[str, Any], folder: Path) -> None:
    """Make paths absolute, and add to every reference to a user's own file its digest."""
    for name in ("data", "model", "measures"):
        table = values.get(name)
        if not isinstance(table, dict):
            continue
        for key in (*PATH_FIELDS, "weights"):
            path = table.get(key)
            if isinstance(path, str) and path:
                table[key] = str(_joined(f"{name}.{key}", path, folder).resolve())
    _refuse_filled_in(values)
    code = resolve_code(values, lambda path: _joined("code.folder", path, folder))
    files = OwnFiles(lambda place, file: _joined(place, file, folder), code)
    resolve(values, files.register)
    train = values.get("train")
    if isinstance(train, dict):
        resolve_command(train, folder, files)
    for name, key in REFERENCES:
        table = values.get(name)
        if not isinstance(table, dict):
            continue
        reference, place = table.get(key), f"{name}.{key}"
        if isinstance(reference, str) and is_plugin(reference):
            try:
                file, attribute = plugins.split(reference)
                known_file, table["digest"] = files.register(place, file)
            except ValueError as error:
                raise UserError(f"{place}: {error}") from None
            except OSError as error:
                raise UserError(
                    f"{place}: {short_repr(reference)} cannot be read: {error.strerror}"
                ) from None
            table[key] = f"{known_file}:{attribute}"
            if name == "model":
                resolve_network_options(values, table[key], table["digest"])
    files.check_used()


def _refuse_filled_in(values: dict[str, Any]) -> None:
    """Raise UserError where the file states what reading it fills in; pydantic refuses other keys."""
    for table, location in FILLED_IN_TABLES.items():
        stated = values.get(table)
        keys = [*stated] if isinstance(stated, dict) else []
        for key in (key for key in filled_in_keys(location) if key in keys):
            error = {"type": "extra_forbidden", "loc": (*location, key)}
            raise UserError(f"{table}.{key}: {message_of(error)}")


def _seeds_of_effects(values: dict[str, Any]) -> None:
    """Add seeds to a study whose question is an effect, and that states none.

    Here rather than as the table's default, since a ledger keeps what this makes of a file: what
    began with other seeds goes on with them.
    """
    train = values.get("train")
    if isinstance(train, dict) and ("design" in values or "claim" in values):
        train.setdefault("seeds", list(SEEDS))


def _joined(place: str, path: str, folder: Path) -> Path:
    """Return `path` counted from `folder`; UserError if no file can have it."""
    if len(path) > LONGEST_PATH or "\0" in path:
        raise UserError(
            f"{place}: a path has at most {LONGEST_PATH} characters, none of them null, "
            f"got {short_repr(path)}"
        )
    try:
        joined = folder / Path(path).expanduser()
        joined.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links; ~ of an unknown user
        raise UserError(f"{place}: {short_repr(path)} is no usable path: {error}") from None
    return joined

"""Validation findings as plain messages: where, the rule, the value, and the known alternatives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from ganstudy.study.errors import UserError
from ganstudy.study.spec.claim import Criterion
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.spec.tables import NOT_SHOWN, Objective, Resources, Train
from ganstudy.trials.config.base import (
    PLUGIN,
    StrictModel,
    alternatives,
    short_repr,
    stated_fields,
)
from ganstudy.trials.config.data import DATA, PluginData
from ganstudy.trials.config.networks import MODELS, OwnModel

TOO_DEEP = "tables or lists are nested too deep"
# A guess at what one reads before correcting the first.
MOST_PROBLEMS = 20
"""Listed in one error."""
BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
FIRST_KEYS: dict[type[StrictModel], tuple[str, ...]] = {
    StudySpec: (
        "name",
        "question",
        "data",
        "model",
        "measures",
        "code",
        "train",
        "losses",
        "remedies",
        "search",
        "design",
        "confirm",
        "objective",
        "claim",
        "schedule",
        "resources",
        "tracking",
    ),
    Train: (
        "budget",
        "evaluations",
        "seeds",
        "k",
        "optimiser",
        "lr_d",
        "lr_g",
        "beta1",
        "beta2",
        "batch_size",
        "loss",
        "remedies",
        "method",
        "params",
        "command",
    ),
    Criterion: (
        "measure",
        "share",
        "says",
        "effect",
        "spread",
        "setting",
        "value",
        "against",
        "axis",
        "margin",
        "than",
        "of_real",
        "of",
    ),
    Objective: ("minimize", "maximize", "margin", "require"),
    Resources: ("cpus", "gpus", "lanes", "max_concurrent"),
}
"""Keys in the order of docs/study-file.md, where the fields have another: theirs is that of validation."""
QUOTED = re.compile(r"'([^']*)'")
PLAIN_KEY = re.compile(r"[\w.-]{1,80}", re.ASCII)


def as_user_error(where: str, problems: list[str], more: int = 0) -> UserError:
    """Return an error with one line per problem; more: the number of problems left out.

    Control characters from the file, and of its name, are escaped, as a terminal would act on them.
    """
    lines = [*problems, f"and {more} more mistakes"] if more else problems
    return UserError("\n".join(_printable(f"{where}: {line}") for line in lines))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def place_of(error: Any) -> str:
    """Return "table.key: " where the finding is in the file, as the user wrote it."""
    parts = error["loc"]
    if parts[:1] in (("data",), ("model",)):
        # pydantic puts the tag of the union, the name of the data or model, behind its table.
        parts = (parts[0], *parts[2:])
    location = ".".join(key_part(part) for part in parts)
    # The file has budget = { UNIT = AMOUNT }; only the model has the fields `unit` and `amount`.
    for field in ("unit", "amount"):
        location = location.replace(f"train.budget.{field}", "train.budget")
    cause = str(error.get("ctx", {}).get("error", ""))
    if location in ("data", "model") and cause.startswith("unknown"):
        location += ".name"
    return f"{location}: " if location else ""


def key_part(key: int | str) -> str:
    """Quote a key that could not stand bare in a message."""
    return str(key) if isinstance(key, int) or PLAIN_KEY.fullmatch(key) else short_repr(key)


def message_of(error: Any) -> str:
    """Return a finding of pydantic as plain text: the rule, the value, the known alternatives."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    # A tracking address may hold a password, wherever in its table the user has put it: not to be
    # repeated on a terminal.
    got = f"; {NOT_SHOWN}" if error["loc"][:1] == ("tracking",) else f", got {short_repr(value)}"
    if kind in ("model_type", "dict_type"):
        return f"must be a table{got}"
    if kind == "json_invalid":
        return TOO_DEEP if "recursion" in error["msg"] else f"{error['msg']}"
    if kind == "missing":
        return "is required and missing"
    if kind == "extra_forbidden":
        *table, key = error["loc"]
        return f"unknown key {short_repr(key)}{alternatives(key, known_keys(tuple(table)))}"
    if kind in BOUNDS:
        sign, key = BOUNDS[kind]
        bound = context[key]
        limit = bound if isinstance(bound, int) else f"{bound:g}"
        return f"must be {sign} {limit}, got {short_repr(value)}"
    if kind == "literal_error":
        names = QUOTED.findall(context["expected"])
        return f"unknown value {short_repr(value)}{alternatives(value, names)}"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}{got}"


def known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that a study file may have in the table at `location`, as its page orders them."""
    model = _model_at(location)
    stated = stated_fields(model)
    first = [key for key in FIRST_KEYS.get(model, ()) if key in stated]
    return [*first, *(key for key in stated if key not in first)]


def filled_in_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the table at `location` that a study file may not state."""
    model = _model_at(location)
    return [name for name in model.model_fields if name not in stated_fields(model)]


def _model_at(location: tuple[int | str, ...]) -> type[StrictModel]:
    tables: dict[int | str, Mapping[str, type[StrictModel]]] = {
        "data": {**DATA, PLUGIN: PluginData},
        "model": {**MODELS, PLUGIN: OwnModel},
    }
    if location and location[0] in tables:
        return tables[location[0]][str(location[1])]
    model: Any = StudySpec
    for part in location:
        # Of a list of tables, one is as the other.
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    found: type[StrictModel] = model
    return found

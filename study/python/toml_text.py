"""A study given as a dict, as the text of the study file that it stands for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ganstudy.study.errors import UserError

BARE = re.compile(r"[A-Za-z0-9_-]+")
"""A key that needs no quotes."""


def toml_text(tables: Mapping[str, Any]) -> str:
    """Return the TOML text of a study.

    Values may be what TOML has, tuples, ranges, paths and NumPy's numbers and arrays.

    Raises UserError, naming the place, for anything else.
    """
    plain = {key: value for key, value in tables.items() if not isinstance(value, Mapping)}
    lines = _lines(plain, ())
    for key, table in tables.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{_key(key, ())}]", *_lines(table, (key,))]
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    return [f"{_key(key, place)} = {_value(each, (*place, key))}" for key, each in table.items()]


def _key(key: object, place: tuple[str, ...]) -> str:
    if not isinstance(key, str):
        raise UserError(f"{_at(place)}: keys of a study are text, got {key!r}")
    # A JSON string is a TOML string; in quotes, the dot of "lecam.weight" is no table.
    return key if BARE.fullmatch(key) else _text(key, place)


def _value(value: Any, place: tuple[str, ...]) -> str:
    if hasattr(value, "tolist"):  # a number or an array of NumPy or torch
        value = value.tolist()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value, place)) + " }"
    if isinstance(value, list | tuple | range):
        return "[" + ", ".join(_value(each, place) for each in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(
            value
        )  # TOML's own words; whether it may stand there, the study file's rules say
    if isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    what = "nothing (None): leave the key out" if value is None else f"a {type(value).__name__}"
    raise UserError(
        f"{_at(place)}: a study consists of text, numbers, true and false, lists and tables; "
        f"this is {what}"
    )


def _text(text: str, place: tuple[str, ...]) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{_at(place)}: {text!r} is no text that UTF-8 can hold") from None
    # TOML's strings are those of JSON but for this character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _at(place: tuple[str, ...]) -> str:
    return ".".join(map(str, place)) or "study"

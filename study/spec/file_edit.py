"""Change single values in the text of a study file, and leave the rest of it, comments included."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ganstudy.study.errors import UserError

HEADER = re.compile(r"^[ \t]*\[(?!\[)[ \t]*(?P<name>[^\]\n]+?)[ \t]*\][ \t]*(#.*)?$", re.MULTILINE)
Changes = Mapping[tuple[str, str], Any]
"""New values by (table, key), of tables at the top of the file."""


def edited(text: str, changes: Changes) -> str:
    """Return the text of a study file with these values; raise UserError where its form forbids it.

    A value is replaced where it stands, a missing key put first in its table, a missing table before
    [search], or at the end.
    """
    wanted = tomllib.loads(text)
    for (table, key), value in changes.items():
        wanted.setdefault(table, {})[key] = value
        text = _with_value(text, table, key, _toml(value))
    # Whatever form the file has: what was written is read once more.
    try:
        made = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        made = {}
    if made != wanted:
        lines = "\n  ".join(f"[{t}] {k} = {_toml(value)}" for (t, k), value in changes.items())
        raise UserError(
            f"the file's tables are not written as [table] and key = value; change by hand:\n  {lines}"
        )
    return text


def _with_value(text: str, table: str, key: str, value: str) -> str:
    line = f"{key} = {value}"
    span = _table(text, table)
    if span is None:
        before = re.search(r"^[ \t]*\[search\]", text, re.MULTILINE)
        block = f"[{table}]\n{line}\n\n"
        if before is None:
            return f"{text.rstrip()}\n\n{block.rstrip()}\n"
        return text[: before.start()] + block + text[before.start() :]
    start, end = span
    body = text[start:end]
    found = re.search(rf"^[ \t]*{re.escape(key)}[ \t]*=[ \t]*", body, re.MULTILINE)
    if found is None:
        above = text[:start] if text[:start].endswith("\n") else f"{text[:start]}\n"
        return f"{above}{line}\n{text[start:]}"
    length = _value_length(body[found.end() :])
    return text[: start + found.end()] + value + text[start + found.end() + length :]


def _table(text: str, name: str) -> tuple[int, int] | None:
    """Return where the keys of a table begin and end."""
    headers = list(HEADER.finditer(text))
    for index, header in enumerate(headers):
        if header["name"] == name:
            end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
            return min(header.end() + 1, len(text)), end
    return None


def _value_length(text: str) -> int:
    """Return how many characters at the beginning of `text` are one value."""
    # The shortest part that is TOML: a value may hold brackets, quotes and lines of its own.
    for length in range(1, len(text) + 1):
        if length < len(text) and text[length] not in "\n#":
            continue
        try:
            tomllib.loads(f"x = {text[:length]}")
        except tomllib.TOMLDecodeError:
            continue
        return len(text[:length].rstrip())
    return 0


def _toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)

"""Lines that a script writes as it trains: JSON lines, CSV, and `[ganstudy] {...}` in its output.

A file is read on from where it was read to, and a line once it is whole.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganstudy.trials.config.command import UNITS
from ganstudy.trials.results.documents import JsonObject

MARK = "[ganstudy] "
"""Begins a line of a script's output that is for ganstudy."""
DIGITS = re.compile(r"\d+(?:\.\d+)?")


@dataclass
class Reading:
    """How far the files were read."""

    offsets: dict[str, int] = field(default_factory=dict)
    """Bytes by path."""
    heads: dict[str, list[str]] = field(default_factory=dict)
    """Columns of CSV files by path."""


def new_lines(path: Path, reading: Reading) -> Iterator[str]:
    """Iterate over the whole lines of a file that are new; all of them where it was written anew."""
    name = str(path)
    try:
        size = path.stat().st_size
        done = reading.offsets.get(name, 0)
        if size < done:
            done = reading.offsets[name] = 0
        if size == done:
            return
        with path.open("rb") as file:
            file.seek(done)
            data = file.read(size - done)
    except OSError:
        return
    whole = data[: data.rfind(b"\n") + 1]
    reading.offsets[name] = done + len(whole)
    yield from (line.decode(errors="replace") for line in whole.split(b"\n")[:-1])


def new_rows(path: Path, reading: Reading) -> Iterator[JsonObject]:
    """Iterate over the new rows of a file of JSON lines, or of CSV with its columns in the first line.

    Raise ValueError for a line that is neither.
    """
    for line in new_lines(path, reading):
        if not line.strip():
            continue
        if path.suffix in (".csv", ".tsv"):
            cells = next(csv.reader([line], delimiter="\t" if path.suffix == ".tsv" else ","))
            head = reading.heads.setdefault(str(path), cells)
            if head is not cells:
                yield dict(zip(head, cells, strict=False))
            continue
        row = _object(line)
        if row is None:
            raise ValueError(f"{path.name}: a line must be a JSON object, got {line[:100]!r}")
        yield row


def marked_rows(path: Path, reading: Reading) -> Iterator[JsonObject]:
    """Iterate over the objects of the new lines `[ganstudy] {...}`; ValueError for one that is none."""
    for line in new_lines(path, reading):
        # Progress bars end their lines by a carriage return.
        _, mark, text = line.rpartition("\r")[2].partition(MARK)
        if not mark:
            continue
        row = _object(text)
        if row is None:
            raise ValueError(f"a line {MARK}must go on with a JSON object, got {text[:100]!r}")
        yield row


def _object(text: str) -> JsonObject | None:
    try:
        row = json.loads(text)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def number_at(row: Mapping[str, Any], key: str) -> float | None:
    """Return the number at KEY or KEY.KEY of a row; None where there is none."""
    value: Any = row
    if key in row:
        value = row[key]
    else:
        # A key may itself have dots: the longest that is there.
        head, _, rest = key.rpartition(".")
        while head and head not in row:
            head, _, more = head.rpartition(".")
            rest = f"{more}.{rest}"
        if not head or not isinstance(row[head], dict):
            return None
        return number_at(row[head], rest)
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def amount_at(row: Mapping[str, Any], units: Mapping[str, str]) -> dict[str, float]:
    """Return what a row says of the amounts spent, by unit of a budget.

    units: key by unit of the script. Of text, such as a snapshot's name, the last number counts.
    """
    amounts = {}
    for unit, key in units.items():
        value = number_at(row, key)
        if value is None and isinstance(row.get(key), str):
            digits = DIGITS.findall(row[key])
            value = float(digits[-1]) if digits else None
        if value is not None:
            of, size = UNITS[unit]
            amounts[of] = value * size
    return amounts

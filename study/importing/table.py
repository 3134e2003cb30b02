"""A CSV or Parquet file as columns of cells.

Every cell has its place, so that errors can name it.

A cell is empty (not measured), a number that may be NaN or infinite (measured, and not finite), or
text.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.trials.config.base import short_repr

DELIMITERS = (",", ";", "\t")
ABSENT = frozenset({"", "na", "n/a", "null", "none", "-"})
"""Texts for no number, in small letters. nan and inf are numbers: of a score that is not finite."""
NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity)", re.ASCII | re.IGNORECASE
)
"""What reads as a number. Python's float() takes more, such as 1_0, which is a name in a file."""
LARGEST_EXACT = 2.0**53
"""Beyond it not every whole number is a float, so that two of them could become one."""
MOST_COLUMNS = 1000
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """The columns of one file, all of one length."""

    name: str
    """Of the file or other source, for messages."""
    digest: str
    """Hex, of the file's bytes or of what was read."""
    columns: dict[str, list[Any]]
    """Cells by name; None or '' for an empty one."""
    lines: list[int]
    """Position of each row in the file."""
    unit: str
    """What `lines` counts: "line", the header being line 1, or "row", from 1."""
    runs: list[str] | None = None
    """The run of each row, of an export that had a column per run."""
    of_runs: frozenset[str] = frozenset()
    """The columns that were one per run, "RUN - METRIC"."""
    rows: list[str] | None = None
    """What messages call each row, where it stands on no line of a file."""

    def row_name(self, row: int) -> str:
        """Return what a message calls a row: line 7."""
        return self.rows[row] if self.rows is not None else f"{self.unit} {self.lines[row]}"

    def place(self, row: int, column: str | None = None) -> str:
        """Return the place of a row or cell for a message: FILE, line 7, column 'fid'."""
        where = f"{self.name}, {self.row_name(row)}"
        if self.runs is not None and column in self.of_runs:
            column = f"{self.runs[row]} - {column}"
        return where if column is None else f"{where}, column {short_repr(column)}"

    def take(self, rows: Sequence[int]) -> Table:
        """Return the table of these rows, in this order."""
        return replace(
            self,
            columns={name: [cells[row] for row in rows] for name, cells in self.columns.items()},
            lines=[self.lines[row] for row in rows],
            runs=None if self.runs is None else [self.runs[row] for row in rows],
            rows=None if self.rows is None else [self.rows[row] for row in rows],
        )

    def numbers(self, column: str) -> tuple[Numbers, NDArray[np.bool_]]:
        """Return (values, NaN for an empty cell; whether a cell has a number).

        UserError if one has text.
        """
        cells = self.columns[column]
        values, given = np.full(len(cells), np.nan), np.zeros(len(cells), dtype=bool)
        for row, cell in enumerate(cells):
            if cell is None or (isinstance(cell, str) and cell.lower() in ABSENT):
                continue
            try:
                values[row], given[row] = float(cell), True
            except (TypeError, ValueError, OverflowError):
                raise UserError(
                    f"{self.place(row, column)}: must be a number, got {short_repr(cell)}"
                ) from None
        return values, given

    def texts(self, column: str) -> list[str]:
        """Return the cells as text; '' for an empty one. 3.0 is written as 3."""
        return [as_text(cell) for cell in self.columns[column]]


def as_text(cell: Any) -> str:
    """Return a cell as text; '' for an empty one. 3.0 is written as 3."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        if math.isnan(cell):
            return ""
        # Beyond 1e15 not every whole number is a float, and many digits would say nothing.
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return " ".join(str(cell).split())


def as_numbers(texts: Sequence[str]) -> list[str]:
    """Return the cells of a column with equal numbers written equally: 0.0001 for 1e-4 and 0.00010.

    That is so if all cells that are not empty are numbers; else they are returned as they are.
    """
    distinct = set(texts)
    # "nan" too stands for no number here: pandas writes it so where a setting does not apply.
    numbers = {text for text in distinct if text.lower() not in ABSENT | {"nan"}}
    if not all(NUMBER.fullmatch(text) for text in numbers):
        return list(texts)
    written = {text: _number_text(text) if text in numbers else text for text in distinct}
    return [written[text] for text in texts]


def _number_text(text: str) -> str:
    number = float(text)
    if math.isfinite(number) and abs(number) >= LARGEST_EXACT:
        exact = Decimal(text)
        # More digits than a float has were not all written out: 1e300.
        if exact == exact.to_integral_value() and exact.adjusted() < 40:
            return str(int(exact))
    return as_text(number + 0.0)  # -0 is 0


def read_table(path: Path) -> Table:
    """Return the table in a CSV file (also .tsv, .txt) or a Parquet file.

    UserError if it is neither, or empty.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    # By its first bytes too: files are often saved under a wrong suffix.
    if data[:4] == b"PAR1" or path.suffix == ".parquet":
        columns, lines, unit = _parquet(path)
    else:
        columns, lines = _csv(path, data)
        unit = "line"
    if not lines:
        raise UserError(
            f"{path.name} has no rows: a row per trial, seed and step is expected below the header"
        )
    return Table(path.name, digest, _without_row_numbers(path, columns), lines, unit)


def _csv(path: Path, data: bytes) -> tuple[dict[str, list[Any]], list[int]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path.name}, line {line}: not UTF-8 (byte 0x{data[error.start]:02X}); "
            "save the file as UTF-8"
        ) from None
    # The separator that is the most frequent in the header; Excel writes ";" in many countries.
    first = text.lstrip("\r\n").split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True
    )
    names: list[str] = []
    columns: list[list[Any]] = []
    lines: list[int] = []
    begins = 1  # a quoted cell may span lines, so rows and lines are counted apart
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = _names(path, [cell.strip() for cell in cells])
                columns = [[] for _ in names]
                continue
            if len(cells) != len(names):
                raise UserError(
                    f"{path.name}, line {line}: {len(cells)} cells, and the header has "
                    f"{len(names)} columns"
                )
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell.strip())
            lines.append(line)
    except csv.Error as error:
        raise UserError(f"{path.name}, line {begins}: not valid CSV: {error}") from None
    if not names:
        raise UserError(f"{path.name} is empty")
    return dict(zip(names, columns, strict=True)), lines


def _parquet(path: Path) -> tuple[dict[str, list[Any]], list[int], str]:
    # Takes a while to load, and a CSV file can do without.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path.name}: not valid Parquet: {str(error).splitlines()[0]}") from None
    names = _names(path, [str(name).strip() for name in table.column_names])
    return (
        {name: column.to_pylist() for name, column in zip(names, table.columns, strict=True)},
        list(range(1, table.num_rows + 1)),
        "row",
    )


def _names(path: Path, names: list[str]) -> list[str]:
    if len(names) > MOST_COLUMNS:
        raise UserError(
            f"{path.name}: at most {MOST_COLUMNS} columns can be read, got {len(names)}"
        )
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise UserError(
            f"{path.name}: column names must differ, but {short_repr(twice)} is there more than once"
        )
    return names


def _without_row_numbers(path: Path, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the columns without the nameless row numbers that pandas writes by default."""
    for name in [name for name in columns if name in ("", "__index_level_0__", "Unnamed: 0")]:
        numbers = [str(number) for number in range(len(columns[name]))]
        if [str(cell) for cell in columns[name]] == numbers:
            columns = {other: cells for other, cells in columns.items() if other != name}
        elif not name:
            raise UserError(f"{path.name}: column {list(columns).index(name) + 1} has no name")
    return columns

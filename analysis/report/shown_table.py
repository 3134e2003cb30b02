"""A table as the page shows it: few columns, the score first, numbers with their intervals in one cell.

The download has every column and all digits.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import pandas as pd

from ganstudy.analysis.formatting import label
from ganstudy.analysis.frames.study import SEARCHED_FIRST
from ganstudy.analysis.report.blocks import Table
from ganstudy.trials.results.catalogue import MEASURES

SHOWN_DIGITS = 4
# A guess: some megabytes once compressed, which a page can still carry.
LARGEST_DOWNLOAD = 1_000_000
"""Most cells of a table in the page; a larger table is only in a file beside it."""
MOST_SORTED = 300_000
"""Most cells of a table that is sorted as a whole; of a larger one the rows in the page are."""
MOST_COLUMNS = 11
"""In the page; as many as fit its width with the words of their headings."""
LABELS = frozenset(
    {
        *("number", "confirms", "role", "question", "first", "second", "at", "setting"),
        *("evaluator", "state", "compared", "study", "axis", "measure", "label", "seed"),
        *SEARCHED_FIRST,
    }
)
"""Columns that say what a row is about; those in front stay there."""
SCORES = (
    "score",
    "effect",
    "median",
    "objective",
    "value",
    "correlation",
    "importance",
    "survival",
)
"""Columns that a reader looks for first, besides measures."""
P_VALUES = frozenset({"p", "p_adjusted", "p_holm"})
MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """Text of a table cell, and the number that it is sorted by; None for text."""

    text: str
    key: float | None = None

    @property
    def number(self) -> bool:
        """Whether it is aligned as a number."""
        return self.key is not None


class Shown:
    """Headings and cells of the rows in the page, and what is the same in all rows."""

    def __init__(self, table: Table) -> None:
        frame, dropped = table.frame, 0
        if table.columns:
            frame = frame[[name for name in table.columns if name in frame]]
        frame = _without_empty(frame)
        self.same, frame = _without_constants(frame)
        frame = _score_first(frame)
        merged = _columns(frame)
        if not table.columns and len(merged) > MOST_COLUMNS:
            merged, dropped = merged[:MOST_COLUMNS], len(merged) - MOST_COLUMNS
        self.total, self.dropped = len(frame), dropped
        self.downloadable = table.frame.size <= LARGEST_DOWNLOAD
        self.columns = [heading(column) for column, *_ in merged]
        sorted_whole = len(frame) * len(merged) <= MOST_SORTED
        count = len(frame) if sorted_whole and table.rows else table.rows
        every = _cells(frame.head(count), merged)
        self.rows = every[: table.rows]
        self.is_cut = len(every) > len(self.rows)
        self._every = every

    def every_row(self) -> str:
        """Return all rows as JSON, for sorting: [[texts], [keys]] each."""
        return json.dumps(
            [[[cell.text for cell in row], [cell.key for cell in row]] for row in self._every]
        )


def _without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    # Words may be missing as '' too.
    empty = [name for name in frame if frame[name].isna().all() or frame[name].eq("").all()]
    return frame.drop(columns=empty) if len(frame) else frame


def _without_constants(frame: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Return what is the same in all rows in words, and the table without it."""
    if len(frame) < 3:
        return "", frame
    same = [
        name
        for name in frame.columns[1:]
        if not _is_score(str(name)) and frame[name].map(repr).nunique() == 1
    ]
    # An interval goes with what it is of.
    same = [name for name in same if not str(name).endswith(("low", "high"))]
    parts = [f"{heading(str(name))} {_cell(frame[name].iloc[0], str(name)).text}" for name in same]
    return ", ".join(parts), frame.drop(columns=same)


def _is_score(name: str) -> bool:
    return name in SCORES or name in MEASURES


def _score_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its score, and that one's interval, behind the columns of labels."""
    names = [str(name) for name in frame.columns]
    leading = 1
    while (
        leading < len(names) and names[leading] in LABELS and names[leading] not in SEARCHED_FIRST
    ):
        leading += 1
    score = next((name for name in names if _is_score(name)), None)
    if score is None or names.index(score) < leading:
        return frame
    ends = _ends(names, names.index(score))
    moved = [score, *(ends or ())]
    rest = [name for name in names if name not in moved]
    order = [*rest[:leading], *moved, *rest[leading:]]
    return frame[order]


def _ends(names: list[str], index: int) -> tuple[str, str] | None:
    """Return the columns of the ends of the interval of a column, where it has them."""
    name = names[index]
    own = (f"{name}_low", f"{name}_high")
    if set(own) <= set(names):
        return own
    plain = ("low", "high")
    is_next = names[index + 1 : index + 3] == ["low", "high"]
    return plain if set(plain) <= set(names) and (is_next or name == "effect") else None


def _columns(frame: pd.DataFrame) -> list[tuple[str, str | None, str | None]]:
    """Return the columns in the page: name, and the columns of its interval or None."""
    names = [str(name) for name in frame.columns]
    found: list[tuple[str, str | None, str | None]] = []
    taken: set[str] = set()
    for index, name in enumerate(names):
        ends = _ends(names, index)
        if ends and not set(ends) & taken:
            taken |= set(ends)
            found.append((name, *ends))
        else:
            found.append((name, None, None))
    return [column for column in found if column[0] not in taken]


def _cells(
    frame: pd.DataFrame, columns: list[tuple[str, str | None, str | None]]
) -> list[list[Cell]]:
    made = []
    for name, low, high in columns:
        cells = [_cell(value, name) for value in frame[name]]
        if low is not None and high is not None:
            ends = zip(frame[low], frame[high], strict=True)
            cells = [_with_ends(cell, *each) for cell, each in zip(cells, ends, strict=True)]
        made.append(cells)
    return [list(row) for row in zip(*made, strict=True)]


def _with_ends(cell: Cell, low: object, high: object) -> Cell:
    if _is_missing(low) and _is_missing(high):
        return cell
    return Cell(f"{cell.text} [{_cell(low, '').text}, {_cell(high, '').text}]", cell.key)


def heading(column: str) -> str:
    """Return the heading of a column; settings are spelt as in the study file."""
    if column in MEASURES:
        return MEASURES[column].label
    if column in SEARCHED_FIRST or "." in column:
        return column
    return "trial" if column == "number" else column.replace("_", " ")


def _is_missing(value: object) -> bool:
    # Only NaN is unlike itself; pd.isna would also take lists apart.
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _cell(value: object, column: str) -> Cell:
    if _is_missing(value):
        return Cell(MISSING, math.inf)
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if column in P_VALUES and isinstance(value, float) and value < 0.001:
        return Cell("< 0.001", value)
    if isinstance(value, float):
        # Scores of diverged seeds are infinite, so a median or interval end that falls on them is.
        finite = math.isfinite(value)
        return Cell(
            f"{value:.{SHOWN_DIGITS}g}" if finite else "diverged", value if finite else 1e300
        )
    if isinstance(value, str):
        # Names become words; a sentence has its words already.
        return Cell(value if " " in value else label(value))
    try:
        return Cell(label(value), float(str(value)))
    except ValueError:
        return Cell(label(value))

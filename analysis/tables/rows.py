"""Tables whose rows are dataclasses: a field for each column, for who makes the table and who reads it.

A field that is an Estimate stands for three columns, NAME, NAME_low and NAME_high. A field named
`group` holds the value of a setting, and its column is named by the setting where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, get_type_hints

import pandas as pd

from ganstudy.analysis.stats.estimate import Estimate

GROUP = "group"
Row = TypeVar("Row")
Cells = dict[str, Any]
"""Cells of one row by column, as pandas takes them: for tables whose columns depend on the study."""


def columns_of(kind: type[Any], setting: str | None = None) -> list[str]:
    """Return the columns of a table of such rows, by `setting` where there is one."""
    found = []
    for name, is_estimate in _fields(kind).items():
        ends = ("", "_low", "_high") if is_estimate else ("",)
        named = setting if setting and name == GROUP else name
        found += [named + end for end in ends]
    return found


def table_of(kind: type[Row], made: Iterable[Row], setting: str | None = None) -> pd.DataFrame:
    """Return the table of the rows `made`, with its columns where there are none too."""
    fields = _fields(kind)
    columns = columns_of(kind, setting)
    cells = [dict(zip(columns, _cells(row, fields), strict=True)) for row in made]
    return pd.DataFrame(cells, columns=columns)


def rows_of(kind: type[Row], table: pd.DataFrame, setting: str | None = None) -> list[Row]:
    """Return the rows of a table that `table_of` made; further columns are left out."""
    fields = _fields(kind)
    made = []
    for cells in table.to_dict("records"):
        values: Cells = {}
        for name, is_estimate in fields.items():
            column = setting if setting and name == GROUP else name
            values[name] = cells[column]
            if is_estimate:
                ends = (cells[f"{column}_low"], cells[f"{column}_high"])
                values[name] = Estimate(cells[column], *ends)
        made.append(kind(**values))
    return made


def _fields(kind: type[Any]) -> dict[str, bool]:
    """Return the fields by name, and whether each is an Estimate."""
    return {name: hint is Estimate for name, hint in get_type_hints(kind).items()}


def _cells(row: Any, fields: dict[str, bool]) -> Iterable[Any]:
    for name, is_estimate in fields.items():
        value = getattr(row, name)
        yield from (value.value, value.low, value.high) if is_estimate else (value,)

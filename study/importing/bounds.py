"""Where the values of a measure can lie, by its unit in the catalogue.

A share in percent would get the verdict of another share, without a word.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.study.importing.table import Table
from ganstudy.trials.results.catalogue import MEASURES

SHARE = (0.0, 1.0)
CORRELATION = (-1.0, 1.0)
PERCENT = 100.0


def bounds_of(measure: str) -> tuple[float, float] | None:
    """Return the ends between which a measure lies, both included; None if its unit names none."""
    unit = MEASURES[measure].unit
    if unit.startswith("share of ") or unit == "probability" or unit.endswith(", 0 to 1"):
        return SHARE
    return CORRELATION if unit.endswith(", -1 to 1") else None


def out_of_bounds(measure: str, values: NDArray[np.float64]) -> tuple[int, str] | None:
    """Return (index of the first finite value outside the measure's bounds, what is wrong with it).

    None if there is no such value.
    """
    ends = bounds_of(measure)
    if ends is None:
        return None
    low, high = ends
    finite = np.isfinite(values)
    outside = np.flatnonzero(finite & ((values < low) | (values > high)))
    if not len(outside):
        return None
    first = int(outside[0])
    unit = MEASURES[measure].unit
    wrong = f"{measure} ({unit}) must lie in [{low:g}, {high:g}], got {values[first]:g}"
    if ends == SHARE and values[finite].min() >= 0 and values[finite].max() <= PERCENT:
        wrong += "; if these are percent, divide them by 100"
    return first, wrong


def check_bounds(
    table: Table, columns: dict[str, str], values: dict[str, NDArray[np.float64]]
) -> None:
    """Raise UserError, with line and column, if a measure has a value that it cannot have.

    columns: the file's name of each measure. values: by measure, NaN for a row without a value.
    """
    wrong = {name: found for name in columns if (found := out_of_bounds(name, values[name]))}
    if not wrong:
        return
    first, *others = wrong
    row, message = wrong[first]
    message = f"{table.place(row, columns[first])}: {message}"
    if others:
        message += f". The same of: {', '.join(columns[name] for name in others)}"
    raise UserError(message)

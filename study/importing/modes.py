"""Columns of the number of samples per mode, mode_0 or mode_cat, as histograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.study.importing.table import Table
from ganstudy.trials.config.base import short_repr

PREFIX = "mode_"


def _in_order(modes: dict[str, str]) -> list[str]:
    """Return the canonical names: by number if all have one, else as in the file."""
    if all(name.removeprefix(PREFIX).isdecimal() for name in modes):
        return sorted(modes, key=lambda name: int(name.removeprefix(PREFIX)))
    return list(modes)


def mode_names(modes: dict[str, str]) -> list[str]:
    """Return the modes in the order of the histograms. modes: columns by canonical name."""
    return [name.removeprefix(PREFIX) for name in _in_order(modes)]


def sampled_rows(
    table: Table, modes: dict[str, str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (the rows with samples and no number that is not finite, the rows with nan or inf).

    In the latter the seed had diverged, so that there were no samples to count.
    """
    counted = np.zeros(len(table.lines), dtype=bool)
    not_finite = np.zeros(len(table.lines), dtype=bool)
    for column in modes.values():
        values, given = table.numbers(column)
        counted |= given
        not_finite |= given & ~np.isfinite(values)
    return counted & ~not_finite, not_finite


def histograms_of(table: Table, modes: dict[str, str]) -> list[list[int] | None] | None:
    """Return the number of samples per mode, row by row; None for a row without samples.

    None for a table without such columns. UserError if a number is no count, or a row has only some
    of the modes.
    """
    if not modes:
        return None
    names = _in_order(modes)
    if len(names) < 2:
        raise UserError(
            f"{table.name}: modes need two columns or more, got {modes[names[0]]} alone"
        )
    columns = [table.numbers(modes[name]) for name in names]
    counts = np.stack([values for values, _ in columns], axis=1)
    given = np.stack([present for _, present in columns], axis=1)
    sampled, _ = sampled_rows(table, modes)
    wrong = ~given | (counts < 0) | (np.floor(counts) != counts)
    bad = np.flatnonzero(sampled & wrong.any(axis=1))
    if len(bad):
        row = int(bad[0])
        column = modes[names[int(np.argmax(wrong[row]))]]
        raise UserError(
            f"{table.place(row, column)}: the samples of a mode must be a whole number >= 0, and a "
            f"row must have all modes or none, got {short_repr(table.columns[column][row])}"
        )
    rows = np.flatnonzero(sampled & (counts.sum(axis=1) > 0))
    # A row whose modes are all 0 has no samples, and so no shares to compute with.
    histograms: list[list[int] | None] = [None] * len(table.lines)
    for row in rows.tolist():
        histograms[row] = counts[row].astype(int).tolist()
    return histograms

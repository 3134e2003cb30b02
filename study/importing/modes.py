"""Columns of the number of samples per mode, mode_0 or mode_cat, as histograms."""

from __future__ import annotations

import numpy as np

from ganstudy.study.errors import UserError
from ganstudy.study.importing.table import Table
from ganstudy.trials.config.base import short_repr

PREFIX = "mode_"


def _in_order(modes: dict[str, str]) -> list[str]:
    """Our names of the columns; by number where all have one, else as in the file."""
    if all(name.removeprefix(PREFIX).isdecimal() for name in modes):
        return sorted(modes, key=lambda name: int(name.removeprefix(PREFIX)))
    return list(modes)


def mode_names(modes: dict[str, str]) -> list[str]:
    """In the order of the histograms. modes: our names of the columns to theirs."""
    return [name.removeprefix(PREFIX) for name in _in_order(modes)]


def histograms_of(table: Table, modes: dict[str, str]) -> list[list[int] | None] | None:
    """Samples per mode for each row; None for a row without samples, and for a table without such
    columns.

    UserError where a number is no count, or a row has some of its modes alone.
    """
    if not modes:
        return None
    ours = _in_order(modes)
    if len(ours) < 2:
        raise UserError(
            f"{table.file.name}: modes need two columns or more, got {modes[ours[0]]} alone"
        )
    columns = [table.numbers(modes[name]) for name in ours]
    counts = np.stack([values for values, _ in columns], axis=1)
    given = np.stack([held for _, held in columns], axis=1)
    sampled = given.any(axis=1) & ~(given & ~np.isfinite(counts)).any(
        axis=1
    )  # nan: of a seed that diverged
    wrong = ~given | (counts < 0) | (np.floor(counts) != counts)
    bad = np.flatnonzero(sampled & wrong.any(axis=1))
    if len(bad):
        row = int(bad[0])
        theirs = modes[ours[int(np.argmax(wrong[row]))]]
        raise UserError(
            f"{table.place(row, theirs)}: the samples of a mode must be a whole number >= 0, and a row must have all "
            f"modes or none, got {short_repr(table.columns[theirs][row])}"
        )
    there: list[bool] = np.asarray(sampled).tolist()
    return [
        counts[row].astype(int).tolist() if there[row] and counts[row].sum() > 0 else None
        for row in range(len(table.lines))
    ]

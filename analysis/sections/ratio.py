"""The k-ratio: which number of discriminator steps per generator step, if these data can tell."""

from __future__ import annotations

from typing import Any

from analysis import tables
from analysis.intervals import MIN_CONFIGURATIONS
from analysis.page import Block, Evidence
from analysis.sections import groups
from analysis.wording import Said, Tile, count, interval, label, rows, unit
from trials.catalogue import MEASURES

NAME, TITLE = "k", "k: discriminator steps per generator step"


def blocks(evidence: Evidence) -> list[Block]:
    """Score and lost seeds by k."""
    return groups.blocks(evidence, "k", "k")


def said(evidence: Evidence) -> list[Said]:
    """Which k leads at the last evaluation that all trials reached."""
    table, (measure, sign) = groups.table(evidence, "k"), tables.objective(evidence.study)
    if table.empty:
        return []
    first = table[(table["evaluation"] == table["evaluation"].min()) & (table["configurations"] > 0)]
    if len(first) < 2:
        return []
    ahead = tables.leader(table, "k", sign)
    if ahead:
        claim = f"k = {label(ahead[0])} is ahead of k = {' and '.join(label(value) for value in ahead[1])}:"
        value = f"{label(ahead[0])} leads"
    else:
        claim, value = "Which k is best cannot be told from these data:", "cannot be told"
    parts = [f"{interval(row, 'median')} for k = {label(row['k'])} ({_counted(row)})" for row in rows(first)]
    basis = (
        f"at {first['progress'].iloc[0]:g} {unit(evidence.study)}, the last evaluation that every trial reached, the "
        f"median {MEASURES[measure].label} and its 95% interval are {'; '.join(parts)}."
    )
    if first["median_low"].isna().any():
        basis += f" Below {MIN_CONFIGURATIONS} configurations there is no interval."
    counted = count(int(first["configurations"].sum()), "configuration")
    tile = Tile(
        "Best k", value, f"{len(first)} values, {counted} at {first['progress'].iloc[0]:g} {unit(evidence.study)}"
    )
    return [Said(claim, basis, first=True, tile=tile)]


def _counted(row: dict[str, Any]) -> str:
    return count(row["configurations"], "configuration")

"""What would change the answer: how much more would settle what is open."""

from __future__ import annotations

import math
from typing import Any

from ganstudy.analysis.formatting import absent, label, number, rows
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.stats.power import MAX_UNITS, POWER
from ganstudy.analysis.tables.sample_size import needed_sample_sizes

NAME, TITLE = "settle", "What would change the answer"


def conclusions(results: Results) -> list[Conclusion]:
    """One line for the first screen, one sentence per open question."""
    table = _open(results)
    if not table:
        return []
    planned = [row for row in table if not absent(row["needed"]) and row["needed"] <= MAX_UNITS]
    if not planned:
        return _each(table)
    nearest = min(
        planned,
        key=lambda row: (
            float(row["needed"]) / max(1.0, float(min(row["n_first"], row["n_second"])))
        ),
    )
    claim = (
        f"What would settle more: {_question(nearest)} takes {nearest['advice']}{_seeds(nearest)}"
    )
    power = f" ({POWER:.0%} power; {len(table)} questions open, below)."
    return [
        Conclusion(claim + power, _basis(nearest), first=True),
        *_each([row for row in table if row is not nearest]),
    ]


def _each(table: list[dict[str, Any]]) -> list[Conclusion]:
    """One sentence per question that can be planned for, and one for those that cannot."""
    made = [
        Conclusion(f"{_question(row)}: {row['advice']}{_seeds(row)}.", _basis(row))
        for row in table
        if not absent(row["needed"])
    ]
    few = [
        f"{_question(row)} (n = {row['n_first']} and {row['n_second']})"
        for row in table
        if absent(row["needed"])
    ]
    if few:
        made.append(Conclusion(f"Too few, or too many diverged, to plan from: {', '.join(few)}."))
    return made


def _open(results: Results) -> list[dict[str, Any]]:
    if results.study.trials.empty:
        return []
    table = results.of(needed_sample_sizes, results.study)
    return rows(table[table["decision"] != "conclusive"])


def _question(row: dict[str, Any]) -> str:
    if row["question"] == "best":
        return f"trial {row['first']} against trial {row['second']}"
    if row["question"] == "remedies":
        return f"{label(row['first'])} against no remedy"
    return f"{row['question']} = {row['first']} against {row['second']}"


def _seeds(row: dict[str, Any]) -> str:
    instead = row["seeds_instead"]
    if absent(row["needed"]) or row["needed"] > MAX_UNITS or absent(instead):
        return ""
    return (
        f", or {instead:.0f} seeds per configuration"
        if math.isfinite(instead)
        else ", which more seeds cannot replace"
    )


def _basis(row: dict[str, Any]) -> str:
    sign = "× " if row["scale"] == "ratio" else ""
    ends = "" if absent(row["low"]) else f" [{number(row['low'])}, {number(row['high'])}]"
    n = (
        f"n = {row['n_first']}"
        if row["n_first"] == row["n_second"]
        else f"n = {row['n_first']} and {row['n_second']}"
    )
    if absent(row["effect"]):
        return f"{n} {row['unit']}."
    least, in_all = "", " in all" if row["unit"] == "configurations" else ""
    if not absent(row["needed_least"]) and math.isfinite(row["needed_least"]):
        least = f"; if the truth were the interval's far end, {row['needed_least']:.0f}{in_all} would do"
    return f"Observed: {sign}{number(row['effect'])}{ends}, {n} {row['unit']}{least}."


NOTE = (
    f"From the effect and spread observed, for {POWER:.0%} power; detectable is the smallest effect that the present n "
    "tells apart. Here medians of unmatched groups are compared: the matched comparisons above can tell more."
)


def blocks(results: Results) -> list[Block]:
    """Every question, open or not."""
    if results.study.trials.empty:
        return []
    table = results.of(needed_sample_sizes, results.study)
    return (
        [Table("needed_sample_sizes", table, "What it would take", NOTE, folded=True)]
        if len(table)
        else []
    )

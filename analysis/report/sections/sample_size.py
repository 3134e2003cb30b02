"""Sample size: how many more configurations or seeds an inconclusive comparison needs."""

from __future__ import annotations

import math
from typing import Any

from ganstudy.analysis.formatting import absent, count, label, number, rows
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.stats.power import MAX_UNITS, POWER
from ganstudy.analysis.tables.sample_size import needed_sample_sizes

TITLE = "What would change the answer"


def conclusions(results: Results) -> list[Conclusion]:
    """Return the comparison nearest to a conclusion, then all others that are inconclusive."""
    table = _inconclusive(results)
    planned = [row for row in table if not absent(row["needed"]) and row["needed"] <= MAX_UNITS]
    # More than MAX_UNITS is out of reach: the advice then is to treat both as equal.
    if not planned:
        return _sentences(table)
    nearest = min(planned, key=_factor)
    claim = (
        f"The nearest to a conclusion: {_question(nearest)} needs "
        f"{nearest['advice']}{_seeds(nearest)}"
    )
    claim += f" ({POWER:.0%} power; {count(len(table), 'comparison')} inconclusive, below)."
    others = [row for row in table if row is not nearest]
    return [Conclusion(claim, _basis(nearest), first=True), *_sentences(others)]


def _factor(row: dict[str, Any]) -> float:
    """Return by which factor the data would have to grow."""
    return float(row["needed"]) / max(1.0, float(min(row["n_first"], row["n_second"])))


def _sentences(table: list[dict[str, Any]]) -> list[Conclusion]:
    """Return a sentence per comparison that can be planned for, and one for all others."""
    found = [
        Conclusion(f"{_question(row)}: {row['advice']}{_seeds(row)}.", _basis(row))
        for row in table
        if not absent(row["needed"])
    ]
    few = [f"{_question(row)} ({_n(row)})" for row in table if absent(row["needed"])]
    if few:
        claim = (
            "No sample size can be estimated, since there are too few configurations or too many "
            "diverged: "
        )
        found.append(Conclusion(f"{claim}{', '.join(few)}."))
    return found


def _inconclusive(results: Results) -> list[dict[str, Any]]:
    if results.study.trials.empty:
        return []
    table = results.cached(needed_sample_sizes, results.study)
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
    if math.isfinite(instead):
        return f", or {instead:.0f} seeds per configuration"
    return ", which more seeds cannot replace"


def _n(row: dict[str, Any]) -> str:
    first, second = row["n_first"], row["n_second"]
    return f"n = {first}" if first == second else f"n = {first} and {second}"


def _basis(row: dict[str, Any]) -> str:
    n = f"{_n(row)} {row['unit']}"
    if absent(row["effect"]):
        return f"{n}."
    sign = "× " if row["scale"] == "ratio" else ""
    ends = "" if absent(row["low"]) else f" [{number(row['low'])}, {number(row['high'])}]"
    least = ""
    if not absent(row["needed_least"]) and math.isfinite(row["needed_least"]):
        units = " per value" if row["unit"] == "configurations" else ""
        least = (
            f"; {row['needed_least']:.0f}{units} would do if the true effect were the far end of "
            "the interval"
        )
    return f"Observed: {sign}{number(row['effect'])}{ends}, {n}{least}."


def blocks(results: Results) -> list[Block]:
    """Return every comparison, conclusive or not."""
    if results.study.trials.empty:
        return []
    table = results.cached(needed_sample_sizes, results.study)
    return [Table("needed_sample_sizes", table, "Needed sample sizes", NOTE, folded=True)]


NOTE = (
    f"From the observed effect and spread, for {POWER:.0%} power; detectable is the smallest "
    "effect that the present n finds with that power. Medians of unmatched groups are compared "
    "here: the matched comparisons above can find smaller effects."
)

"""Interactions: whether the effect of one setting depends on another."""

from __future__ import annotations

from typing import Any

from ganstudy.analysis.formatting import absent, between, count, label, rows
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.interactions import MIN_PAIRS, MIN_REST, interactions

TITLE = "Interactions"


def conclusions(results: Results) -> list[Conclusion]:
    """Return the interactions that were found, or that the data are inconclusive."""
    table = rows(results.cached(interactions, results.study))
    if not table:
        return []
    inconclusive = "Whether the effect of any setting depends on another one is inconclusive:"
    tested = [row for row in table if not absent(row["low"])]
    if not tested:
        few = (
            f"it takes {MIN_PAIRS} pairs, or {MIN_REST} configurations more than the model has "
            "coefficients."
        )
        return [Conclusion(inconclusive, few, exploratory=True)]
    together = f"{count(len(tested), 'pair')} of settings tested; the intervals hold together"
    found = [row for row in tested if row["decision"] == "depends"]
    if not found:
        n = between([row["configurations"] for row in tested])
        basis = f"{together}, n = {n} pairs or configurations."
        return [Conclusion(inconclusive, basis, exploratory=True)]
    claim = f"Settings depend on each other: {'; '.join(map(_interaction, found))}."
    return [Conclusion(claim, f"{together}.", exploratory=True)]


def _interaction(row: dict[str, Any]) -> str:
    # A minus sign: a hyphen before a number reads as a dash between two.
    ends = f"{row['correlation']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]".replace("-", "−")
    n = f"rank correlation {ends}, n = {row['configurations']}"
    first, second = label(row["first"]), label(row["second"])
    if row["kind"] == "remedy":
        return (
            f"{first} helps {'more' if row['correlation'] > 0 else 'less'} the larger {second} "
            f"({n})"
        )
    how = "suit each other" if row["correlation"] > 0 else "do not suit each other"
    return f"large {first} and large {second} {how} ({n})"


def blocks(results: Results) -> list[Block]:
    """Return every interaction that was tested."""
    table = results.cached(interactions, results.study)
    return [Table("interactions", table, "Which settings depend on each other", NOTE, folded=True)]


NOTE = (
    "Rank correlations: of a remedy's benefit, pair by pair, with a setting; or of how good the "
    "score is with the product of two settings, beyond the effect of each alone. The intervals "
    "hold for all of them together."
)

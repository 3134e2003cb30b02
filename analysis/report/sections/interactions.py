"""Whether one setting decides what another one does."""

from __future__ import annotations

from typing import Any

from ganstudy.analysis.formatting import absent, between, count, label, rows
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.interactions import MIN_PAIRS, MIN_REST, interactions

NAME, TITLE = "interactions", "Interactions"


def conclusions(results: Results) -> list[Conclusion]:
    """The interactions that were told, or that none was."""
    table = rows(results.of(interactions, results.study))
    if not table:
        return []
    asked = [row for row in table if not absent(row["low"])]
    if not asked:
        few = f"it takes {MIN_PAIRS} pairs, or {MIN_REST} configurations more than the model has coefficients."
        return [
            Conclusion("Whether settings depend on each other cannot be told from these data:", few)
        ]
    told = [row for row in asked if row["decision"] == "depends"]
    together = f"{count(len(asked), 'pair')} of settings asked; the intervals hold together."
    if not told:
        n = between([row["configurations"] for row in asked])
        claim = "That any setting decides what another one does cannot be told from these data:"
        return [Conclusion(claim, f"{together[:-1]}, n = {n} pairs or configurations.")]
    return [
        Conclusion(
            f"Settings depend on each other: {'; '.join(_told(row) for row in told)}.",
            together.capitalize(),
        )
    ]


def _told(row: dict[str, Any]) -> str:
    ends = f"{row['correlation']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]".replace("-", "−")
    n = f"rank correlation {ends}, n = {row['configurations']}"
    first, second = label(row["first"]), label(row["second"])
    if row["kind"] == "remedy":
        return f"{first} helps {'more' if row['correlation'] > 0 else 'less'} the larger {second} ({n})"
    how = "suit each other" if row["correlation"] > 0 else "do not suit each other"
    return f"large {first} and large {second} {how} ({n})"


NOTE = (
    "Rank correlations: of a remedy's benefit, pair by pair, with a setting; or of the score's goodness with the "
    "product of two settings, beyond what either does alone. The intervals hold for all of them together."
)


def blocks(results: Results) -> list[Block]:
    """All that were asked."""
    return [
        Table(
            "interactions",
            results.of(interactions, results.study),
            "Which settings depend",
            NOTE,
            folded=True,
        )
    ]

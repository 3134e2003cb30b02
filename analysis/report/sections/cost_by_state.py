"""Section: what trials cost, by how they ended."""

from __future__ import annotations

from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.cost_by_state import cost_by_state

TITLE = "What trials cost"


def conclusions(results: Results) -> list[Conclusion]:
    """Return none: the table says all."""
    return []


def blocks(results: Results) -> list[Block]:
    """Return the table."""
    table = results.cached(cost_by_state, results.study)
    return [Table("cost_by_state", table, "Training by how trials ended")] if len(table) else []

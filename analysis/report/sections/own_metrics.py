"""What the user's own training measured by itself, apart from all that ganstudy measures."""

from __future__ import annotations

from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.configurations.own_metrics import own_metrics

TITLE = "Metrics of your own training"


def conclusions(results: Results) -> list[Conclusion]:
    """Return none: how these were measured is not known here."""
    return []


def blocks(results: Results) -> list[Block]:
    """Return the last values by trial; nothing where the training reported none."""
    frame = results.cached(own_metrics, results.study)
    if frame.empty:
        return []
    return [Table("own_metrics", frame, "Last values by trial, the best score first", NOTE)]


NOTE = (
    "As your training reported them: medians over the seeds that have a value. They were measured in "
    "its own way, so nothing above is decided by them, and they cannot be compared with scores of "
    "ganstudy, not even of the same name."
)

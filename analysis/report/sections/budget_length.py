"""Whether the budget was too short; said before anything else, as it changes how all of it is read."""

from __future__ import annotations

from ganstudy.analysis.formatting import count
from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import (
    Brief,
    Conclusion,
    Rank,
    score_name,
    share_change,
    unit,
)
from ganstudy.analysis.tables.trajectories import budget_length

TITLE = "Length of the budget"


def conclusions(results: Results) -> list[Conclusion]:
    """Return that the budget was too short, and why; none where nothing says so."""
    study = results.study
    if study.trials.empty:
        return []
    found = results.cached(budget_length.budget_length, study)
    if not found.too_short:
        return []
    reasons = []
    if found.best.is_many:
        reasons.append(str(found.best))
    if found.falls_steeply:
        reasons.append(
            f"over its last third {score_name(study)} still changed by {share_change(found.fall)}, "
            f"the median over {count(found.fall.n, 'complete configuration')}"
        )
    amount = f"{study.budget.amount:g} {unit(study)}" if study.budget.unit else "its end"
    basis = (
        f"What follows is about trainings of {amount}, and may be otherwise after longer ones. "
        f"Train longer before comparing settings."
    )
    brief = Brief(
        f"The budget was too short: train longer than {amount} before comparing settings.",
        Rank.NOTICE,
    )
    claim = f"The budget was too short: {'; '.join(reasons)}."
    return [Conclusion(claim, basis, first=True, brief=brief)]


def blocks(results: Results) -> list[Block]:
    """Return nothing: the section Convergence has the curves and the table of changes."""
    return []

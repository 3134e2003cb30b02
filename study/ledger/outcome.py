"""What a trial came to at its latest evaluation, and in which state that ends it. Free of Optuna
and Ray.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganstudy.trials.results.records import TrialState


@dataclass(frozen=True)
class Outcome:
    """What a trial came to at its latest evaluation."""

    finished: bool
    """The budget is spent, or no seed is finite any more."""
    objective: float | None
    """Median over seeds; None where it falls on a seed without a value."""
    progress: float
    """On the budget's axis."""
    verdicts: dict[str, int]
    """Seeds per verdict."""
    counters: dict[str, float]

    def feasible(self, allowed: dict[str, int]) -> bool:
        """No verdict has more seeds than allowed, and the objective has a value."""
        return self.objective is not None and not self.excess(allowed)

    def excess(self, allowed: dict[str, int]) -> int:
        """Seeds beyond the number allowed, over all verdicts that are limited."""
        return sum(
            max(0, self.verdicts.get(verdict, 0) - limit) for verdict, limit in allowed.items()
        )


def state_at_end(outcome: Outcome | None, error: str | None) -> TrialState:
    """The state in which a trial ends that came to `outcome`, or to an error."""
    if error is not None or outcome is None:
        return TrialState.FAILED
    return TrialState.COMPLETE if outcome.finished else TrialState.PRUNED

"""The result of a trial's latest evaluation, and the state in which that ends it.

Free of Optuna and Ray.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import Evaluation, TrialState, median_over_seeds


@dataclass(frozen=True)
class Outcome:
    """Result of a trial's latest evaluation."""

    finished: bool
    """Whether the budget is spent, or no seed is finite any more."""
    objective: float | None
    """Median over seeds; None if the median falls on a seed without a value."""
    progress: float
    """Amount of training, on the budget's axis."""
    verdicts: dict[str, int]
    """Number of seeds per verdict."""
    counters: Mapping[str, float | None]
    """By the names in COUNTERS; None where an imported file does not say."""

    @classmethod
    def of(cls, evaluation: Evaluation, finished: bool, measure: str, unit: str) -> Outcome:
        """Return the outcome of an evaluation.

        measure: the study's objective; unit: of the budget.
        """
        return cls(
            finished=finished,
            objective=median_over_seeds(evaluation.values(measure), MEASURES[measure].direction),
            progress=evaluation.counters.on(unit),
            verdicts=evaluation.verdicts(),
            counters=evaluation.counters.as_columns(),
        )

    def text(self, measure: str, unit: str) -> str:
        """Return the outcome in one line of a log."""
        verdicts = ", ".join(f"{seeds} {verdict}" for verdict, seeds in self.verdicts.items())
        score = "no median" if self.objective is None else three_digits(self.objective)
        return f"{amount(self.progress, unit)}: {measure} {score}; seeds: {verdicts}"

    def feasible(self, allowed: dict[str, int]) -> bool:
        """Return whether the objective has a value and no verdict more seeds than allowed."""
        return self.objective is not None and not self.excess(allowed)

    def excess(self, allowed: dict[str, int]) -> int:
        """Return the number of seeds beyond the allowed ones, over all limited verdicts."""
        return sum(
            max(0, self.verdicts.get(verdict, 0) - limit) for verdict, limit in allowed.items()
        )


def amount(progress: float, unit: str) -> str:
    """Format an amount of training with its unit: "1,200 generator steps", "37.5 seconds"."""
    number = f"{progress:,.0f}" if progress == round(progress) else f"{progress:,.1f}"
    return f"{number} {unit.replace('_', ' ')}"


def state_at_end(outcome: Outcome | None, error: str | None) -> TrialState:
    """Return the state in which a trial with this outcome or error ends."""
    if error is not None or outcome is None:
        return TrialState.FAILED
    return TrialState.COMPLETE if outcome.finished else TrialState.PRUNED

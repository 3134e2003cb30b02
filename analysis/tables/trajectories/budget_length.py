"""Judge whether the budget was long enough by the seeds and scores at its end.

Seeds of the best configurations may not be trained yet, and scores may still fall steeply.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganstudy.analysis.frames.selection import distinct_configurations, ranked
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.stats.order_statistics import median
from ganstudy.analysis.tables.trajectories.convergence import stability
from ganstudy.trials.results.records import TrialState, Verdict
from ganstudy.trials.results.untrained import Untrained, untrained_seeds

# A guess: a score that falls as 1 / t loses a third over the last third of the budget, and one that
# falls as its square root a sixth.
STEEP = 0.25
"""Share of the score that falls off over the last third of the budget, from which its fall is steep."""


@dataclass(frozen=True)
class BudgetLength:
    """What speaks for too short a budget."""

    best: Untrained
    """Of the best complete configurations."""
    fall: Estimate
    """Relative change of the score over the last third of the budget, the median over all complete
    configurations; NaN where convergence.stability has none.
    """

    @property
    def falls_steeply(self) -> bool:
        """Whether most complete configurations lose STEEP or more, and not by chance."""
        # Of all complete configurations, and not of the best: those were chosen for a low score at
        # the end, which looks like a fall.
        return self.fall.value <= -STEEP and self.fall.high < 0

    @property
    def too_short(self) -> bool:
        """Whether either holds."""
        return self.best.is_many or self.falls_steeply


def budget_length(study: Study) -> BudgetLength:
    """Return what the search's complete configurations tell about the length of the budget."""
    study = distinct_configurations(study)
    trials = ranked(study)
    complete = trials[(trials["state"] == TrialState.COMPLETE) & trials["objective"].notna()]
    verdicts = [verdict.value for verdict in Verdict if verdict.value in complete]
    # By score alone: constraints are on failures, which is another question.
    order = (study.objective.sign * complete["objective"]).sort_values(kind="stable").index
    counts = complete.loc[order, verdicts].astype(int)
    best = untrained_seeds(
        dict(zip(verdicts, row, strict=True)) for row in counts.itertuples(index=False)
    )
    changes = stability(study)["change"]
    return BudgetLength(best, median(changes) if len(changes) else Estimate(NAN))

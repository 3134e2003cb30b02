"""Which trials are stopped early: Ray Tune's schedulers, on the budget's own axis.

`training_iteration` would judge trials of different k at different cost, so the axis is the unit
that the budget is stated in, and the last rung lies at the budget itself.
"""

from __future__ import annotations

from types import SimpleNamespace

from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.records import Stage

PROGRESS, SCORE = "progress", "score"
"""Keys of a Tune result: the amount spent on the budget's axis, and a finite number, larger is
better.
"""
WORST = -1e300
"""Score of an evaluation without a median. It goes to the scheduler alone, which cannot compare
NaN.
"""


def score(objective: float | None, maximize: bool) -> float:
    """Return the objective as the scheduler compares it."""
    if objective is None:
        return WORST
    return objective if maximize else -objective


def replay(
    scheduler: TrialScheduler, trial_id: str, values: dict[int, float], maximize: bool
) -> None:
    """Fill the rungs with what a trial reached before an interruption; later ones are ranked in them.

    values: objective by progress.
    """
    # Tune forgets its schedulers' state and has no call to restore it; the brackets are private.
    if isinstance(scheduler, AsyncHyperBandScheduler):
        # In the order of training: a rung keeps the first result that reaches it.
        for progress, objective in sorted(values.items()):
            for bracket in scheduler._brackets:
                bracket.on_result(
                    SimpleNamespace(trial_id=trial_id), progress, score(objective, maximize)
                )


def scheduler(spec: StudySpec, stage: Stage = Stage.SEARCH) -> TrialScheduler:
    """Return the scheduler of [schedule], which acts in the search alone.

    Designed trials are compared where all of them have come, and confirmed ones at the end.
    """
    if spec.schedule.name == "fifo" or stage is not Stage.SEARCH:
        return FIFOScheduler()
    return AsyncHyperBandScheduler(
        time_attr=PROGRESS,
        metric=SCORE,
        mode="max",
        max_t=spec.train.budget.amount,
        grace_period=spec.grace,
        reduction_factor=spec.schedule.reduction_factor,
        # A trial at the end of its budget finishes by itself; stopped by the scheduler it would
        # look pruned.
        stop_last_trials=False,
    )

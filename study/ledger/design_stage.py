"""The design in the ledger: its trials up to where all are compared, and the promoted ones from there.

They are trials of the search's own Optuna study, numbered first, so that its sampler learns from
them. A trial that has reached the comparison waits there: it is RUNNING, and its outcome is kept.
When all of them wait or are over, the promotion is decided once and stored; the others end as
PRUNED, and the promoted ones go on as interrupted trials do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import optuna
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.ledger.confirm_selection import Candidate, rank
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.search_stage import POINT, SearchStage
from ganstudy.study.ledger.stage import NO_RUN_IDS, STATES, StageTrials
from ganstudy.study.ledger.trial_row import StagePlace, TrialRow
from ganstudy.study.spec.design_plan import DesignedTrial, plan
from ganstudy.study.spec.keys import Params
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.records import TrialState as State

WAITS = "waits"
"""Attribute of a trial: its outcome where all are compared."""
PROMOTED = "promoted"
"""Attribute of the Optuna study: numbers of the trials that go on, the best first."""


class DesignStage(StageTrials):
    """Designed trials, up to where all of them are compared."""

    stage = Stage.DESIGN
    first = 0

    def __init__(self, search: SearchStage) -> None:
        super().__init__(search._study, search.spec)
        self._search = search
        self._plan = plan(search.spec)

    @property
    def until(self) -> int | None:
        """The evaluation at which all trials are compared; None where that is the last one."""
        design, evaluations = self.spec.design, self.spec.train.evaluations
        assert design is not None
        evaluation = design.evaluation(evaluations)
        return evaluation if evaluation < evaluations else None

    @property
    def planned(self) -> int:
        """The number of trials of the design."""
        return len(self._plan)

    def propose(self) -> tuple[int, Params]:
        """Begin the next trial of the plan; return its (number, params)."""
        designed = self._unproposed()[0]
        number = len(self._search.all_trials())
        distributions = self.spec.space.distributions(designed.params)
        # In one transaction: asked by Optuna, a trial is stored before its values are.
        self._study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params={key: designed.params[key] for key in distributions},
                distributions=distributions,
                user_attrs={POINT: designed.point},
            )
        )
        return number, designed.params

    def remaining(self) -> int:
        """Return the number of trials of the plan still to be proposed."""
        return len(self._unproposed())

    def interrupted(self) -> list[tuple[int, Params]]:
        """Return (number, params) of the trials that an earlier run left on their way, in order."""
        return [(t.number, self._params(t)) for t in self._running() if WAITS not in t.user_attrs]

    def to_train(self) -> int:
        """Return the number of trials that have not come to where all are compared."""
        return self.remaining() + len(self.interrupted())

    def waits(self, outcome: Outcome | None, error: str | None) -> bool:
        """Return whether a trial that ended its training so is to wait for the others."""
        return error is None and outcome is not None and not outcome.finished

    def record_wait(self, number: int, outcome: Outcome) -> None:
        """Record that a trial waits for the others."""
        self._storage.set_trial_user_attr(self._id(number), WAITS, vars(outcome))

    def waiting(self) -> list[tuple[int, Outcome]]:
        """Return (number, outcome) of the trials that wait, in order."""
        return [
            (trial.number, Outcome(**trial.user_attrs[WAITS]))
            for trial in self._running()
            if WAITS in trial.user_attrs
        ]

    def promoted(self) -> list[int] | None:
        """Return the numbers of the trials that go on, the best first; None before that is known."""
        numbers: list[int] | None = self._study.user_attrs.get(PROMOTED)
        return numbers

    def promote(self) -> list[int]:
        """Decide which trials go on, once; return their numbers, the best first."""
        known = self.promoted()
        if known is not None:
            return known
        assert self.spec.design is not None and not self.to_train()
        params = {trial.number: self._params(trial) for trial in self._trials()}
        # Complete as far as this stage goes, and so ranked by constraints and objective.
        candidates = [
            Candidate(number, params[number], State.COMPLETE, outcome)
            for number, outcome in self.waiting()
        ]
        ranked = sorted(candidates, key=lambda candidate: rank(candidate, self.spec))
        numbers = [candidate.number for candidate in ranked[: self.spec.design.promote]]
        self._study.set_user_attr(PROMOTED, numbers)
        return numbers

    def stopped(self) -> list[tuple[int, Outcome]]:
        """Return (number, outcome) of the trials that wait in vain: others were promoted."""
        promoted = self.promoted()
        return [] if promoted is None else [w for w in self.waiting() if w[0] not in promoted]

    def config(self, params: Params) -> TrialConfig:
        """Return the configuration of a trial with `params`, on the study's own seeds."""
        return self._search.config(params)

    def place(self, number: int) -> StagePlace:
        """Return stage and point."""
        return self._search.place(number)

    def rows(self, run_ids: Mapping[int, str] = NO_RUN_IDS) -> list[TrialRow]:
        """Return one row per trial, in order; run_ids: MLflow runs by number."""
        return self._search.rows_of(self._trials(), run_ids)

    def _unproposed(self) -> list[DesignedTrial]:
        # By their place in the plan: only the driver adds trials, and in this order.
        return self._plan[len(self._trials()) :]

    def _running(self) -> Iterator[FrozenTrial]:
        return (t for t in self._trials() if STATES[t.state] is State.RUNNING)

    def _trials(self) -> list[FrozenTrial]:
        return [trial for trial in super()._trials() if POINT in trial.user_attrs]

    def _params(self, trial: FrozenTrial) -> Params:
        return self.spec.space.with_fixed(trial.params)


class PromotedStage(DesignStage):
    """The promoted trials, from where all were compared to the end of the budget."""

    @property
    def until(self) -> int | None:
        """None: they train to the end."""
        return None

    def remaining(self) -> int:
        """Return 0: promoted trials have begun already."""
        return 0

    def interrupted(self) -> list[tuple[int, Params]]:
        """Return (number, params) of the promoted trials that are not over, in order."""
        promoted = self.promoted() or []
        return [(t.number, self._params(t)) for t in self._running() if t.number in promoted]

    def waits(self, outcome: Outcome | None, error: str | None) -> bool:
        """Return False: nothing is left to wait for."""
        return False

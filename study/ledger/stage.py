"""The trials of one stage of a study, as the ledger keeps them: one Optuna study each, in the same
storage.

The search (study/ledger/ledger.py) and the confirm stage (study/ledger/confirm_stage.py) differ in
where their configurations come from; what is recorded of a trial, and how it ends, is the same.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.ledger.confirm_selection import Candidate
from ganstudy.study.ledger.outcome import Outcome, state_at_end
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.records import TrialState as State

if TYPE_CHECKING:
    pass


OUTCOME, ERROR = "outcome", "error"
STATES = {
    TrialState.RUNNING: State.RUNNING,
    TrialState.WAITING: State.RUNNING,
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}


class StageTrials(ABC):
    """Proposes trials and is told of them; a single driver does both."""

    stage: ClassVar[Stage]
    first: ClassVar[int]
    """Number of the stage's first trial; numbers are unique over the stages of a study."""

    def __init__(self, study: optuna.Study, spec: StudySpec) -> None:
        self.spec = spec
        self._study = study
        self._storage = study._storage

    @abstractmethod
    def propose(self) -> tuple[int, dict[str, Any]]:
        """(number, params) of a new trial, which is running from now on."""

    @abstractmethod
    def remaining(self) -> int:
        """Trials still to be proposed."""

    @abstractmethod
    def interrupted(self) -> list[tuple[int, dict[str, Any]]]:
        """(number, params) of the trials that an earlier run left unfinished, in order."""

    @abstractmethod
    def config(self, params: dict[str, Any]) -> TrialConfig:
        """What a trial with `params` trains."""

    @abstractmethod
    def labels(self, number: int) -> dict[str, Any]:
        """What MLflow is told of a trial's place in the study: stage, and for a confirm trial role
        and confirms.
        """

    @abstractmethod
    def _params(self, trial: FrozenTrial) -> dict[str, Any]:
        """As `propose` returned them."""

    def intermediate_values(self, number: int) -> dict[int, float]:
        """What `record_evaluation` kept of a trial."""
        return dict(self._storage.get_trial(self._id(number)).intermediate_values)

    def ended(self) -> Iterator[tuple[int, State, Outcome | None]]:
        """(number, state, outcome) of the trials that are over, in order."""
        for trial in self._trials():
            if STATES[trial.state] is not State.RUNNING:
                yield self.first + trial.number, STATES[trial.state], outcome_of(trial)

    def record_evaluation(self, number: int, objective: float | None, progress: float) -> None:
        """An intermediate value on the budget's axis; a missing one is not recorded, since NaN has
        no rank.
        """
        if objective is not None:
            self._storage.set_trial_intermediate_value(
                self._id(number), math.ceil(progress), objective
            )

    def record_end(self, number: int, outcome: Outcome | None, error: str | None) -> State:
        """Keeps how a trial ended, and returns the state of `state_at_end`. Never leaves it
        running.
        """
        trial_id = self._id(number)
        if outcome is not None:
            for verdict, allowed in self.spec.objective.require.items():
                excess = float(outcome.verdicts.get(verdict, 0) - allowed)
                self._storage.set_trial_system_attr(trial_id, f"constraints:{verdict}", excess)
            self._storage.set_trial_user_attr(trial_id, OUTCOME, vars(outcome))
        state = state_at_end(outcome, error)
        if state is State.FAILED:
            self._storage.set_trial_user_attr(
                trial_id, ERROR, error or "ended without an evaluation"
            )
            self._study.tell(number - self.first, state=TrialState.FAIL)
        elif state is State.PRUNED:
            self._study.tell(number - self.first, state=TrialState.PRUNED)
        else:
            assert outcome is not None
            worst = -math.inf if self.spec.objective.maximize else math.inf
            self._study.tell(
                number - self.first, worst if outcome.objective is None else outcome.objective
            )
        return state

    def left(self) -> int:
        """Trials of this stage that are not over yet: in training or interrupted, and still to be
        proposed.
        """
        return self.remaining() + self.counts()[State.RUNNING.value]

    def counts(self) -> dict[str, int]:
        """Trials per state, every state named."""
        counts = dict.fromkeys((state.value for state in State), 0)
        for trial in self._trials():
            counts[STATES[trial.state].value] += 1
        return counts

    def verdicts(self) -> dict[str, int]:
        """Seeds per verdict over all trials that ended with an evaluation."""
        counts: dict[str, int] = {}
        for trial in self._trials():
            for verdict, seeds in trial.user_attrs.get(OUTCOME, {}).get("verdicts", {}).items():
                counts[verdict] = counts.get(verdict, 0) + seeds
        return counts

    def rows(self, run_ids: dict[int, str]) -> list[dict[str, Any]]:
        """One plain-JSON row per trial: number, state, params, objective, feasible, verdicts, run
        id, error.
        """
        return [
            {
                "number": self.first + t.number,
                "state": STATES[t.state].value,
                "params": self._params(t),
                "objective": t.user_attrs.get(OUTCOME, {}).get("objective"),
                "feasible": self._feasible(t),
                "verdicts": t.user_attrs.get(OUTCOME, {}).get("verdicts", {}),
                "run_id": run_ids.get(self.first + t.number),
                "error": t.user_attrs.get(ERROR),
            }
            for t in self._trials()
        ]

    def seconds_per_update(self) -> float | None:
        """Measured training time of one step of either player for the whole pack, over all trials;
        None before.
        """
        counters = [
            t.user_attrs[OUTCOME]["counters"] for t in self._trials() if OUTCOME in t.user_attrs
        ]
        updates = sum(c["updates"] for c in counters)
        return sum(c["seconds"] for c in counters) / updates if updates else None

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _feasible(self, trial: FrozenTrial) -> bool:
        outcome = outcome_of(trial)
        return outcome is not None and outcome.feasible(self.spec.objective.require)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(
            self._study._study_id, number - self.first
        )


def outcome_of(trial: FrozenTrial) -> Outcome | None:
    """What `record_end` kept of the trial's last evaluation."""
    kept = trial.user_attrs.get(OUTCOME)
    return None if kept is None else Outcome(**kept)


def candidate_of(trial: FrozenTrial, params: dict[str, Any]) -> Candidate | None:
    """A trial of the search as a candidate, if it is over and was evaluated."""
    state, outcome = STATES[trial.state], outcome_of(trial)
    if outcome is None or state not in (State.COMPLETE, State.PRUNED):
        return None
    return Candidate(trial.number, params, state, outcome)

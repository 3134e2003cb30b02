"""The trials of one stage of a study, as the ledger keeps them.

Stages are Optuna studies, all in the same storage. The design
(study/ledger/design_stage.py), the search (study/ledger/search_stage.py), which share one, and the
confirm stage (study/ledger/confirm_stage.py) differ in where their configurations come from; what
is recorded of a trial, and how it ends, is the same.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.ledger.outcome import Outcome, state_at_end
from ganstudy.study.ledger.trial_row import StagePlace, TrialRow
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.records import TrialState as State

OUTCOME, ERROR = "outcome", "error"
"""Attributes of a trial."""
STATES = {
    TrialState.RUNNING: State.RUNNING,
    # Of trials in a queue, which nothing here makes: they would be drawn next.
    TrialState.WAITING: State.RUNNING,
    TrialState.COMPLETE: State.COMPLETE,
    TrialState.PRUNED: State.PRUNED,
    TrialState.FAIL: State.FAILED,
}
NO_RUN_IDS: Mapping[int, str] = {}


class StageTrials(ABC):
    """Trials of one stage: proposes them and records how they go. Only the driver does either."""

    stage: ClassVar[Stage]
    first: ClassVar[int]
    """Number of the stage's first trial; numbers are unique over the stages of a study."""

    def __init__(self, study: optuna.Study, spec: StudySpec) -> None:
        self.spec = spec
        self._study = study
        self._storage = study._storage

    @abstractmethod
    def propose(self) -> tuple[int, Params]:
        """Begin a new trial; return its (number, params)."""

    @abstractmethod
    def remaining(self) -> int:
        """Return the number of trials still to be proposed."""

    @abstractmethod
    def interrupted(self) -> list[tuple[int, Params]]:
        """Return (number, params) of the trials that an earlier run left unfinished, in order."""

    @abstractmethod
    def config(self, params: Params) -> TrialConfig:
        """Return the configuration of a trial with `params`."""

    @abstractmethod
    def place(self, number: int) -> StagePlace:
        """Return where a trial stands in the study."""

    @abstractmethod
    def rows(self, run_ids: Mapping[int, str] = NO_RUN_IDS) -> Sequence[TrialRow]:
        """Return one row per trial, in order; run_ids: MLflow runs by number."""

    @abstractmethod
    def _params(self, trial: FrozenTrial) -> Params:
        """Return the parameters of a trial as `propose` returned them."""

    def params(self, number: int) -> Params:
        """Return the parameters of a trial."""
        return self._params(self._storage.get_trial(self._id(number)))

    def intermediate_values(self, number: int) -> dict[int, float]:
        """Return a trial's objectives by progress, from `record_evaluation`."""
        return dict(self._storage.get_trial(self._id(number)).intermediate_values)

    def ended(self) -> Iterator[tuple[int, State, Outcome | None]]:
        """Iterate over (number, state, outcome) of the trials that are over, in order."""
        for trial in self._trials():
            if STATES[trial.state] is not State.RUNNING:
                yield self.first + trial.number, STATES[trial.state], outcome_of(trial)

    def end_times(self) -> Iterator[datetime]:
        """Iterate over when each trial that is over ended."""
        for trial in self._trials():
            if trial.state.is_finished() and trial.datetime_complete is not None:
                yield trial.datetime_complete

    def record_evaluation(self, number: int, objective: float | None, progress: float) -> None:
        """Record an intermediate value on the budget's axis."""
        # A missing one is left out: NaN has no rank among the values of other trials.
        if objective is not None:
            # Optuna's steps are whole numbers; a budget may be in seconds.
            self._storage.set_trial_intermediate_value(
                self._id(number), math.ceil(progress), objective
            )

    def record_end(self, number: int, outcome: Outcome | None, error: str | None) -> State:
        """Record how a trial ended, and return the state of `state_at_end`."""
        # Attributes first: tell() closes the trial, and Optuna refuses to change a closed one.
        trial_id = self._id(number)
        if outcome is not None:
            for verdict, allowed in self.spec.objective.require.items():
                excess = float(outcome.verdicts.get(verdict, 0) - allowed)
                # Where Optuna's samplers look for constraints; above 0 is a violation.
                self._storage.set_trial_system_attr(trial_id, f"constraints:{verdict}", excess)
            self._storage.set_trial_user_attr(trial_id, OUTCOME, vars(outcome))
        state = state_at_end(outcome, error)
        # Optuna numbers the trials of each of its studies from 0.
        own_number = number - self.first
        if state is State.FAILED:
            self._storage.set_trial_user_attr(
                trial_id, ERROR, error or "ended without an evaluation"
            )
            self._study.tell(own_number, state=TrialState.FAIL)
        elif state is State.PRUNED:
            self._study.tell(own_number, state=TrialState.PRUNED)
        else:
            assert outcome is not None
            # A complete trial needs a value in Optuna, and NaN would turn it into a failed one.
            worst = -math.inf if self.spec.objective.maximize else math.inf
            self._study.tell(own_number, worst if outcome.objective is None else outcome.objective)
        return state

    @property
    def until(self) -> int | None:
        """The evaluation at which trials wait for one another; None where they train to the end."""
        return None

    def waits(self, outcome: Outcome | None, error: str | None) -> bool:
        """Return whether a trial that ended its training so is to wait for the others."""
        return False

    def record_wait(self, number: int, outcome: Outcome) -> None:
        """Record that a trial waits for the others."""
        raise NotImplementedError

    def to_train(self) -> int:
        """Return the number of trials that this stage has still to train."""
        return self.left()

    def left(self) -> int:
        """Return the number of trials that are not over: running, or still to be proposed."""
        return self.remaining() + self.counts()[State.RUNNING.value]

    def counts(self) -> dict[str, int]:
        """Return the number of trials per state, for every state."""
        counts = dict.fromkeys((state.value for state in State), 0)
        for trial in self._trials():
            counts[STATES[trial.state].value] += 1
        return counts

    def verdicts(self) -> dict[str, int]:
        """Return the number of seeds per verdict over all trials that ended with an evaluation."""
        counts: dict[str, int] = {}
        for trial in self._trials():
            for verdict, seeds in trial.user_attrs.get(OUTCOME, {}).get("verdicts", {}).items():
                counts[verdict] = counts.get(verdict, 0) + seeds
        return counts

    def seconds_per_update(self) -> float | None:
        """Return the mean training time of one step of either player, for all seeds together.

        None before any step was timed.
        """
        counters = [
            t.user_attrs[OUTCOME]["counters"] for t in self._trials() if OUTCOME in t.user_attrs
        ]
        updates = sum(c["updates"] for c in counters)
        return sum(c["seconds"] for c in counters) / updates if updates else None

    def seconds_per_evaluation(self, distance: float) -> float:
        """Return the mean time of an evaluation of all seeds.

        Evaluations are `distance` of the budget apart. It is 0 before any was made.
        """
        outcomes = [t.user_attrs[OUTCOME] for t in self._trials() if OUTCOME in t.user_attrs]
        evaluations = sum(outcome["progress"] / distance for outcome in outcomes)
        spent = sum(o["counters"].get("evaluation_seconds", 0.0) for o in outcomes)
        return spent / evaluations if evaluations else 0.0

    def _trials(self) -> list[FrozenTrial]:
        # They are only read here, and Optuna's deep copies grow with the study.
        return self._study.get_trials(deepcopy=False)

    def _row(self, trial: FrozenTrial, run_ids: Mapping[int, str]) -> TrialRow:
        outcome = outcome_of(trial)
        allowed = self.spec.objective.require
        number = self.first + trial.number
        return TrialRow(
            number=number,
            state=STATES[trial.state].value,
            params=self._params(trial),
            objective=None if outcome is None else outcome.objective,
            feasible=outcome is not None and outcome.feasible(allowed),
            verdicts={} if outcome is None else outcome.verdicts,
            run_id=run_ids.get(number),
            error=trial.user_attrs.get(ERROR),
        )

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(
            self._study._study_id, number - self.first
        )


def outcome_of(trial: FrozenTrial) -> Outcome | None:
    """Return the outcome that `record_end` kept with a trial."""
    kept = trial.user_attrs.get(OUTCOME)
    return None if kept is None else Outcome(**kept)

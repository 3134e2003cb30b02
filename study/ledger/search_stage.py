"""The search in the ledger: trials drawn by a sampler from the search space, behind those of a design.

Designed trials (study/ledger/design_stage.py) are in the same Optuna study and count as trials of
the search wherever both are of one kind: the best, the candidates of the confirm stage, what there
is to report.

Every trial is drawn by a sampler seeded with the study's seed and the trial's number, so an
interrupted study goes on with the draws that it would have made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property

import optuna
from optuna.trial import FrozenTrial

from ganstudy.study.ledger.confirm_selection import Candidate
from ganstudy.study.ledger.samplers import sampler_of
from ganstudy.study.ledger.stage import NO_RUN_IDS, STATES, StageTrials, outcome_of
from ganstudy.study.ledger.trial_row import DesignRow, StagePlace, TrialRow
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.keys import Params
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.records import TrialState as State

POINT = "point"
"""Attribute of a designed trial."""


class SearchStage(StageTrials):
    """Trials on the study's own seeds: those of the design, then those that the search draws."""

    stage = Stage.SEARCH
    first = 0

    @cached_property
    def planned(self) -> int:
        """The number of trials that the study file asks for, of the design and of the search."""
        return planned_trials(self.spec) + self.spec.search.trials

    def propose(self) -> tuple[int, Params]:
        """Draw a new trial; return its (number, params)."""
        self._study.sampler = sampler_of(self.spec, len(self._trials()))
        trial = self._study.ask()
        return trial.number, self.spec.space.suggest(trial)

    def remaining(self) -> int:
        """Return the number of trials to propose to reach what the study file asks for."""
        return max(0, self.planned - len(self._trials()))

    def interrupted(self) -> list[tuple[int, Params]]:
        """Return (number, params) of the trials that an earlier run left unfinished, in order."""
        # Designed ones are over, or go on by their own stage.
        running = [
            t
            for t in self._trials()
            if STATES[t.state] is State.RUNNING and POINT not in t.user_attrs
        ]
        return [(trial.number, self._drawn_to_the_end(trial)) for trial in running]

    def config(self, params: Params) -> TrialConfig:
        """Return the configuration of a trial with `params`, on the study's own seeds."""
        return self.spec.space.trial_config(params)

    def place(self, number: int) -> StagePlace:
        """Return the stage, and the point of a designed trial."""
        if self.spec.design is None:
            return StagePlace(self.stage)
        # This trial alone, as all of them take longer with every trial that runs.
        point = self._storage.get_trial(self._id(number)).user_attrs.get(POINT)
        return StagePlace(self.stage if point is None else Stage.DESIGN, point=point)

    def rows(self, run_ids: Mapping[int, str] = NO_RUN_IDS) -> list[TrialRow]:
        """Return one row per trial, in order; run_ids: MLflow runs by number."""
        return self.rows_of(self._trials(), run_ids)

    def all_trials(self) -> list[FrozenTrial]:
        """Return the trials as Optuna has them."""
        return self._trials()

    def rows_of(self, trials: list[FrozenTrial], run_ids: Mapping[int, str]) -> list[TrialRow]:
        """Return one row per trial of `trials`."""
        rows: list[TrialRow] = []
        for trial in trials:
            row, point = self._row(trial, run_ids), trial.user_attrs.get(POINT)
            designed = None if point is None else {"stage": Stage.DESIGN.value, "point": point}
            rows.append(row if designed is None else DesignRow(**vars(row), **designed))
        return rows

    def best(self) -> TrialRow | None:
        """Return the feasible complete trial with the best objective."""
        sign = -1 if self.spec.objective.maximize else 1
        ranked = [
            (sign * row.objective, row.number, row)
            for row in self.rows()
            if row.state == State.COMPLETE
            and row.feasible
            and row.objective is not None
            and math.isfinite(row.objective)
        ]
        # Numbers differ, so that min never comes to compare two rows.
        return min(ranked)[-1] if ranked else None

    def candidates(self) -> Iterator[Candidate]:
        """Iterate over the trials that the confirm stage may select."""
        for trial in self._trials():
            candidate = candidate_of(trial, self._params(trial))
            if candidate is not None:
                yield candidate

    def _params(self, trial: FrozenTrial) -> Params:
        return self.spec.space.with_fixed(trial.params)

    def _drawn_to_the_end(self, trial: FrozenTrial) -> Params:
        """Return a trial's parameters, and draw those that it was killed before drawing."""
        self._study.sampler = sampler_of(self.spec, trial.number)
        # A key that was drawn already keeps its value: Optuna looks it up before it samples.
        return self.spec.space.suggest(optuna.Trial(self._study, trial._trial_id))


def candidate_of(trial: FrozenTrial, params: Params) -> Candidate | None:
    """Return a trial of the search as a candidate, if it is over and was evaluated."""
    state, outcome = STATES[trial.state], outcome_of(trial)
    if outcome is None or state not in (State.COMPLETE, State.PRUNED):
        return None
    return Candidate(trial.number, params, state, outcome)

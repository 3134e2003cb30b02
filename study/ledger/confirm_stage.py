"""The confirm stage in the ledger: the best configurations of the search once more, on fresh seeds.

An Optuna study of its own in the ledger's file, so that its trials neither teach the search's
sampler nor count as trials of the search. What is to be confirmed follows from the search's results
alone (study/ledger/confirm_selection.py) and is not kept; a trial is kept from the moment on that
it is proposed, with its configuration, in one transaction.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.ledger.confirm_selection import EARLIER, Choice, choose, fresh
from ganstudy.study.ledger.stage import STATES, StageTrials
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import FIRST_CONFIRM, Stage
from ganstudy.trials.results.records import TrialState as State

if TYPE_CHECKING:
    from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.storage import name_of

PARAMS, DIGEST, CONFIRMS = "params", "config_digest", "confirms"
"""Attributes of a trial."""


class ConfirmStage(StageTrials):
    """Proposes what the search's results ask to confirm, each configuration once."""

    stage = Stage.CONFIRM
    first = FIRST_CONFIRM

    def __init__(self, search: Ledger) -> None:
        storage = search._storage
        self._name = name_of(search.spec.name)
        self._search = search
        self.begun = any(study.study_name == self._name for study in storage.get_all_studies())
        # Before it has begun, an empty one that is kept nowhere stands in its place: looking
        # changes nothing.
        sampler = optuna.samplers.RandomSampler()  # is never asked
        if self.begun:
            study = optuna.load_study(study_name=self._name, storage=storage, sampler=sampler)
        else:
            study = optuna.create_study(study_name=self._name, sampler=sampler)
        super().__init__(study, search.spec)

    @cached_property
    def choices(self) -> list[Choice]:
        """What is to be confirmed; empty while the search is not over."""
        return [] if self._search.left() else choose(self.spec, self._search.candidates())

    def propose(self) -> tuple[int, dict[str, Any]]:
        """(number, params) of the next configuration; the stage begins with the first."""
        choice = self._unproposed()[0]
        if not self.begun:
            self._study = optuna.create_study(
                study_name=self._name,
                storage=self._search._storage,
                direction=self.spec.objective.direction,
                sampler=self._study.sampler,
                load_if_exists=True,
            )
            self._storage, self.begun = self._study._storage, True
        kept = {PARAMS: choice.params, DIGEST: choice.config.digest, CONFIRMS: choice.confirms}
        number = len(self._trials())
        self._study.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=kept))
        return self.first + number, choice.params

    def remaining(self) -> int:
        """Configurations still to be proposed; 0 while the search is not over."""
        return len(self._unproposed())

    def interrupted(self) -> list[tuple[int, dict[str, Any]]]:
        """(number, params) of the trials that an earlier run left unfinished, in order."""
        running = [t for t in self._trials() if STATES[t.state] is State.RUNNING]
        return [(self.first + t.number, self._params(t)) for t in running]

    def config(self, params: dict[str, Any]) -> TrialConfig:
        """The search's configuration on the fresh seeds."""
        return fresh(self.spec, params)

    def labels(self, number: int) -> dict[str, Any]:
        """Stage, role and confirms. The role follows from the search as it stands now."""
        trial = self._trials()[number - self.first]
        role = {c.config.digest: c.role for c in self.choices}.get(
            trial.user_attrs[DIGEST], EARLIER
        )
        return {"stage": self.stage.value, "role": role, "confirms": trial.user_attrs[CONFIRMS]}

    def rows(self, run_ids: dict[int, str]) -> list[dict[str, Any]]:
        """As of every stage, with role and confirms."""
        return [{**row, **self.labels(row["number"])} for row in super().rows(run_ids)]

    def planned(self) -> int:
        """Trials that there are or will be; known once the search is over."""
        return len(self._trials()) + self.remaining()

    def _unproposed(self) -> list[Choice]:
        known = {trial.user_attrs[DIGEST] for trial in self._trials()}
        return [choice for choice in self.choices if choice.config.digest not in known]

    def _params(self, trial: FrozenTrial) -> dict[str, Any]:
        return dict(trial.user_attrs[PARAMS])

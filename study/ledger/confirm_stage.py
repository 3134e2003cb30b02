"""The confirm stage in the ledger: the best configurations of the search once more, on fresh seeds.

An Optuna study of its own in the ledger's file, so that its trials neither teach the search's
sampler nor count as trials of the search. Which configurations are confirmed follows from the
search's results alone (study/ledger/confirm_selection.py) and is not stored; a trial is stored when
it is proposed, with its configuration, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.ledger.confirm_selection import (
    SelectedConfiguration,
    no_twins,
    on_fresh_seeds,
    select,
)
from ganstudy.study.ledger.search_stage import SearchStage
from ganstudy.study.ledger.stage import NO_RUN_IDS, STATES, StageTrials
from ganstudy.study.ledger.storage import confirm_study_name
from ganstudy.study.ledger.trial_row import ConfirmRow, StagePlace
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import FIRST_CONFIRM, Stage
from ganstudy.trials.results.records import TrialState as State
from ganstudy.trials.results.roles import EARLIER

# As attributes, since Optuna's own params need a distribution each, and nothing is drawn here.
PARAMS, DIGEST, CONFIRMS, SEEDS = "params", "config_digest", "confirms", "seeds"
"""Attributes of a trial."""
FORMER_DEFAULTS: dict[str, object] = {"seeds": tuple(range(100, 106)), "twins": 0}
"""Of [confirm], in the versions that stored no seeds with a trial."""


def as_begun(spec: StudySpec, storage: optuna.storages.BaseStorage) -> StudySpec:
    """Return the spec with what [confirm] leaves to defaults as it was when its stage began.

    Comparisons are paired by seed, so that other seeds would train everything anew; and a study
    that was over must not ask for more because of another version's defaults.
    """
    unstated = [key for key in FORMER_DEFAULTS if not spec.states("confirm", key)]
    if spec.confirm is None or not unstated:
        return spec
    name = confirm_study_name(spec.name)
    if all(study.study_name != name for study in storage.get_all_studies()):
        return spec
    trials = optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    if not trials:
        return spec
    stored = trials[0].user_attrs.get(SEEDS)
    begun = FORMER_DEFAULTS if stored is None else {"seeds": tuple(stored)}
    update = {key: begun[key] for key in unstated if key in begun}
    confirm = spec.confirm.model_copy(update=update)
    return spec.model_copy(update={"confirm": confirm})


class ConfirmStage(StageTrials):
    """Trials that confirm what the search found, each configuration once."""

    stage = Stage.CONFIRM
    first = FIRST_CONFIRM

    def __init__(self, search: SearchStage) -> None:
        storage = search._storage
        self._name = confirm_study_name(search.spec.name)
        self._search = search
        self._selected: list[SelectedConfiguration] | None = None
        self.begun = any(study.study_name == self._name for study in storage.get_all_studies())
        sampler = optuna.samplers.RandomSampler()  # never asked: the selection decides
        if self.begun:
            study = optuna.load_study(study_name=self._name, storage=storage, sampler=sampler)
        else:
            # An empty one in memory stands for it until the first trial, so that looking at a
            # stage that has not begun writes nothing.
            study = optuna.create_study(study_name=self._name, sampler=sampler)
        super().__init__(study, search.spec)

    @property
    def selected(self) -> list[SelectedConfiguration]:
        """The configurations to confirm; empty while the search is not over."""
        if self._selected is None:
            if self._search.left():
                return []
            self._selected = select(self.spec, self._search.candidates())
        return self._selected

    def without_twin(self) -> list[int]:
        """Return the search's trials whose remedies cannot be switched off.

        They are among those that would be trained without.
        """
        asked = self.spec.confirm is not None and self.spec.confirm.twins
        return no_twins(self.spec, self.selected) if asked else []

    def propose(self) -> tuple[int, Params]:
        """Begin the trial of the next configuration; return its (number, params)."""
        selected = self._unproposed()[0]
        if not self.begun:
            self._study = optuna.create_study(
                study_name=self._name,
                storage=self._search._storage,
                direction=self.spec.objective.direction,
                sampler=self._study.sampler,
                # An earlier run may have died between this line and its first trial.
                load_if_exists=True,
            )
            self._storage = self._study._storage
            self.begun = True
        attributes = {
            PARAMS: selected.params,
            DIGEST: selected.config.digest,
            CONFIRMS: selected.confirms,
            SEEDS: list(selected.config.seeds),
        }
        # Optuna numbers trials in the order of their addition, and only the driver adds any.
        number = len(self._trials())
        # Not ask(), which would store the attributes one by one after the trial itself.
        self._study.add_trial(
            optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=attributes)
        )
        return self.first + number, selected.params

    def remaining(self) -> int:
        """Return the number of configurations still to be proposed; 0 while the search goes on."""
        return len(self._unproposed())

    def interrupted(self) -> list[tuple[int, Params]]:
        """Return (number, params) of the trials that an earlier run left unfinished, in order."""
        running = [t for t in self._trials() if STATES[t.state] is State.RUNNING]
        return [(self.first + t.number, self._params(t)) for t in running]

    def config(self, params: Params) -> TrialConfig:
        """Return the search's configuration with `params`, on the fresh seeds."""
        return on_fresh_seeds(self.spec, params)

    def place(self, number: int) -> StagePlace:
        """Return stage, role and confirms. The role follows from the search at present."""
        trial = self._trials()[number - self.first]
        return StagePlace(self.stage, self._role(trial), trial.user_attrs[CONFIRMS])

    def rows(self, run_ids: Mapping[int, str] = NO_RUN_IDS) -> list[ConfirmRow]:
        """Return one row per trial, in order; run_ids: MLflow runs by number."""
        return [
            ConfirmRow(
                **vars(self._row(trial, run_ids)),
                stage=self.stage.value,
                role=self._role(trial),
                confirms=trial.user_attrs[CONFIRMS],
            )
            for trial in self._trials()
        ]

    def planned(self) -> int:
        """Return the number of trials that there are or will be; known once the search is over."""
        return len(self._trials()) + self.remaining()

    def _role(self, trial: FrozenTrial) -> str:
        # By digest: the same configuration may have another number once the search has gone on.
        roles = {selected.config.digest: selected.role for selected in self.selected}
        return roles.get(trial.user_attrs[DIGEST], EARLIER)

    def _unproposed(self) -> list[SelectedConfiguration]:
        proposed = {trial.user_attrs[DIGEST] for trial in self._trials()}
        return [s for s in self.selected if s.config.digest not in proposed]

    def _params(self, trial: FrozenTrial) -> Params:
        return dict(trial.user_attrs[PARAMS])

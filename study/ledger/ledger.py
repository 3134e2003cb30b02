"""The ledger: Optuna's storage as the one truth about which trials exist and what became of them.

    RUNNING    proposed; being trained, or interrupted and still to go on
    COMPLETE   spent its budget; the value is the objective, or infinity where no median exists
    PRUNED     stopped by the scheduler; never ranked as if it had spent its budget
    FAIL       ended by an error, which is kept with it

Collapse is a constraint, not a value: a configuration with more collapsed seeds than allowed is
infeasible, and the sampler is told so. Every trial is drawn by a sampler seeded with the study's
seed and the trial's number, so an interrupted study goes on with the draws that it would have made.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.errors import UserError
from ganstudy.study.home import IMPORT_FILE
from ganstudy.study.ledger.confirm_selection import Candidate
from ganstudy.study.ledger.confirm_stage import ConfirmStage
from ganstudy.study.ledger.samplers import sampler_of
from ganstudy.study.ledger.stage import STATES, StageTrials, candidate_of
from ganstudy.study.ledger.storage import holds_study, name_of, storage
from ganstudy.study.spec.reader import parse_document
from ganstudy.study.spec.study_spec import StudySpec, differences
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.records import TrialState as State

optuna.logging.set_verbosity(optuna.logging.ERROR)
ID = "ledger_id"
SPEC, DOCUMENT = "study_file", "study_document"
"""Attributes of the Optuna study: the file as written, and as read (StudySpec.document)."""
ORIGIN, CHANGES = "origin", "changes"
"""Attributes: what the numbers come from beside the file, and what of it was changed on the way
(study/driver/provenance.py).
"""


class Ledger(StageTrials):
    """One study's trials: itself those of the search. A single driver proposes and tells; the
    publisher adds MLflow's run ids."""

    stage = Stage.SEARCH
    first = 0

    def __init__(self, study: optuna.Study, spec: StudySpec) -> None:
        super().__init__(study, spec)
        self._space = spec.space

    @classmethod
    def create(cls, path: Path, spec: StudySpec, text: str) -> Ledger:
        """The ledger at `path`, made if absent.

        UserError as of `check_same`.
        """
        ledger = cls.check_same(path, spec)
        if ledger is not None:
            ledger.spec, ledger._space = spec, spec.space
            ledger._study.set_user_attr(SPEC, text)
            ledger._study.set_user_attr(DOCUMENT, spec.document)
            return ledger
        path.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            study_name=spec.name,
            storage=storage(path),
            direction=spec.objective.direction,
            load_if_exists=True,  # made, but killed before the study file was kept with it
        )
        study.set_user_attr(ID, uuid.uuid4().hex)
        study.set_user_attr(DOCUMENT, spec.document)
        study.set_user_attr(
            SPEC, text
        )  # last: its presence says that the ledger was made to the end
        return cls(study, spec)

    @classmethod
    def check_same(cls, path: Path, spec: StudySpec) -> Ledger | None:
        """The ledger at `path`, if there is one; UserError, with every difference, if its study has
        another file.
        """
        if path.with_name(IMPORT_FILE).exists():
            raise UserError(
                f"the name {spec.name!r} belongs to an imported study; give this one another name"
            )
        if not (path.exists() and holds_study(path, SPEC)):
            return None
        ledger = cls.open(path)
        earlier = ledger.spec
        differing = differences(earlier.identity(), spec.identity())
        if spec.search.trials < earlier.search.trials:
            differing.append(
                f"search.trials: {earlier.search.trials} -> {spec.search.trials} (it may be raised only)"
            )
        differing += ledger._confirm_differences(spec)
        if differing:
            lines = "\n  ".join(differing)
            raise UserError(
                f"the study {spec.name!r} exists already, with a different file:\n  {lines}\n"
                f"Give this one another name, or restore the file ({path.parent / 'study.toml'}) to go on."
            )
        return ledger

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """The existing ledger at `path`; UserError where it holds no study yet."""
        if not holds_study(path, SPEC):
            raise UserError(
                f"{path} holds no study: its first run was cut short; run its study file again"
            )
        file = storage(path)
        (search,) = (summary for summary in file.get_all_studies() if SPEC in summary.user_attrs)
        study = optuna.load_study(study_name=search.study_name, storage=file)
        return cls(
            study, parse_document(study.user_attrs[DOCUMENT], str(path.parent / "study.toml"))
        )

    @property
    def id(self) -> str:
        """Unlike that of any other ledger, also of one of the same name that was deleted before."""
        return str(self._study.user_attrs[ID])

    @property
    def text(self) -> str:
        """The study file as written."""
        return str(self._study.user_attrs[SPEC])

    @property
    def origin(self) -> dict[str, str]:
        """What `keep_origin` was told last."""
        return json.loads(self._study.user_attrs.get(ORIGIN, "{}"))  # type: ignore[no-any-return]

    @property
    def changes(self) -> list[str]:
        """Every change of the origin that the user accepted, with its time, in order."""
        return list(self._study.user_attrs.get(CHANGES, []))

    def keep_origin(self, origin: dict[str, str], changed: list[str]) -> None:
        """Remembers what the study's numbers come from, and what of it has changed since it began."""
        if changed:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            self._study.set_user_attr(
                CHANGES, [*self.changes, *(f"{now} {line}" for line in changed)]
            )
        self._study.set_user_attr(ORIGIN, json.dumps(origin))

    def _confirm_differences(self, spec: StudySpec) -> list[str]:
        """Once a configuration is confirmed, all are on the same seeds. What else stands in
        [confirm] may change.
        """
        if not any(
            study.study_name == name_of(self.spec.name) for study in self._storage.get_all_studies()
        ):
            return []
        before, after = (
            [] if s.confirm is None else list(s.confirm.seeds) for s in (self.spec, spec)
        )
        return (
            [f"confirm.seeds: {before} -> {after} (the confirm stage has begun)"]
            if before != after
            else []
        )

    def propose(self) -> tuple[int, dict[str, Any]]:
        """(number, params) of a new trial."""
        number = len(self._storage.get_all_trials(self._study._study_id, deepcopy=False))
        self._study.sampler = sampler_of(self.spec, number)
        trial = self._study.ask()
        return trial.number, self._space.suggest(trial)

    def interrupted(self) -> list[tuple[int, dict[str, Any]]]:
        """(number, params) of the trials that an earlier run left unfinished, in order."""
        return [
            (t.number, self._drawn(t)) for t in self._trials() if STATES[t.state] is State.RUNNING
        ]

    def remaining(self) -> int:
        """Trials still to be proposed to reach the number that the study file asks for."""
        return max(0, self.spec.search.trials - len(self._trials()))

    def best(self) -> FrozenTrial | None:
        """The complete trial with the best finite objective among those that satisfy every
        constraint.
        """
        candidates = [
            t
            for t in self._trials()
            if t.state == TrialState.COMPLETE
            and t.value is not None
            and math.isfinite(t.value)
            and self._feasible(t)
        ]
        sign = -1 if self.spec.objective.maximize else 1
        return min(candidates, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)

    def trials(self) -> list[dict[str, Any]]:
        """One plain-JSON row per trial of the search: number, state, params, objective, verdicts,
        run id, error.
        """
        return self.rows(self.run_ids())

    def candidates(self) -> Iterator[Candidate]:
        """The trials of the search that are over and were evaluated."""
        for trial in self._trials():
            candidate = candidate_of(trial, self._params(trial))
            if candidate is not None:
                yield candidate

    def confirmation(self) -> ConfirmStage | None:
        """The stage that follows the search; None where the study file asks for none."""
        return None if self.spec.confirm is None else ConfirmStage(self)

    def left_in_all(self) -> int:
        """Trials that the study lacks, those of its confirm stage included as far as they are
        known.
        """
        confirmation = self.confirmation()
        return self.left() + (0 if confirmation is None else confirmation.left())

    def config(self, params: dict[str, Any]) -> TrialConfig:
        """On the study's own seeds."""
        return self._space.trial_config(params)

    def labels(self, number: int) -> dict[str, Any]:
        """The stage alone."""
        return {"stage": self.stage.value}

    # MLflow's run ids live with the study, since Optuna closes a finished trial's attributes while
    # its results may still be on their way.
    def run_ids(self) -> dict[int, str]:
        """MLflow run id per trial number."""
        attributes = self._study.user_attrs
        return {
            int(k.removeprefix("run/")): v for k, v in attributes.items() if k.startswith("run/")
        }

    def set_run_id(self, number: int, run_id: str) -> None:
        """Remembers the run of a trial."""
        self._study.set_user_attr(f"run/{number}", run_id)

    @property
    def parent_run_id(self) -> str | None:
        """MLflow run of the study itself."""
        run_id: str | None = self._study.user_attrs.get("parent_run")
        return run_id

    @parent_run_id.setter
    def parent_run_id(self, run_id: str) -> None:
        self._study.set_user_attr("parent_run", run_id)

    def _params(self, trial: FrozenTrial) -> dict[str, Any]:
        """As `propose` returned them: what Optuna drew, and what the space fixes."""
        return self._space.with_fixed(trial.params)

    def _drawn(self, trial: FrozenTrial) -> dict[str, Any]:
        """As `propose` returned them; what it had not drawn yet when it was killed is drawn now."""
        self._study.sampler = sampler_of(self.spec, trial.number)
        return self._space.suggest(optuna.Trial(self._study, trial._trial_id))

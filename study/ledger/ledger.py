"""The ledger: Optuna's storage as the one truth about which trials exist and how they ended.

    RUNNING    proposed; being trained, or interrupted and to be continued
    COMPLETE   spent its budget; the value is the objective, or infinity if no median exists
    PRUNED     stopped by the scheduler; never ranked as if it had spent its budget
    FAIL       ended by an error, which is stored with it

Collapse is a constraint, not a value: a configuration with more collapsed seeds than allowed is
infeasible, which the sampler takes into account.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

import optuna
from optuna.storages import RDBStorage

from ganstudy.study.errors import UserError
from ganstudy.study.home import IMPORT_FILE
from ganstudy.study.ledger.confirm_stage import ConfirmStage, as_begun
from ganstudy.study.ledger.design_stage import DesignStage, PromotedStage
from ganstudy.study.ledger.packing import lanes_by_default, with_lanes
from ganstudy.study.ledger.promise import record_start, recorded_outlook, seconds_taken
from ganstudy.study.ledger.search_stage import SearchStage
from ganstudy.study.ledger.storage import confirm_study_name, open_storage, storage_of_study
from ganstudy.study.ledger.trial_row import DesignRow, TrialRow
from ganstudy.study.spec.reader import parse_document
from ganstudy.study.spec.study_spec import CODE, StudySpec, differences
from ganstudy.trials.results.looks import Look, Looks
from ganstudy.trials.results.outlook import Outlook
from ganstudy.trials.results.records import Stage, TrialState

ID = "ledger_id"
SPEC, DOCUMENT = "study_file", "study_document"
"""Attributes of the Optuna study: the file as written, and as read (StudySpec.document)."""
PROVENANCE, CHANGES = "origin", "changes"
"""Attributes: what the numbers come from beside the file, and what of it was changed on the way
(study/driver/provenance.py).
"""
LANES = "lanes"
"""Attribute: lanes of a pack where the file leaves them open, as chosen when the study began."""
LOOK_PREFIX = "look/"
"""Attributes: the sizes at which reports were made, one each, so that two reports at one time
cannot lose one; the value says when it was first made.
"""
RUN_PREFIX, PARENT_RUN = "run/", "parent_run"
"""Attributes: MLflow's run ids. They are stored with the study, as Optuna closes the attributes of
a finished trial while its results may still be on their way.
"""


class Ledger:
    """The record of one study: its file, its provenance, MLflow's run ids, and its stages.

    Only the driver proposes trials and records how they end; the publisher adds run ids.
    """

    def __init__(self, study: optuna.Study, spec: StudySpec) -> None:
        self.spec = spec
        self.search = SearchStage(study, spec)
        self._study = study

    @cached_property
    def design(self) -> DesignStage | None:
        """The stage before the search; None unless the study file asks for it."""
        return None if self.spec.design is None else DesignStage(self.search)

    @cached_property
    def promoted(self) -> PromotedStage | None:
        """The best of the design, from where all were compared; None unless some are stopped there."""
        design = self.design
        return None if design is None or design.until is None else PromotedStage(self.search)

    @cached_property
    def confirm(self) -> ConfirmStage | None:
        """The stage that follows the search; None unless the study file asks for it."""
        return None if self.spec.confirm is None else ConfirmStage(self.search)

    @classmethod
    def create(cls, path: Path, spec: StudySpec, text: str) -> Ledger:
        """Return the ledger at `path`, created if absent; raise UserError as `check_same` does."""
        existing = cls.check_same(path, spec)
        if existing is not None:
            # What may change between two runs, such as the number of trials.
            existing._study.set_user_attr(SPEC, text)
            existing._study.set_user_attr(DOCUMENT, spec.document)
            return cls(existing._study, existing.going_on(spec))
        path.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            study_name=spec.name,
            storage=open_storage(path),
            direction=spec.objective.direction,
            # A run may have been killed between this line and the last attribute below.
            load_if_exists=True,
        )
        study.set_user_attr(ID, uuid.uuid4().hex)
        study.set_user_attr(DOCUMENT, spec.document)
        study.set_user_attr(LANES, lanes_by_default(spec))
        # Last: its presence says that the ledger is complete.
        study.set_user_attr(SPEC, text)
        return cls(study, with_lanes(spec))

    @classmethod
    def check_same(cls, path: Path, spec: StudySpec) -> Ledger | None:
        """Return the ledger at `path`, or None if there is none yet.

        Raise UserError, with every difference, if it belongs to another study file. The number of
        trials may be raised, [confirm] may change, apart from its seeds once the stage began, and
        the margin and [claim] may change until the first trial exists.
        """
        if path.with_name(IMPORT_FILE).exists():
            raise UserError(
                f"the name {spec.name!r} belongs to an imported study; give this one another name"
            )
        storage = storage_of_study(path, SPEC) if path.exists() else None
        if storage is None:
            return None
        ledger = cls._in(storage, path)
        earlier = ledger.spec
        differing = differences(earlier.identity(), spec.identity())
        # Trials that exist cannot be taken back: their results have already steered the search.
        if spec.search.trials < earlier.search.trials:
            differing.append(
                f"search.trials: {earlier.search.trials} -> {spec.search.trials} "
                "(it may be raised only)"
            )
        differing += ledger._margin_differences(spec)
        differing += ledger._claim_differences(spec)
        differing += ledger._confirm_differences(spec)
        if differing:
            lines = "\n  ".join(differing)
            going_on = f"restore the file ({path.parent / 'study.toml'}) to go on."
            # A script alone is run where it lies: of all other code there is a copy.
            has_copy = not earlier.has_command or bool(earlier.train.code)
            if has_copy and all(line.startswith(CODE) or ".digest: " in line for line in differing):
                going_on = f"go on with the code that it began with: ganstudy resume {spec.name}"
            raise UserError(
                f"the study {spec.name!r} exists already, with a different file:\n  {lines}\n"
                f"Give this one another name, or {going_on}"
            )
        return ledger

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Return the existing ledger at `path`; UserError if it has no study yet."""
        storage = storage_of_study(path, SPEC)
        if storage is None:
            raise UserError(
                f"{path} has no study yet: its first run was cut short; run its study file again"
            )
        return cls._in(storage, path)

    @classmethod
    def _in(cls, storage: RDBStorage, path: Path) -> Ledger:
        """Return the ledger in the storage of the file at `path`."""
        # By its attribute: the confirm stage is a second Optuna study in the same file.
        (search,) = (study for study in storage.get_all_studies() if SPEC in study.user_attrs)
        study = optuna.load_study(study_name=search.study_name, storage=storage)
        document = study.user_attrs[DOCUMENT]
        spec = parse_document(document, str(path.parent / "study.toml"))
        return cls(study, with_lanes(as_begun(spec, storage), _lanes_of(study)))

    def going_on(self, spec: StudySpec) -> StudySpec:
        """Return this study's file as read anew, with the defaults that it began with.

        They are those of its confirm stage, and the lanes of its packs.
        """
        return with_lanes(as_begun(spec, self._study._storage), _lanes_of(self._study))

    @property
    def id(self) -> str:
        """Unique, also among ledgers of the same name that were deleted before."""
        return str(self._study.user_attrs[ID])

    @property
    def text(self) -> str:
        """The study file as written."""
        return str(self._study.user_attrs[SPEC])

    @property
    def provenance(self) -> dict[str, str]:
        """What the study's numbers come from, by `record_provenance`."""
        provenance: dict[str, str] = json.loads(self._study.user_attrs.get(PROVENANCE, "{}"))
        return provenance

    @property
    def changes(self) -> list[str]:
        """Every change of the provenance that the user accepted, with its time, in order."""
        return list(self._study.user_attrs.get(CHANGES, []))

    def record_provenance(self, provenance: dict[str, str], changed: list[str]) -> None:
        """Record what the study's numbers come from, and what of it has changed since it began."""
        if changed:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            self._study.set_user_attr(
                CHANGES, [*self.changes, *(f"{now} {line}" for line in changed)]
            )
        self._study.set_user_attr(PROVENANCE, json.dumps(provenance))

    @property
    def outlook(self) -> Outlook | None:
        """What the study promised before its first trial; None where nobody kept that."""
        return recorded_outlook(self._study)

    @property
    def seconds_taken(self) -> float | None:
        """Wall time under the study's drivers, up to the last trial that ended under each."""
        stages = [self.search, *([] if self.confirm is None else [self.confirm])]
        return seconds_taken(self._study, (end for stage in stages for end in stage.end_times()))

    def record_start(
        self, begun: datetime, outlook: Callable[[], Outlook | None] | None = None
    ) -> None:
        """Record that a driver began; before the first trial also what the study promises."""
        record_start(self._study, begun, outlook)

    def record_look(self) -> Looks:
        """Record that a report is made of the study as it is; return all looks with this one."""
        ended = dict.fromkeys((stage.value for stage in Stage), 0)
        for row in self.search.rows():
            if row.state != TrialState.RUNNING:
                designed = isinstance(row, DesignRow)
                ended[Stage.DESIGN if designed else Stage.SEARCH] += 1
        if self.confirm is not None:
            ended[Stage.CONFIRM.value] = sum(1 for _ in self.confirm.ended())
        look = Look(self.search.planned, tuple(sorted(ended.items())), self.left() == 0)
        looks, key = self._looks(), f"{LOOK_PREFIX}{look.as_text()}"
        if look not in looks:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            self._study.set_user_attr(key, now)
            looks.append(look)
        return Looks(look, tuple(looks))

    def _looks(self) -> list[Look]:
        return [
            Look.from_text(key.removeprefix(LOOK_PREFIX))
            for key in self._study.user_attrs
            if key.startswith(LOOK_PREFIX)
        ]

    def left(self) -> int:
        """Return the number of trials of all stages that are not over, as far as known."""
        return self.search.left() + (0 if self.confirm is None else self.confirm.left())

    def counts(self) -> dict[str, int]:
        """Return the number of trials per state over all stages."""
        stages = [self.search, *([] if self.confirm is None else [self.confirm])]
        counts = [stage.counts() for stage in stages]
        return {state: sum(of[state] for of in counts) for state in counts[0]}

    def trials(self) -> list[TrialRow]:
        """Return one row per trial of the design and of the search, with its MLflow run."""
        return self.search.rows(self.run_ids())

    def run_ids(self) -> dict[int, str]:
        """Return MLflow's run id per trial number."""
        return {
            int(key.removeprefix(RUN_PREFIX)): run_id
            for key, run_id in self._study.user_attrs.items()
            if key.startswith(RUN_PREFIX)
        }

    def set_run_id(self, number: int, run_id: str) -> None:
        """Record MLflow's run of a trial."""
        # One attribute per trial: the publisher writes from a process of its own, and one
        # dictionary for all would have to be read and written whole.
        self._study.set_user_attr(f"{RUN_PREFIX}{number}", run_id)

    @property
    def parent_run_id(self) -> str | None:
        """MLflow's run of the study itself."""
        run_id: str | None = self._study.user_attrs.get(PARENT_RUN)
        return run_id

    @parent_run_id.setter
    def parent_run_id(self, run_id: str) -> None:
        self._study.set_user_attr(PARENT_RUN, run_id)

    def _margin_differences(self, spec: StudySpec) -> list[str]:
        before, after = (json.dumps(s.objective.margin) for s in (self.spec, spec))
        if before == after or not any(self.search.counts().values()):
            return []
        # Not even with --accept-changes: a margin that is chosen beside results is chosen for them.
        return [
            f"objective.margin: {before} -> {after} (it must be stated before the first trial; "
            "beside a margin of your own you can hold the intervals in the report)"
        ]

    def _claim_differences(self, spec: StudySpec) -> list[str]:
        before, after = (
            None if s.claim is None else s.claim.model_dump(mode="json") for s in (self.spec, spec)
        )
        if before == after or not any(self.search.counts().values()):
            return []
        # As with the margin: what is claimed beside results is claimed for them.
        return ["claim: has changed (it must be stated before the first trial)"]

    def _confirm_differences(self, spec: StudySpec) -> list[str]:
        name = confirm_study_name(self.spec.name)
        studies = self._study._storage.get_all_studies()
        before, after = (
            [] if s.confirm is None else list(s.confirm.seeds)
            for s in (self.spec, self.going_on(spec))
        )
        if before == after or not any(study.study_name == name for study in studies):
            return []
        return [f"confirm.seeds: {before} -> {after} (the confirm stage has begun)"]


def _lanes_of(study: optuna.Study) -> int:
    """Return how many lanes a study began with by default; 1 where it is older than the choice."""
    return int(study.user_attrs.get(LANES, 1))

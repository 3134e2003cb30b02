"""Status of a study, from its ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from ganstudy.study.driver.driver_lock import DriverLock
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.confirm_stage import ConfirmStage
from ganstudy.study.ledger.design_stage import DesignStage
from ganstudy.study.ledger.import_record import ImportRecord, ImportSource
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.trial_row import BestTrial, StageStatus
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tune.preparation_note import read_note
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import TrialState
from ganstudy.trials.results.untrained import untrained_seeds


class RunState(StrEnum):
    """What a study is doing."""

    PREPARING = "preparing"
    RUNNING = "running"
    STOPPED = "stopped"
    """Not over, and nobody runs it."""
    COMPLETE = "complete"
    IMPORTED = "imported"


@dataclass(frozen=True)
class Preparing:
    """A study that is being prepared, and has no ledger yet."""

    name: str
    doing: str
    """What is being done."""
    driver: str
    """Who runs it."""
    state: RunState = RunState.PREPARING


@dataclass(frozen=True, kw_only=True)
class ConfirmStatus(StageStatus):
    """Status of the confirm stage.

    Its best is the search's best trial, with its score on the fresh seeds.
    """

    known: bool
    """Whether it is known what is to be confirmed; until then `planned` is an upper bound."""


@dataclass(frozen=True)
class DesignStatus:
    """Status of the design; its trials are among those of the search."""

    planned: int
    compared: int
    """Trials that have come to where all are compared, or ended before."""
    promoted: int | None
    """How many go on; None before that is known, or where all train to the end."""
    waiting: int
    """Trials that wait for the others where all are compared; running as far as states go."""
    trials: Mapping[str, int]
    """By state."""


@dataclass(frozen=True, kw_only=True)
class StudyStatus(StageStatus):
    """Status of a study, its search and its design.

    The fields planned, trials, seeds, best and trial_list are those of the search, with the design
    before it; `left` is of both stages, as far as they are known.
    """

    name: str
    question: str
    objective: str
    confirm: ConfirmStatus | None
    """None if the study file asks for no confirm stage."""
    design: DesignStatus | None
    """None if the study file asks for no design."""
    unpublished: int
    run_id: str | None
    """MLflow's parent run."""
    tracking_uri: str
    paths: Mapping[str, str | None]
    state: RunState = RunState.STOPPED
    driver: str | None = None
    """Who runs it, if anybody does."""
    imported: ImportSource | None = None
    """About the file, of an imported study."""
    budget: str | None = None
    """That it was too short, if the verdicts say so."""

    def to_json(self) -> JsonObject:
        """Return the status as plain JSON, without what does not apply."""
        # In a terminal the name goes first.
        found = {"name": self.name, "question": self.question} | asdict(self)
        for name in ("imported", "budget", "driver"):
            if found[name] is None:
                del found[name]
        for status in (found, found["confirm"]):
            if status is not None and status["trial_list"] is None:
                del status["trial_list"]
        return found


def study_status(home: Home, name: str, with_trials: bool = False) -> StudyStatus:
    """Return the status of the study `name`; with_trials: with a row per trial."""
    folder = home.study(name)
    if folder.imported.exists():
        return _of_imported(folder, home, with_trials)
    ledger = Ledger.open(folder.ledger)
    spec, best, runs = ledger.spec, ledger.search.best(), ledger.run_ids()
    confirm = _confirm_status(ledger, with_trials)
    left = ledger.search.left() + (0 if confirm is None else confirm.left)
    driver = DriverLock(folder.path).holder()
    return StudyStatus(
        name=name,
        question=spec.question,
        planned=ledger.search.planned,
        left=left,
        trials=ledger.search.counts(),
        seeds=ledger.search.verdicts(),
        objective=spec.objective.measure,
        best=None
        if best is None or best.objective is None
        else BestTrial(best.number, best.objective, best.params, runs.get(best.number)),
        confirm=confirm,
        design=None if ledger.design is None else _design_status(ledger.design),
        unpublished=Outbox(folder.outbox).waiting(),
        run_id=ledger.parent_run_id,
        tracking_uri=home.tracking_uri(spec.tracking.uri),
        paths=_paths(folder),
        state=_state(folder, driver, left),
        driver=driver,
        budget=_budget(ledger),
        trial_list=ledger.trials() if with_trials else None,
    )


def preparing(home: Home, name: str) -> Preparing | None:
    """Return what the driver of a study prepares that has no ledger yet; None if there is none."""
    folder = home.study(name)
    if not NAME_RULE.fullmatch(name) or folder.ledger.exists() or folder.imported.exists():
        return None
    driver = DriverLock(folder.path).holder()
    if driver is None:
        return None
    return Preparing(name, read_note(folder.preparing) or "starting", driver)


def all_preparing(home: Home) -> list[Preparing]:
    """Return the studies that are prepared for the first time, in alphabetical order."""
    notes = (home.root / "studies").glob("*/preparing.txt")
    found = [preparing(home, name) for name in sorted(note.parent.name for note in notes)]
    return [study for study in found if study is not None]


def _state(folder: StudyFolder, driver: str | None, left: int) -> RunState:
    if driver is not None:
        return RunState.PREPARING if folder.preparing.exists() else RunState.RUNNING
    return RunState.STOPPED if left else RunState.COMPLETE


def _design_status(stage: DesignStage) -> DesignStatus:
    promoted = stage.promoted()
    return DesignStatus(
        planned=stage.planned,
        compared=stage.planned - stage.to_train(),
        promoted=None if promoted is None else len(promoted),
        waiting=len(stage.waiting()) if promoted is None else 0,
        trials=stage.counts(),
    )


def _budget(ledger: Ledger) -> str | None:
    """Return that the budget was too short, by the report's rule on verdicts; None elsewhere."""
    sign = -1 if ledger.spec.objective.maximize else 1
    complete = [
        (sign * outcome.objective, number, outcome.verdicts)
        for number, state, outcome in ledger.search.ended()
        if state is TrialState.COMPLETE and outcome is not None and outcome.objective is not None
    ]
    # By number where equal; dictionaries have no order.
    best = untrained_seeds(trial[2] for trial in sorted(complete, key=lambda trial: trial[:2]))
    return f"too short: {best}" if best.is_many else None


def _confirm_status(ledger: Ledger, with_trials: bool) -> ConfirmStatus | None:
    stage = ledger.confirm
    if stage is None:
        return None
    known = not ledger.search.left()
    return ConfirmStatus(
        known=known,
        planned=stage.planned() if known else max_trials(ledger.spec),
        left=stage.left(),
        trials=stage.counts(),
        seeds=stage.verdicts(),
        best=_confirmed(ledger, stage),
        trial_list=stage.rows(ledger.run_ids()) if with_trials else None,
    )


def _confirmed(ledger: Ledger, stage: ConfirmStage) -> BestTrial | None:
    """Return the search's best trial with its score on the fresh seeds, once it is over."""
    best = ledger.search.best()
    if best is None:
        return None
    for row in stage.rows(ledger.run_ids()):
        same = row.confirms == best.number and row.state == TrialState.COMPLETE
        if same and row.objective is not None:
            return BestTrial(best.number, row.objective, row.params, row.run_id)
    return None


def _of_imported(folder: StudyFolder, home: Home, with_trials: bool) -> StudyStatus:
    """Return the status of an imported study, from what was recorded when it was imported."""
    record = ImportRecord.open(folder.imported)
    found = record.summary
    return StudyStatus(
        name=record.spec.name,
        question=found.question,
        planned=found.planned,
        left=found.left,
        trials=found.trials,
        seeds=found.seeds,
        objective=found.objective,
        best=found.best,
        confirm=None,
        design=None,
        unpublished=Outbox(folder.outbox).waiting(),
        run_id=record.parent_run_id,
        tracking_uri=home.tracking_uri(record.spec.tracking.uri),
        paths=_paths(folder),
        state=RunState.IMPORTED,
        imported=record.source,
        trial_list=found.trial_list if with_trials else None,
    )


def _paths(folder: StudyFolder) -> dict[str, str | None]:
    return {
        "folder": str(folder.path),
        "report": str(folder.report) if folder.report.exists() else None,
        "log": str(folder.log),
    }

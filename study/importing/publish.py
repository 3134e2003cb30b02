"""Publish a study that was trained elsewhere to MLflow.

It goes by the same outbox and publisher as a study that is trained here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from rich.console import Console

from ganstudy.study.driver.driver_lock import only_driver
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.importing.history import ImportedTrial
from ganstudy.study.importing.imported_study import ImportedStudy
from ganstudy.study.importing.study_facts import study_message, summary
from ganstudy.study.ledger.import_record import ImportRecord
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.tracking.messages import TrialEvaluation, TrialStart
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher_process import ReportBuilder, finish, publisher


@dataclass(frozen=True)
class ImportResult:
    """How an import ended."""

    folder: StudyFolder
    unpublished: int
    """Records that MLflow has not taken yet; they wait in the outbox."""


def publish_import(
    study: ImportedStudy, home: Home, build_report: ReportBuilder | None, console: Console
) -> ImportResult:
    """Publish an import to MLflow, and write the report; what was published before is left out.

    UserError if the name belongs to another study; nothing has been written then.
    """
    home.check_writable()
    folder = home.study(study.spec.name)
    if folder.ledger.exists():
        raise UserError(
            f"the name {study.spec.name!r} belongs to a study that was trained here; "
            "give another --name"
        )
    outcomes = {trial.number: study.outcome(trial) for trial in study.history.trials}
    # First: it refuses a name that is taken, and the publisher finds the study by it.
    ImportRecord.create(
        folder.imported, study.spec, study.digest, study.source, summary(study, outcomes)
    )
    outbox = Outbox(folder.outbox)
    with only_driver(folder.path, console.print):
        # Under the lock: two imports of one name would write into one outbox.
        outbox.put_study(START, study_message(study).to_json())
        for trial in study.history.trials:
            _put(study, trial, outcomes[trial.number], outbox)
        with publisher(study.spec, home) as process:
            return ImportResult(folder, finish(study.spec, home, process, 0, build_report, console))


def _put(study: ImportedStudy, trial: ImportedTrial, outcome: Outcome, outbox: Outbox) -> None:
    # Seeds are a parameter on MLflow: a file may have other ones in each trial.
    params = {**trial.params, "seeds": ",".join(map(str, trial.seeds()))}
    # Of the parameters, as there is no configuration of ours behind an imported trial.
    digest = hashlib.blake2b(json.dumps(params, sort_keys=True).encode(), digest_size=8).hexdigest()
    evaluations = TrialEvaluation(
        rows=trial.last_rows(),
        history=trial.rows,
        provenance=study.provenance(),
        notes=trial.notes,
        whole=True,
    )
    outbox.put_history(trial.number, TrialStart(params, digest, config=None), evaluations)
    feasible = study.feasible(trial, outcome)
    outbox.put_end(trial.number, trial.state, outcome, feasible, trial.error or None)

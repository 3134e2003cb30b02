"""Status of a study, from its ledger alone, as plain JSON."""

from __future__ import annotations

from typing import Any

from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.import_record import ImportRecord
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.tracking.outbox import Outbox


def summary(home: Home, name: str, with_trials: bool = False) -> dict[str, Any]:
    """Return trials by state, seeds by verdict, the best trial, MLflow's run ids and paths.

    planned, trials, seeds, best and trial_list are those of the search; `confirm` has the same of
    the confirm stage, or is None if the study file asks for none; left counts both, as far as they
    are known.
    """
    folder = home.study(name)
    if folder.imported.exists():
        return _of_imported(folder, home, with_trials)
    ledger = Ledger.open(folder.ledger)
    spec, best, runs = ledger.spec, ledger.search.best(), ledger.run_ids()
    confirmation, left = ledger.confirm, ledger.search.left()
    found: dict[str, Any] = {
        "name": name,
        "question": spec.question,
        "planned": spec.search.trials,
        "left": left + (0 if confirmation is None else confirmation.left()),
        "trials": ledger.search.counts(),
        "seeds": ledger.search.verdicts(),
        "objective": spec.objective.measure,
        "best": None,
        "confirm": None,
        "unpublished": Outbox(folder.outbox).waiting(),
        "run_id": ledger.parent_run_id,
        "tracking_uri": home.tracking_uri(spec.tracking.uri),
        "paths": _paths(folder),
    }
    if best is not None:
        found["best"] = {
            "number": best.number,
            "value": best.objective,
            "params": best.params,
            "run_id": runs.get(best.number),
        }
    if confirmation is not None:
        found["confirm"] = {
            # Whether it is known what is to be confirmed; until then `planned` is an upper bound.
            "known": not left,
            "planned": max_trials(spec) if left else confirmation.planned(),
            "left": confirmation.left(),
            "trials": confirmation.counts(),
            "seeds": confirmation.verdicts(),
        }
        if with_trials:
            found["confirm"]["trial_list"] = [row.as_json() for row in confirmation.rows(runs)]
    if with_trials:
        found["trial_list"] = [row.as_json() for row in ledger.trials()]
    return found


def _of_imported(folder: StudyFolder, home: Home, with_trials: bool) -> dict[str, Any]:
    """Return the same for an imported study, from what was recorded when it was imported."""
    record = ImportRecord.open(folder.imported)
    found = dict(record.summary)
    trials = found.pop("trial_list")
    return {
        "name": record.spec.name,
        **found,
        "confirm": None,
        "imported": record.source,
        "unpublished": Outbox(folder.outbox).waiting(),
        "run_id": record.parent_run_id,
        "tracking_uri": home.tracking_uri(record.spec.tracking.uri),
        "paths": _paths(folder),
        **({"trial_list": trials} if with_trials else {}),
    }


def _paths(folder: StudyFolder) -> dict[str, str | None]:
    return {
        "folder": str(folder.path),
        "report": str(folder.report) if folder.report.exists() else None,
        "log": str(folder.log),
    }

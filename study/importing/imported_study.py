"""A study that was trained elsewhere, read from a file and ready to be published."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ganstudy.study.cluster import code_version
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE
from ganstudy.study.importing.history import History, ImportedTrial, history_of
from ganstudy.study.importing.mapping import Mapping, judged
from ganstudy.study.importing.sources.reading import read_source
from ganstudy.study.ledger.import_record import ImportedSpec, ImportSource
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.tables import CONSTRAINTS, Tracking
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import TrialState, Verdict, median_over_seeds

IMPORTED = "imported"
"""Extractor of scores if the mapping does not say what they were measured with."""
SCHEMA = 2
"""Version of how a file is read: part of the digest, so that another version makes new runs."""


@dataclass(frozen=True)
class ImportedStudy:
    """A file that has been read, ready to go to MLflow."""

    spec: ImportedSpec
    mapping: Mapping
    history: History
    objective: str
    source: ImportSource
    digest: str
    require: dict[str, int]
    """Failed seeds allowed per verdict: none, of the verdicts that the file contains. A constraint
    on a verdict that it cannot contain would hold of every trial.
    """

    def outcome(self, trial: ImportedTrial) -> Outcome:
        """Return the result of a trial at its last evaluation."""
        rows = trial.last_rows()
        # The last rows alone: a verdict is about the end of a seed, as in studies that are trained
        # here.
        verdicts = Counter(row.verdict.value for row in rows if row.verdict is not None)
        return Outcome(
            finished=trial.state is TrialState.COMPLETE,
            objective=median_over_seeds(
                [row.measures[self.objective] for row in rows], MEASURES[self.objective].direction
            ),
            progress=float(rows[0].cost[self.history.axis] or 0),
            verdicts=dict(verdicts),
            counters=dict(rows[0].cost),
        )

    def feasible(self, trial: ImportedTrial, outcome: Outcome) -> bool:
        """Return whether a trial did not fail and keeps within the constraints."""
        return trial.state is not TrialState.FAILED and outcome.feasible(self.require)

    def provenance(self) -> JsonObject:
        """Return what the scores were measured with: only equal ones can be compared."""
        given = self.mapping.provenance
        stated = given.model_dump() if given is not None else {"extractor": IMPORTED}
        # Of unknown origin, they can only be compared with those of the same file.
        digest = self.source.digest
        unknown = {
            "extractor_digest": digest,
            "data_digest": digest,
            "split": "unknown",
            "extractor_accuracy": None,
            "num_generated": None,
            "num_real": None,
        }
        return unknown | {name: value for name, value in stated.items() if value not in ("", None)}


def read_import(
    source: str | Path,
    name: str,
    mapping: Mapping,
    tracking: Tracking,
    server: str | None = None,
) -> ImportedStudy:
    """Return the study in a file, a folder of event files or `mlflow:EXPERIMENT`.

    server: MLflow's URI of an experiment. UserError if the source cannot be read as a study.
    """
    if not NAME_RULE.fullmatch(name):
        raise UserError(
            "a name has 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit, "
            f"got {name[:100]!r}"
        )
    reading = read_source(str(source), server, mapping)
    table = reading.table
    history = history_of(reading)
    objective = _objective(table.name, mapping, history)
    # Everything that decides the runs: importing the same again must find the same runs.
    text = json.dumps([SCHEMA, name, table.digest, mapping.model_dump(mode="json")], sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    spec = ImportedSpec(name, tracking, objective)
    return ImportedStudy(
        spec=spec,
        mapping=mapping,
        history=history,
        objective=objective,
        source=ImportSource(
            file=table.name,
            digest=table.digest,
            rows=len(table.lines),
            measures=history.measures,
            derived=history.derived,
            moments=len(history.times),
            reader=code_version.source_digest(),
        ),
        digest=digest,
        require=_require(history),
    )


def _objective(file: str, mapping: Mapping, history: History) -> str:
    """Return the measure that decides what is best; UserError if the file does not have it."""
    available = (*history.measures, *history.derived)
    objective = mapping.objective or next((m for m in judged() if m in available), None)
    if objective is None:
        raise UserError(
            f"{file} has no measure that could decide what is best; such are: "
            f"{', '.join(judged())}. Where names differ: --map THEIRS=OURS"
        )
    if objective not in available:
        raise UserError(f"{file} has no {objective}; it has: {', '.join(history.measures)}")
    return objective


def _require(history: History) -> dict[str, int]:
    verdicts = {row.verdict for trial in history.trials for row in trial.last_rows()}
    # Divergence shows in any score. Others need verdicts in the file, or what they follow from.
    known = CONSTRAINTS if verdicts - {Verdict.UNKNOWN, Verdict.DIVERGED} else (Verdict.DIVERGED,)
    return {str(verdict): 0 for verdict in known}

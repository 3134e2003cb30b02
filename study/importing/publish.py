"""Brings a study that was trained elsewhere to MLflow, by the same door as one that is trained
here.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ganstudy.study.cluster import code_version
from ganstudy.study.driver.driver_lock import only_driver
from ganstudy.study.errors import UserError
from ganstudy.study.home import NAME_RULE, Home, StudyFolder
from ganstudy.study.importing.columns import TRIAL_NAME, Mapping, judged, objective_of
from ganstudy.study.importing.history import History, ImportedTrial, read_history
from ganstudy.study.importing.table import read_table
from ganstudy.study.ledger.import_record import ImportedSpec, ImportRecord
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.tables import CONSTRAINTS, Tracking
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher_process import ReportBuilder, finish, publisher
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import COUNTERS, TrialState, Verdict, median_over_seeds

IMPORTED = "imported"
"""Extractor of scores of which nobody said what they were measured with."""
MOST_CHOICES = 20
"""Distinct values of a parameter that are listed; of more, the range is told."""
SCHEMA = 1
"""Version of how a file is read: another one makes other runs."""


@dataclass(frozen=True)
class Import:
    """A file that has been read, ready to go to MLflow."""

    spec: ImportedSpec
    mapping: Mapping
    history: History
    objective: str
    source: dict[str, Any]
    digest: str
    require: dict[str, int]
    """No seed lost, as far as that can be told: a constraint on what nobody knows would hold by
    ignorance.
    """


@dataclass(frozen=True)
class ImportResult:
    """How an import ended."""

    folder: StudyFolder
    unpublished: int
    """Records that MLflow has not taken yet; they wait in the spool."""


def read_import(file: Path, name: str, mapping: Mapping, tracking: Tracking) -> Import:
    """The study in `file`. UserError where it cannot be read as one."""
    if not NAME_RULE.fullmatch(name):
        raise UserError(
            f"a name has 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit, got {name[:100]!r}"
        )
    table = read_table(file)
    history = read_history(table, mapping)
    objective = mapping.objective or next(
        (m for m in judged() if m in history.measures or m in history.derived), None
    )
    if objective is None:
        raise UserError(
            f"{file.name} has no measure that could decide what is best; such are: {', '.join(judged())}. "
            "Where names differ: --map THEIRS=OURS"
        )
    if objective not in (*history.measures, *history.derived):
        raise UserError(f"{file.name} has no {objective}; it has: {', '.join(history.measures)}")
    text = json.dumps([SCHEMA, name, table.digest, mapping.model_dump(mode="json")], sort_keys=True)
    source = {
        "file": file.name,
        "digest": table.digest,
        "rows": len(table.lines),
        "measures": history.measures,
        "derived": history.derived,
        "moments": len(history.moments),
        "reader": code_version.source_digest(),
    }
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    spec = ImportedSpec(name, tracking, objective)
    return Import(spec, mapping, history, objective, source, digest, _require(history))


def publish_import(
    made: Import, home: Home, conclude: ReportBuilder | None, console: Console
) -> ImportResult:
    """Brings it to MLflow, and makes the report. What is there already is not written a second
    time.

    UserError where the name belongs to another study; nothing has been written then.
    """
    home.check_writable()
    folder = home.study(made.spec.name)
    if folder.ledger.exists():
        raise UserError(
            f"the name {made.spec.name!r} belongs to a study that was trained here; give another --name"
        )
    outcomes = {trial.number: _outcome(made, trial) for trial in made.history.trials}
    ImportRecord.create(
        folder.imported, made.spec, made.digest, made.source, _summary(made, outcomes)
    )
    outbox = Outbox(folder.outbox)
    with only_driver(folder.path, console.print):
        outbox.put_study(START, _study_message(made))
        for trial in made.history.trials:
            _put(made, trial, outcomes[trial.number], outbox)
        with publisher(made.spec, home) as process:
            return ImportResult(folder, finish(made.spec, home, process, 0, conclude, console))


def _put(made: Import, trial: ImportedTrial, outcome: Outcome, outbox: Outbox) -> None:
    seeds = sorted({row["seed"] for row in trial.rows})
    params = {**trial.params, "seeds": ",".join(map(str, seeds))}
    digest = hashlib.blake2b(json.dumps(params, sort_keys=True).encode(), digest_size=8).hexdigest()
    content = {
        "rows": _last(trial),
        "history": trial.rows,
        "provenance": _provenance(made),
        "notes": trial.notes,
    }
    outbox.put_history(trial.number, params, digest, content)
    feasible = trial.state is not TrialState.FAILED and outcome.feasible(made.require)
    outbox.put_end(trial.number, trial.state, outcome, feasible, trial.error or None)


def _last(trial: ImportedTrial) -> list[dict[str, Any]]:
    last = max(row["evaluation"] for row in trial.rows)
    return [row for row in trial.rows if row["evaluation"] == last]


def _outcome(made: Import, trial: ImportedTrial) -> Outcome:
    rows = _last(trial)
    verdicts: dict[str, int] = {}
    for row in rows:
        verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0) + 1
    return Outcome(
        finished=trial.state is TrialState.COMPLETE,
        objective=median_over_seeds(
            [row[made.objective] for row in rows], MEASURES[made.objective].direction
        ),
        progress=float(rows[0][made.history.axis]),
        verdicts=verdicts,
        counters={name: rows[0][name] for name in COUNTERS},
    )


def _require(history: History) -> dict[str, int]:
    verdicts = {row["verdict"] for trial in history.trials for row in _last(trial)}
    told = (
        CONSTRAINTS if verdicts - {Verdict.UNKNOWN, Verdict.DIVERGED} else (Verdict.DIVERGED.value,)
    )
    return dict.fromkeys(told, 0)


def _provenance(made: Import) -> dict[str, Any]:
    """By what scores are told to be alike. Where nobody says, they are like those of the same file
    alone.
    """
    given = made.mapping.provenance
    kept = given.model_dump() if given is not None else {"extractor": IMPORTED}
    unknown = {"num_generated": None, "num_real": None}
    digest = made.source["digest"]
    kept = {**unknown, **{name: value for name, value in kept.items() if value not in ("", None)}}
    return {
        "extractor_digest": digest,
        "data_digest": digest,
        "split": "unknown",
        "extractor_accuracy": None,
    } | kept


def spec_of(made: Import) -> dict[str, Any]:
    """What is known of the study, in the form of a study file with its defaults filled in."""
    history = made.history
    params: dict[str, list[Any]] = {}
    for trial in history.trials:
        for key, value in trial.params.items():
            if key == TRIAL_NAME:
                continue
            params.setdefault(key, []).append(value)
    seeds = sorted({row["seed"] for trial in history.trials for row in trial.rows})
    searched = {
        key: domain for key, values in params.items() if (domain := _domain(values)) is not None
    }
    fixed = {key: values[0] for key, values in params.items() if key not in searched}
    return {
        "name": made.spec.name,
        "question": made.mapping.question,
        "imported": {
            **made.source,
            "floor": history.floor,
            "mapping": made.mapping.model_dump(mode="json"),
        },
        "fixed": fixed,
        "train": {
            "seeds": seeds,
            "budget": {"unit": history.axis, "amount": history.moments[-1]},
            "evaluations": len(history.moments),
            "moments": history.moments,
        },
        "search": {
            "sampler": made.mapping.sampler,
            "trials": len(history.trials),
            "space": searched,
        },
        "objective": objective_of(made.objective, {}).model_dump() | {"require": made.require},
    }


def _domain(values: list[Any]) -> Any:
    """What a parameter was chosen from, as a study file would say it; None where it was always the
    same.
    """
    distinct = sorted({_number(value) for value in values}, key=lambda v: (isinstance(v, str), v))
    if len(distinct) < 2:
        return None
    if len(distinct) <= MOST_CHOICES or any(isinstance(value, str) for value in distinct):
        return distinct
    low, high = distinct[0], distinct[-1]
    return {"low": low, "high": high, "log": bool(low > 0 and high > 20 * low)}


def _number(value: Any) -> Any:
    try:
        number = float(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else str(value)


def _study_message(made: Import) -> dict[str, Any]:
    history, spec = made.history, spec_of(made)
    text = json.dumps(spec)
    tags: dict[str, Any] = {
        Tag.SPEC: text,
        Tag.QUESTION: made.mapping.question,
        Tag.IMPORTED: json.dumps(made.source),
        Tag.PROVENANCE: json.dumps(_provenance(made)),
        Tag.MODES: json.dumps(history.modes),
        Tag.SOURCE: code_version.source_digest(),
    }
    if "effective_modes" in history.floor:
        tags[Tag.REAL_MODES] = history.floor["effective_modes"]
    params = {
        "imported": made.source["file"],
        "objective": f"{MEASURES[made.objective].direction} {made.objective}",
        "budget": f"{history.moments[-1]:g} {history.axis}",
        "seeds": ",".join(map(str, spec["train"]["seeds"]))[:6000],
    }
    indented = json.dumps(spec, indent=2)
    return {
        "study_file": indented,
        "file_name": "import.json",
        "params": params,
        "tags": tags,
        "floor": history.floor,
    }


def _summary(made: Import, outcomes: dict[int, Outcome]) -> dict[str, Any]:
    """What `ganstudy status` tells, in the form of study/driver/status.py."""
    states = dict.fromkeys((state.value for state in TrialState), 0)
    seeds: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    candidates: list[dict[str, Any]] = []
    for trial in made.history.trials:
        outcome = outcomes[trial.number]
        states[trial.state.value] += 1
        for verdict, count in outcome.verdicts.items():
            seeds[verdict] = seeds.get(verdict, 0) + count
        feasible = trial.state is not TrialState.FAILED and outcome.feasible(made.require)
        params = {key: _number(value) for key, value in trial.params.items()}
        row: dict[str, Any] = {"number": trial.number, "state": trial.state.value, "params": params}
        row |= {"objective": outcome.objective, "feasible": feasible, "verdicts": outcome.verdicts}
        rows.append({**row, "run_id": None, "error": trial.error or None})
        if feasible and trial.state is TrialState.COMPLETE:
            candidates.append(
                {
                    "number": trial.number,
                    "value": outcome.objective,
                    "params": params,
                    "run_id": None,
                }
            )
    sign = -1 if MEASURES[made.objective].direction == "up" else 1
    best = min(candidates, key=lambda row: (sign * row["value"], row["number"]), default=None)
    return {
        "question": made.mapping.question,
        "planned": len(rows),
        "left": 0,
        "trials": states,
        "seeds": seeds,
        "objective": made.objective,
        "best": best,
        "trial_list": rows,
    }

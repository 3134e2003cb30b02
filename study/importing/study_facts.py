"""What MLflow, the report and `ganstudy status` learn of an imported study as a whole."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from ganstudy.study.cluster import code_version
from ganstudy.study.importing.columns import TRIAL_NAME
from ganstudy.study.importing.imported_study import ImportedStudy
from ganstudy.study.importing.mapping import objective_of
from ganstudy.study.ledger.import_record import ImportSummary
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.trial_row import BestTrial, TrialRow
from ganstudy.study.tracking.messages import StudyStart
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.facts import Origin, StudyFacts
from ganstudy.trials.results.records import IMPORTED_FILE, TrialState

# A guess: a sampler that draws from a list seldom has a longer one.
MOST_CHOICES = 20
"""Distinct values of a parameter that are listed as its choices; more become a range."""
WIDE = 20
"""Ratio of the ends from which on a range is taken for one on a log scale: a guess."""


def spec_of(study: ImportedStudy) -> JsonObject:
    """Return what is known of the study in the form of a study file, defaults filled in."""
    history = study.history
    params: dict[str, list[Any]] = {}
    for trial in history.trials:
        for key, value in trial.params.items():
            if key != TRIAL_NAME:
                params.setdefault(key, []).append(value)
    seeds = sorted({seed for trial in history.trials for seed in trial.seeds()})
    # A parameter with a single value looks like a fixed one, and is taken for that.
    searched = {
        key: domain for key, values in params.items() if (domain := _domain(values)) is not None
    }
    fixed = {key: values[0] for key, values in params.items() if key not in searched}
    return {
        "name": study.spec.name,
        "question": study.mapping.question,
        "imported": {
            **asdict(study.source),
            "floor": history.floor,
            "mapping": study.mapping.model_dump(mode="json"),
        },
        "fixed": fixed,
        "train": {
            "seeds": seeds,
            "budget": {"unit": history.axis, "amount": history.times[-1]},
            "evaluations": len(history.times),
            "moments": history.times,
        },
        "search": {
            "sampler": study.mapping.sampler,
            "trials": len(history.trials),
            "space": searched,
        },
        "objective": objective_of(study.objective, {}).model_dump() | {"require": study.require},
    }


def study_message(study: ImportedStudy) -> StudyStart:
    """Return the message from which the publisher makes the parent run."""
    history, spec = study.history, spec_of(study)
    facts = StudyFacts(
        spec=spec,
        question=study.mapping.question,
        provenance=study.provenance(),
        modes=history.modes,
        real_effective_modes=history.floor.get("effective_modes"),
        origin=Origin(code_version.source_digest(), imported=asdict(study.source)),
    )
    params = {
        "imported": study.source.file,
        "objective": f"{MEASURES[study.objective].direction} {study.objective}",
        "budget": f"{history.times[-1]:g} {history.axis}",
        "seeds": ",".join(map(str, spec["train"]["seeds"])),
    }
    return StudyStart(facts, json.dumps(spec, indent=2), IMPORTED_FILE, params, history.floor)


def summary(study: ImportedStudy, outcomes: dict[int, Outcome]) -> ImportSummary:
    """Return what `ganstudy status` shows."""
    states = dict.fromkeys((state.value for state in TrialState), 0)
    seeds: dict[str, int] = {}
    rows = []
    for trial in study.history.trials:
        outcome = outcomes[trial.number]
        states[trial.state.value] += 1
        for verdict, count in outcome.verdicts.items():
            seeds[verdict] = seeds.get(verdict, 0) + count
        row = TrialRow(
            number=trial.number,
            state=trial.state.value,
            params={key: _number(value) for key, value in trial.params.items()},
            objective=outcome.objective,
            feasible=study.feasible(trial, outcome),
            verdicts=outcome.verdicts,
            run_id=None,
            error=trial.error or None,
        )
        rows.append(row)
    sign = MEASURES[study.objective].sign
    ranked = [
        BestTrial(row.number, row.objective, row.params, run_id=None)
        for row in rows
        if row.feasible and row.state == TrialState.COMPLETE and row.objective is not None
    ]
    return ImportSummary(
        question=study.mapping.question,
        planned=len(rows),
        left=0,
        trials=states,
        seeds=seeds,
        objective=study.objective,
        best=min(ranked, key=lambda best: (sign * best.value, best.number), default=None),
        trial_list=rows,
    )


def _domain(values: list[Any]) -> Any:
    """Return the domain of a parameter as a study file has it; None if it was always the same."""
    distinct = sorted({_number(value) for value in values}, key=lambda v: (isinstance(v, str), v))
    if len(distinct) < 2:
        return None
    if len(distinct) <= MOST_CHOICES or any(isinstance(value, str) for value in distinct):
        return distinct
    low, high = distinct[0], distinct[-1]
    return {"low": low, "high": high, "log": bool(low > 0 and high > WIDE * low)}


def _number(value: Any) -> Any:
    """Return a parameter as a number if it is one."""
    try:
        number = float(value)
    except ValueError:
        return value
    # "nan" and "inf" stay text: the summary and the tags are JSON, which has no such numbers.
    return number if math.isfinite(number) else str(value)

"""Turn a message into the metrics, parameters, tags and name of an MLflow run, as plain values."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ganstudy.study.tracking.messages import TrialEnd, TrialEvaluation, TrialStart
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.results.facts import StudyFacts, TrialFacts
from ganstudy.trials.results.function_params import PREFIX, reported_name
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.own_metrics import median_of_present, named
from ganstudy.trials.results.records import (
    FIRST_CONFIRM,
    NO_REMEDIES,
    WORST_FIRST,
    EvaluationRow,
    TrialState,
    Verdict,
    confirm_name,
    median_over_seeds,
    remedy_label,
)

RUN_COLOUR = "mlflow.runColor"
"""Tag of a run's colour in MLflow's charts, which is that of the worst verdict among its seeds."""
STATUS = {
    TrialState.COMPLETE: "FINISHED",
    # MLflow shows "KILLED" as it shows "FAILED"; the tag STATE tells the pruned from the complete.
    TrialState.PRUNED: "FINISHED",
    TrialState.FAILED: "FAILED",
}
"""MLflow's name of the state in which a trial's run ends."""


def new_rows(evaluation: TrialEvaluation, published: int) -> list[list[EvaluationRow]]:
    """Return the rows of each new evaluation in a message.

    One evaluation, or all that are not yet published if the message holds a whole history.
    """
    if not evaluation.whole:
        return [evaluation.rows]
    unseen = (row for row in evaluation.history if row.evaluation > published)
    return [list(rows) for _, rows in itertools.groupby(unseen, key=lambda row: row.evaluation)]


def step_of(rows: list[EvaluationRow]) -> int:
    """Return MLflow's step: generator steps, whatever the budget's unit, else another counter."""
    return int(next(value for value in rows[0].cost.values() if value is not None))


def metrics(rows: list[EvaluationRow]) -> dict[str, float]:
    """Return the metrics of one evaluation: medians over seeds, seeds per verdict, the counters.

    The metrics of a training of the user's own, own/NAME, are among them.
    """
    medians = {
        m.name: median_over_seeds([row.measures.get(m.name) for row in rows], m.direction)
        for m in MEASURES.values()
    }
    # Of seeds and evaluations, any may lack one.
    own = {
        name: median_of_present(row.measures.get(name) for row in rows)
        for name in named({name for row in rows for name in row.measures})
    }
    verdicts = {
        f"seeds/{verdict}": sum(row.verdict == verdict for row in rows) for verdict in Verdict
    }
    cost = {f"cost/{name}": value for name, value in rows[0].cost.items()}
    numbers = {**medians, **own, **verdicts, **cost}
    # None is left out: MLflow has no value for it, and NaN would show as a point.
    return {key: float(value) for key, value in numbers.items() if value is not None}


def flat_params(start: TrialStart) -> Settings:
    """Return a trial's parameters as MLflow shows them: k as a decimal, remedies as one label."""
    config = start.config
    if config is None:  # imported: there is no configuration of ours
        return dict(start.params)
    common = {
        "data": config["data"]["name"],
        "seeds": ",".join(map(str, config["seeds"])),
        "budget": f"{config['budget']['amount']:g} {config['budget']['unit']}",
    }
    if config.get("function") is not None:
        given = config["function"]["params"]
        return {**reported(given), "method": config["method"], **common}
    params = {
        "k": as_schedule(config["k"]).shown,
        "method": config["method"],
        "remedies": remedy_label(config["remedies"]),
        **{
            key: config[key]
            for key in ("lr_d", "lr_g", "beta1", "beta2", "batch_size", "loss", "optimiser")
        },
        "model": config["model"]["name"],
        **{key: value for key, value in config["model"].items() if key not in ("name", "options")},
        **{
            f"model.options.{name}": value
            for name, value in config["model"].get("options", {}).items()
        },
        **common,
    }
    chosen = {**config["remedy_options"], config["loss"]: config["loss_options"]}
    return params | {
        f"{name}.{option}": value for name, held in chosen.items() for option, value in held.items()
    }


def reported(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a training function's parameters under the names that the report knows them by."""
    values = dict(given)
    if "k" in values:
        values["k"] = as_schedule(values["k"]).shown
    if "remedies" in values:
        values["remedies"] = remedy_label(values["remedies"])
    return {reported_name(f"{PREFIX}{name}"): value for name, value in values.items()}


def run_name(number: int, start: TrialStart) -> str:
    """Return the run's name: "0007 k=1 feature_matching", "confirm of 14 (best)".

    The role of a confirm trial, and so its name, may change when the search goes on.
    """
    if number >= FIRST_CONFIRM:
        role = f" ({start.place.role})" if start.place.role else ""
        return f"{confirm_name(number, start.place.confirms)}{role}"
    # Number and k first: what is too long is shortened at its end.
    params = flat_params(start)
    parts = [f"k={str(params['k']).removesuffix('.0')}"] if "k" in params else []
    parts += [params["remedies"]] if params.get("remedies", NO_REMEDIES) != NO_REMEDIES else []
    return " ".join([f"{number:04d}", *parts])


def study_tags(facts: StudyFacts) -> dict[Tag, Any]:
    """Return what of a study's facts people look for in its run's tags."""
    origin = facts.origin
    tags: dict[Tag, Any] = {
        Tag.QUESTION: facts.question,
        Tag.SOURCE: origin.source,
        Tag.PYTHON: origin.python,
        Tag.PACKAGES: json.dumps(origin.packages),
        Tag.CHANGES: origin.changes,
        Tag.PROVENANCE: json.dumps(facts.provenance),
        Tag.MODES: json.dumps(facts.modes),
        Tag.REAL_MODES: facts.real_effective_modes,
    }
    if origin.imported is not None:
        tags[Tag.IMPORTED] = json.dumps(origin.imported)
    return {tag: value for tag, value in tags.items() if value not in (None, "", "{}", "[]")}


def changed_facts(facts: TrialFacts, start: TrialStart | None, end: TrialEnd | None) -> TrialFacts:
    """Return the facts of a trial with what its start and its end say, where there are any."""
    if start is not None:
        facts = replace(
            facts,
            stage=start.place.stage.value,
            role=start.place.role or "",
            confirms=start.place.confirms,
            point=start.place.point,
            config_digest=start.digest,
            params={key: str(value) for key, value in flat_params(start).items()},
        )
    if end is not None:
        facts = replace(
            facts,
            state=end.state.value,
            objective=end.objective,
            feasible=end.feasible,
            error=end.error,
        )
    return facts


def stage_tags(start: TrialStart) -> dict[str, str]:
    """Return the tags of a trial's stage and role."""
    return {TAG_OF[name].value: str(value) for name, value in start.place.to_json().items()}


TAG_OF = {
    "stage": Tag.STAGE,
    "role": Tag.ROLE,
    "confirms": Tag.CONFIRMS,
    "point": Tag.POINT,
}
"""By a field of StagePlace."""


def best_metrics(history: list[EvaluationRow], measure: str) -> dict[int, dict[str, float]]:
    """Return the objective, by evaluation, of each that is better than all before it.

    It is a metric of its own, so the metric's last value is the trial's best score on the way, and
    its step says when that was.
    """
    records: dict[int, dict[str, float]] = {}
    direction = MEASURES[measure].direction
    sign = -1 if direction == "up" else 1
    best = math.inf
    for evaluation, rows in itertools.groupby(history, key=lambda row: row.evaluation):
        score = median_over_seeds([row.measures.get(measure) for row in rows], direction)
        if score is not None and sign * score < best:
            best = sign * score
            records[evaluation] = {f"best/{measure}": float(score)}
    return records


def final_metrics(end: TrialEnd, measure: str) -> dict[str, float]:
    """Return the objective of a trial that spent its whole budget, as a metric of its own.

    MLflow sorts by a metric's last value, and the last value of `fid` is an early one if the trial
    was stopped or its seeds diverged.
    """
    if end.objective is None or end.state is not TrialState.COMPLETE:
        return {}
    return {f"final/{measure}": float(end.objective)}


def end_tags(end: TrialEnd) -> dict[str, str]:
    """Return the tags of a trial's end: state, objective, verdicts, error, colour."""
    tags = {
        Tag.STATE: end.state.value,
        Tag.OBJECTIVE: json.dumps(end.objective),
        Tag.FEASIBLE: json.dumps(end.feasible),
        Tag.VERDICTS: json.dumps(end.verdicts, sort_keys=True),
    }
    # The worst: in a chart of many runs it is failures that one looks for.
    worst = next((verdict for verdict in WORST_FIRST if end.verdicts.get(verdict)), None)
    tags |= {Tag.VERDICT: worst.value} if worst is not None else {}
    if end.error:
        tags[Tag.ERROR] = end.error
    colour = {RUN_COLOUR: worst.colour} if worst is not None else {}
    return {key.value: value for key, value in tags.items()} | colour

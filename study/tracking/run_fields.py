"""Turn a message into the metrics, parameters, tags and name of an MLflow run, as plain values."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.facts import StudyFacts
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import (
    FIRST_CONFIRM,
    NO_REMEDIES,
    WORST_FIRST,
    EvaluationRow,
    Stage,
    TrialState,
    Verdict,
    median_over_seeds,
    remedy_label,
)

RUN_COLOUR = "mlflow.runColor"
"""Tag of a run's colour in MLflow's charts, which is that of the worst verdict among its seeds."""


def new_rows(content: dict[str, Any], published: int) -> list[list[EvaluationRow]]:
    """Return the rows of each new evaluation in a message.

    One evaluation, or all that are not yet published if the message holds a whole history.
    """
    if not content.get("whole"):
        return [rows_of(content)]
    history = (EvaluationRow.from_json(row) for row in content["history"])
    unseen = (row for row in history if row.evaluation > published)
    return [list(rows) for _, rows in itertools.groupby(unseen, key=lambda row: row.evaluation)]


def rows_of(content: dict[str, Any]) -> list[EvaluationRow]:
    """Return the rows of the evaluation that a message announces."""
    return [EvaluationRow.from_json(row) for row in content["rows"]]


def step_of(rows: list[EvaluationRow]) -> int:
    """Return MLflow's step: generator steps, whatever the budget's unit, else another counter."""
    return int(next(value for value in rows[0].cost.values() if value is not None))


def metrics(rows: list[EvaluationRow]) -> dict[str, float]:
    """Return the metrics of one evaluation: medians over seeds, seeds per verdict, the counters."""
    medians = {
        m.name: median_over_seeds([row.measures.get(m.name) for row in rows], m.direction)
        for m in MEASURES.values()
    }
    verdicts = {
        f"seeds/{verdict}": sum(row.verdict == verdict for row in rows) for verdict in Verdict
    }
    cost = {f"cost/{name}": value for name, value in rows[0].cost.items()}
    numbers = {**medians, **verdicts, **cost}
    # None is left out: MLflow has no value for it, and NaN would show as a point.
    return {key: float(value) for key, value in numbers.items() if value is not None}


def flat_params(content: dict[str, Any]) -> dict[str, Any]:
    """Return a trial's parameters as MLflow shows them: k as a decimal, remedies as one label."""
    if "shown" in content:  # imported: there is no configuration of ours
        return dict(content["shown"])
    config = content["config"]
    params = {
        "k": _k_as_number(config["k"]),
        "method": config["method"],
        "remedies": remedy_label(config["remedies"]),
        **{
            key: config[key]
            for key in ("lr_d", "lr_g", "beta1", "beta2", "batch_size", "loss", "optimiser")
        },
        "data": config["data"]["name"],
        "model": config["model"]["name"],
        **{key: value for key, value in config["model"].items() if key not in ("name", "options")},
        "seeds": ",".join(map(str, config["seeds"])),
        "budget": f"{config['budget']['amount']:g} {config['budget']['unit']}",
    }
    chosen = {**config["remedy_options"], config["loss"]: config["loss_options"]}
    return params | {
        f"{name}.{option}": value for name, held in chosen.items() for option, value in held.items()
    }


def _k_as_number(text: str) -> float | str:
    """Return a constant k as a decimal number, a schedule as it is."""
    if " " in text:
        return text
    # A number is what MLflow's charts and comparisons can order; "1/5" would be text to them.
    numerator, _, denominator = text.partition("/")
    return int(numerator) / int(denominator or 1)


def run_name(number: int, start: dict[str, Any]) -> str:
    """Return the run's name: "0007 k=1 feature_matching", "confirm-0003 (best)".

    The role of a confirm trial, and so its name, may change when the search goes on.
    """
    if number >= FIRST_CONFIRM:
        return f"confirm-{number - FIRST_CONFIRM:04d}" + (
            f" ({start['role']})" if start.get("role") else ""
        )
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


def facts_at_start(start: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of TrialFacts that a trial's start decides."""
    tags = stage_tags(start)
    return {
        "stage": tags[Tag.STAGE],
        "role": tags.get(Tag.ROLE, ""),
        "confirms": start.get("confirms"),
        "point": start.get("point"),
        "config_digest": start["digest"],
        "params": {key: str(value) for key, value in flat_params(start).items()},
    }


def facts_at_end(end: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of TrialFacts that a trial's end decides."""
    return {
        "state": end["state"],
        "objective": (end["outcome"] or {}).get("objective"),
        "feasible": bool(end["feasible"]),
        "error": end["error"] or "",
    }


def stage_tags(start: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a trial's stage, role and point."""
    # Messages of older versions, from before there were stages, hold none.
    tags = {Tag.STAGE.value: str(start.get("stage", Stage.SEARCH.value))}
    for tag, key in ((Tag.ROLE, "role"), (Tag.CONFIRMS, "confirms"), (Tag.POINT, "point")):
        if start.get(key) is not None:
            tags[tag.value] = str(start[key])
    return tags


def best_metrics(content: dict[str, Any], measure: str) -> dict[int, dict[str, float]]:
    """Return the objective, as a metric of its own, of each evaluation that is better than all
    before it.

    So the metric's last value is the trial's best score on the way, and its step says when that
    was.
    """
    records: dict[int, dict[str, float]] = {}
    direction = MEASURES[measure].direction
    sign = -1 if direction == "up" else 1
    best = math.inf
    history = itertools.groupby(content["history"], key=lambda row: int(row["evaluation"]))
    for evaluation, rows in history:
        score = median_over_seeds([row.get(measure) for row in rows], direction)
        if score is not None and sign * score < best:
            best = sign * score
            records[evaluation] = {f"best/{measure}": float(score)}
    return records


def final_metrics(end: dict[str, Any], measure: str) -> dict[str, float]:
    """Return the objective of a trial that spent its whole budget, as a metric of its own.

    MLflow sorts by a metric's last value, and the last value of `fid` is an early one if the trial
    was stopped or its seeds diverged.
    """
    score = (end["outcome"] or {}).get("objective")
    return (
        {}
        if score is None or end["state"] != TrialState.COMPLETE
        else {f"final/{measure}": float(score)}
    )


def end_tags(end: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a trial's end: state, objective, verdicts, error, colour."""
    outcome = end["outcome"] or {}
    verdicts = outcome.get("verdicts", {})
    tags = {
        Tag.STATE: end["state"],
        Tag.OBJECTIVE: json.dumps(outcome.get("objective")),
        Tag.FEASIBLE: json.dumps(end["feasible"]),
        Tag.VERDICTS: json.dumps(verdicts, sort_keys=True),
    }
    # The worst: in a chart of many runs it is failures that one looks for.
    worst = next((verdict for verdict in WORST_FIRST if verdicts.get(verdict)), None)
    tags |= {Tag.VERDICT: worst.value} if worst is not None else {}
    if end["error"]:
        tags[Tag.ERROR] = end["error"]
    colour = {RUN_COLOUR: worst.colour} if worst is not None else {}
    return {key.value: value for key, value in tags.items()} | colour

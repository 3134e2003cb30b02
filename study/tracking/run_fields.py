"""What a message becomes in MLflow: the metrics, parameters, tags and name of a run, as plain
values.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import (
    COUNTERS,
    FIRST_CONFIRM,
    NO_REMEDIES,
    WORST_FIRST,
    Stage,
    TrialState,
    Verdict,
    median_over_seeds,
    remedy_label,
)

RUN_COLOUR = "mlflow.runColor"
"""Tag of a run's colour in MLflow's charts, which is that of the worst verdict among its seeds."""
LONGEST_NAME = 80


def new_rows(content: dict[str, Any], published: int) -> list[list[dict[str, Any]]]:
    """The rows of each evaluation that a message tells of: one, or all of them where it brings a
    whole history.
    """
    if not content.get("whole"):
        return [content["rows"]]
    unseen = (row for row in content["history"] if row["evaluation"] > published)
    return [
        list(rows) for _, rows in itertools.groupby(unseen, key=lambda row: int(row["evaluation"]))
    ]


def step_of(rows: list[dict[str, Any]]) -> int:
    """MLflow's step is the number of generator steps, whatever the budget's unit; else the counter
    that there is.
    """
    return int(next(rows[0][name] for name in COUNTERS if rows[0][name] is not None))


def metrics(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Medians over seeds, seeds per verdict, and the counters."""
    medians = {
        m.name: median_over_seeds([row.get(m.name) for row in rows], m.direction)
        for m in MEASURES.values()
    }
    verdicts = {
        f"seeds/{verdict}": sum(row["verdict"] == verdict for row in rows) for verdict in Verdict
    }
    cost = {f"cost/{name}": rows[0][name] for name in COUNTERS}
    numbers = {**medians, **verdicts, **cost}
    return {key: float(value) for key, value in numbers.items() if value is not None}


def flat_params(content: dict[str, Any]) -> dict[str, Any]:
    """The trial's parameters as MLflow shows them: k as a decimal number, remedies as one label."""
    if "shown" in content:  # of a trial without a configuration of ours
        return dict(content["shown"])
    config = content["config"]
    params = {
        "k": _k_as_shown(config["k"]),
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


def _k_as_shown(text: str) -> float | str:
    """A constant as a decimal number, a schedule as it is."""
    numerator, _, denominator = text.partition("/")
    return text if " " in text else int(numerator) / int(denominator or 1)


def run_name(number: int, start: dict[str, Any]) -> str:
    """What tells trials apart in MLflow's tables and legends: 0007 k=1 feature_matching,
    confirm-0003 (best).

    The role of a confirm trial may change when the search goes on.
    """
    if number >= FIRST_CONFIRM:
        return f"confirm-{number - FIRST_CONFIRM:04d}" + (
            f" ({start['role']})" if start.get("role") else ""
        )
    params = flat_params(start)
    parts = [f"k={str(params['k']).removesuffix('.0')}"] if "k" in params else []
    parts += [params["remedies"]] if params.get("remedies", NO_REMEDIES) != NO_REMEDIES else []
    return " ".join([f"{number:04d}", *parts])[:LONGEST_NAME]


def place_tags(start: dict[str, Any]) -> dict[str, str]:
    """The trial's place in the study; messages from before there were stages tell none."""
    told = {Tag.ROLE: start.get("role"), Tag.CONFIRMS: start.get("confirms")}
    stage = {Tag.STAGE.value: start.get("stage", Stage.SEARCH.value)}
    return stage | {key.value: str(value) for key, value in told.items() if value is not None}


def final_metrics(end: dict[str, Any], measure: str) -> dict[str, float]:
    """The score that counts, of trials that spent their budget. MLflow sorts by a metric's last
    value, and the last value of `fid` is an early one where a trial was stopped or its seeds
    diverged."""
    score = (end["outcome"] or {}).get("objective")
    return (
        {}
        if score is None or end["state"] != TrialState.COMPLETE
        else {f"final/{measure}": float(score)}
    )


def end_tags(end: dict[str, Any]) -> dict[str, str]:
    """How the trial ended."""
    outcome = end["outcome"] or {}
    verdicts = outcome.get("verdicts", {})
    tags = {
        Tag.STATE: end["state"],
        Tag.OBJECTIVE: json.dumps(outcome.get("objective")),
        Tag.FEASIBLE: json.dumps(end["feasible"]),
        Tag.VERDICTS: json.dumps(verdicts, sort_keys=True),
    }
    worst = next((verdict for verdict in WORST_FIRST if verdicts.get(verdict)), None)
    tags |= {Tag.VERDICT: worst.value} if worst is not None else {}
    tags |= {Tag.ERROR: end["error"][:5000]} if end["error"] else {}
    colour = {RUN_COLOUR: worst.colour} if worst is not None else {}
    return {key.value: value for key, value in tags.items()} | colour

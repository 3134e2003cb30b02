"""The configuration that a study recommends, or any other of its trials, with the scores of its
seeds.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.formatting import listed, number
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.confirm import BEST, confirmed, first_choice, has_role
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Stage, TrialState, Verdict


def winner(study: Study, number: int | None = None) -> dict[str, Any] | None:
    """Facts about the best trial, or about trial `number`, as plain JSON; None where no trial
    qualifies.

    The best is the search's first choice, as it was trained again on fresh seeds ([confirm]) where
    it was, whatever they said of it: the best of the confirmed would have been chosen for being
    good once more. Keys: number, run_id, config_digest, role (in words), params, objective,
    direction, value, seeds (value by seed, None where there is none), default_seed (that of median
    value), num_seeds, diverged (in words), scores (by measure: median, lowest, highest, n, floor),
    verdicts, budget, question, provenance, notes, source, python.

    Raises KeyError for a trial that the study does not have, ValueError for one without any
    evaluation.
    """
    trial = _chosen(study, number)
    if trial is None:
        return None
    measure, sign = study.objective
    seeds = study.seeds[study.seeds["number"] == trial["number"]]
    if seeds.empty:
        raise ValueError(f"trial {trial['number']} has no evaluation")
    values = {
        int(seed): _plain(value) for seed, value in zip(seeds["seed"], seeds[measure], strict=True)
    }
    alive = sorted((sign * value, seed) for seed, value in values.items() if value is not None)
    lost = [seed for seed, value in values.items() if value is None]
    return {
        "number": int(trial["number"]),
        "run_id": trial["run_id"],
        "config_digest": trial["config_digest"],
        "role": _role(study, trial),
        "params": {key: _plain(trial[key]) for key in study.searched if not pd.isna(trial[key])},
        "objective": measure,
        "direction": MEASURES[measure].direction,
        "value": _plain(trial["objective"]),
        "seeds": values,
        "default_seed": alive[(len(alive) - 1) // 2][1] if alive else next(iter(values)),
        "num_seeds": len(values),
        "diverged": f"{'seed' if len(lost) == 1 else 'seeds'} {listed(list(map(str, lost)))} diverged"
        if lost
        else "no seed diverged",
        "scores": _scores(study, trial, seeds),
        "verdicts": {v.value: int(trial[v.value]) for v in Verdict if trial[v.value]},
        "budget": _budget(study),
        "question": study.question,
        "provenance": study.provenance,
        "notes": _notes(study, trial),
        "source": study.tags.get("ganstudy.source_digest", "unknown"),
        "python": study.tags.get("ganstudy.python", "unknown"),
    }


def _chosen(study: Study, number: int | None) -> dict[str, Any] | None:
    trials = selection.ranked(study)
    fresh = first_choice(study, confirmed(study)) if number is None else None
    if fresh is not None and (
        has_role(fresh["role"], BEST)
        or fresh["number"] in set(trials.loc[trials["candidate"], "number"])
    ):
        number = fresh["number"]
    if number is not None:
        found = trials[trials["number"] == number]
        if found.empty:
            known = ", ".join(map(str, sorted(trials["number"])[:20])) or "none"
            raise KeyError(f"the study {study.name!r} has no trial {number}; it has: {known}")
        return _row(found)
    candidates = _candidates(study)
    return None if candidates.empty else _row(candidates)


def _row(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(key): value for key, value in frame.iloc[0].to_dict().items()}


def _candidates(study: Study) -> pd.DataFrame:
    """Of the search, the best first."""
    searched = selection.ranked(study.of_stage(Stage.SEARCH))
    return searched[searched["candidate"]]


def _role(study: Study, trial: dict[str, Any]) -> str:
    if trial.get("stage") == Stage.CONFIRM.value:
        of = "" if pd.isna(trial["confirms"]) else f", trial {int(trial['confirms'])} of the search"
        return f"Trained again on fresh seeds after the search ({trial.get('role') or Stage.CONFIRM.value}{of})."
    if trial["state"] != TrialState.COMPLETE:
        return f"A trial of the search that is {trial['state']}: it did not spend its whole budget."
    return "A trial of the search."


def _notes(study: Study, trial: dict[str, Any]) -> list[str]:
    """What keeps the scores from being what they seem."""
    if trial.get("stage") == Stage.CONFIRM.value:
        lost = int(trial[selection.FAILED])
        return (
            [f"{lost} of {trial['num_seeds']} fresh seeds collapsed, cycled or diverged."]
            if lost
            else []
        )
    if not trial["candidate"]:
        return []
    again = confirmed(study)
    for fresh in again[(again["confirms"] == trial["number"]) & again["score"].notna()].to_dict(
        "records"
    ):
        name = MEASURES[study.objective.measure].label
        return [
            f"By such scores the search chose, which flatters them. On {fresh['num_seeds']} fresh seeds: {name} "
            f"{number(fresh['score'])}, {fresh['failed']} failed (trial {fresh['number']}); quote that."
        ]
    return [
        f"Chosen from {len(_candidates(study))} complete trials within the constraints by these very scores, which "
        "flatters them: train it again on fresh seeds before quoting it."
    ]


def _budget(study: Study) -> str:
    return f"{study.budget.amount:g} {study.budget.unit.replace('_', ' ')}"


def _scores(study: Study, trial: dict[str, Any], seeds: pd.DataFrame) -> dict[str, dict[str, Any]]:
    found = {}
    for name in MEASURES:
        known = seeds[name].dropna()
        if len(known):
            found[name] = {
                "median": _plain(trial[name]),
                "lowest": float(known.min()),
                "highest": float(known.max()),
                "n": len(known),
                "floor": study.floor.get(name),
            }
    return found


def _plain(value: Any) -> Any:
    """As JSON has it; None for a missing number."""
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value

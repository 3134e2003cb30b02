"""The answer in words: every sentence is made from a table, with its n and interval.

Where the data cannot tell, that is the sentence.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis import tables
from analysis.figures import label
from analysis.intervals import MIN_CONFIGURATIONS
from analysis.limits import limits
from analysis.load import Study
from trials.catalogue import MEASURES
from trials.records import TrialState, Verdict

SAMPLERS = {
    "random": "at random, so these groups differ in their other settings by chance only",
    "tpe": "by TPE, which goes where scores are good, so these groups differ in their other settings too",
}


def sentences(study: Study) -> list[str]:
    """The answer, most important first; plain text."""
    if study.trials.empty:
        return ["No trial has been published yet."]
    compared = [*_by_k(study), *_remedies(study)]
    return [_best(study), _outcomes(study), *compared, *([_caveat(study)] if compared else []), *limits(study)]


def _best(study: Study) -> str:
    winners = _rows(tables.best(study, 1))
    if not winners:
        return _none_recommended(study)
    winner, (measure, _) = winners[0], tables.objective(study)
    candidates = int(tables.ranked(study)["candidate"].sum())
    spread = f"{_number(winner['lowest'])} to {_number(winner['highest'])}"
    if winner["diverged"]:
        spread += f", {_count(winner['diverged'], 'seed')} diverged"
    median = f"the median of {winner['num_seeds']} seeds ({spread})" if winner["num_seeds"] > 1 else "on a single seed"
    text = f"Best configuration (trial {winner['number']})"
    text += f": {settings}. " if (settings := _settings(study, winner)) else ". "
    text += f"{MEASURES[measure].label} {_number(winner[measure])}, {median}"
    if measure in study.floor:
        text += f"; real against real scores {_number(study.floor[measure])} at the same n"
    text += (
        "."
        if not study.mode_names or _absent(winner["fewest_modes"])
        else f". {_modes(winner, len(study.mode_names))}."
    )
    if candidates > 1:
        text += (
            f" It is the best of {candidates} complete trials within the constraints, and being chosen flatters a "
            "score: train it again on fresh seeds before quoting it."
        )
    return text


def _modes(winner: dict[str, Any], known: int) -> str:
    every = "Every seed covers" if winner["num_seeds"] > 1 else "It covers"
    if winner["diverged"]:
        every = "Every other seed covers"
    fewest = int(winner["fewest_modes"])
    return f"{every} all {known} modes" if fewest == known else f"{every} at least {fewest} of {known} modes"


def _none_recommended(study: Study) -> str:
    text = "No configuration can be recommended: "
    complete = int((study.trials["state"] == TrialState.COMPLETE).sum())
    if not complete:
        return f"{text}no trial has spent its whole budget."
    text += f"of {_count(complete, 'trial')} that ran to the end, none has a score within the study's constraints"
    text += f" ({limits})." if (limits := _limits(study)) else "."
    measure, _ = tables.objective(study)
    for trial in _rows(tables.nearest(study)):
        text += (
            f" Nearest to it: trial {trial['number']} ({_settings(study, trial)}), which lost {trial['lost']} of "
            f"{trial['num_seeds']} seeds; {MEASURES[measure].label} {_number(trial['objective'])}."
        )
    return text


def _limits(study: Study) -> str:
    require = study.spec.get("objective", {}).get("require", {})
    none = " or ".join(name for name, limit in require.items() if not limit)
    some = [f"at most {_count(limit, 'seed')} {name}" for name, limit in require.items() if limit]
    return ", ".join([*([f"no seed {none}"] if none else []), *some])


def _settings(study: Study, trial: dict[str, Any]) -> str:
    asked = [key for key in tables.searched(study) if not _absent(trial[key])]
    return ", ".join(_setting(key, trial[key]) for key in asked)


def _setting(key: str, value: Any) -> str:
    if key == "remedies":
        return "no remedy" if value == tables.NONE else label(value)
    whole = isinstance(value, float) and value == int(value)
    return f"{key} = {value:.2g}" if isinstance(value, float) and not whole else f"{key} = {label(value)}"


def _absent(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _outcomes(study: Study) -> str:
    counted = tables.outcomes(study)
    states = ", ".join(f"{row['trials']} {row['state']}" for row in _rows(counted))
    seeds = {verdict: int(counted[verdict.value].sum()) for verdict in Verdict}
    total, lost = sum(seeds.values()), int((tables.ranked(study)[tables.LOST] > 0).sum())
    configurations = f"{_count(len(study.trials), 'configuration')} ({states})"
    if not total:
        text = f"{configurations}, none of them evaluated"
    elif not lost:
        text = (
            f"None of {configurations} lost a seed: of {_count(total, 'seed')} none had collapsed, cycled or diverged"
        )
    else:
        kinds = {Verdict.COLLAPSED: "had collapsed", Verdict.CYCLING: "were cycling", Verdict.DIVERGED: "had diverged"}
        collapsed, cycling, diverged = (f"{seeds[verdict]} {words}" for verdict, words in kinds.items())
        text = (
            f"{lost} of {configurations} lost at least one seed. Of all {_count(total, 'seed')}, at the last "
            f"evaluation of their trial {collapsed}, {cycling} and {diverged}"
        )
    if (study.trials["error"] != "").any():
        text += "; the report lists the errors of those that failed"
    return text + "."


def _by_k(study: Study) -> list[str]:
    if "k" not in tables.searched(study):
        return []
    table = tables.by_setting(study, "k")
    if table.empty:
        return []
    measure, sign = tables.objective(study)
    first = table[(table["evaluation"] == table["evaluation"].min()) & (table["configurations"] > 0)]
    if len(first) < 2:
        return []
    ahead = tables.leader(table, "k", sign)
    if ahead:
        verdict = f"k = {label(ahead[0])} is ahead of k = {' and '.join(label(value) for value in ahead[1])}"
    else:
        verdict = "Which k is best cannot be told from these data"
    parts = [f"{_interval(row)} for k = {label(row['k'])} ({_counted(row)})" for row in _rows(first)]
    name = MEASURES[measure].label
    return [
        f"{verdict}: at {first['progress'].iloc[0]:g} {_unit(study)}, the last evaluation that every trial reached, "
        f"the median {name} and its 95% interval are {'; '.join(parts)}."
        + (f" Below {MIN_CONFIGURATIONS} configurations there is no interval." if _few(first["median_low"]) else "")
    ]


def _counted(row: dict[str, Any]) -> str:
    return _count(row["configurations"], "configuration")


def _interval(row: dict[str, Any]) -> str:
    ends = row["median_low"], row["median_high"]
    middle = _number(row["median"])
    return middle if math.isnan(ends[0]) else f"{middle} [{_number(ends[0])}, {_number(ends[1])}]"


def _few(ends: pd.Series) -> bool:
    return bool(ends.isna().any())


def _remedies(study: Study) -> list[str]:
    table = tables.remedies_against_none(study)
    if table.empty:
        return []
    rows = _rows(table)
    where = f"at {rows[0]['progress']:g} {_unit(study)}"
    control = rows[0]["control_configurations"]
    if not control:
        return [f"Remedies {where}: no trial without remedy can be compared with."]
    measure, _ = tables.objective(study)
    parts = [_effect(row, MEASURES[measure].label) for row in rows if row["verdict"] != "open"]
    untold = [row for row in rows if row["verdict"] == "open"]
    if untold:
        names = ", ".join(f"{label(row['remedies'])} ({row['configurations']})" for row in untold)
        parts.append(f"no difference to no remedy ({_count(control, 'configuration')}) can be told for {names}")
    text = f"Remedies {where}: {'; '.join(parts)}."
    if len(rows) > 1 and any(row["verdict"] != "open" for row in rows):
        text += f" The intervals hold for the {len(rows)} comparisons together."
    if _few(table["low"]):
        text += f" Below {MIN_CONFIGURATIONS} configurations on either side nothing can be told."
    return [text]


def _effect(row: dict[str, Any], name: str) -> str:
    return (
        f"{label(row['remedies'])} is {row['verdict']} than no remedy, {name} {_signed(row['difference'])} with 95% "
        f"interval [{_signed(row['low'])}, {_signed(row['high'])}] ({row['configurations']} against "
        f"{_count(row['control_configurations'], 'configuration')})"
    )


def _caveat(study: Study) -> str:
    sampler = str(study.spec.get("search", {}).get("sampler", "tpe"))
    drawn = SAMPLERS.get(sampler, f"by {sampler}, so these groups may differ in their other settings too")
    return f"The configurations were drawn {drawn}."


def _number(value: float) -> str:
    """A median or an end of its interval; not finite where it falls on diverged seeds."""
    return f"{value:.3g}" if math.isfinite(value) else "diverged"


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−") if math.isfinite(value) else "diverged"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _unit(study: Study) -> str:
    return str(study.spec["train"]["budget"]["unit"]).replace("_", " ")


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]

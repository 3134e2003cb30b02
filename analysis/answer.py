"""The answer in words: every sentence is made from a table, with its n and interval.

Where the data cannot tell, that is the sentence.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis import tables
from analysis.figures import label
from analysis.load import Study
from trials.records import MEASURES, TrialState, Verdict


def sentences(study: Study) -> list[str]:
    """The answer, most important first; plain text."""
    if study.trials.empty:
        return ["No trial has been published yet."]
    return [_best(study), *_lost(study), *_by_k(study), *_remedies(study)]


def _best(study: Study) -> str:
    winners = tables.best(study, 1)
    measure, _ = tables.objective(study)
    name = MEASURES[measure].label
    if winners.empty:
        complete = int((study.trials["state"] == TrialState.COMPLETE).sum())
        return (
            f"No configuration can be recommended: none of the {complete} that spent their whole budget "
            "satisfies the study's constraints on every seed."
        )
    winner = winners.iloc[0].to_dict()
    settings = ", ".join(_setting(key, winner[key]) for key in tables.searched(study) if not _absent(winner[key]))
    text = (
        f"Best configuration (trial {winner['number']}): {settings}. {name} {winner[measure]:.3g}, the median of "
        f"{winner['num_seeds']} seeds ({winner['lowest']:.3g} to {winner['highest']:.3g})"
    )
    if measure in study.floor:
        text += f"; real against real scores {study.floor[measure]:.3g} at the same n"
    covered = f"{winner['modes_covered']:g} of {len(study.mode_names)}" if study.mode_names else ""
    return f"{text}. Modes covered on every seed: at least {covered}." if covered else f"{text}."


def _setting(key: str, value: Any) -> str:
    if key == "remedies":
        return "no remedy" if value == "none" else label(value)
    return f"{key} = {value:.2g}" if isinstance(value, float) else f"{key} = {label(value)}"


def _absent(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _lost(study: Study) -> list[str]:
    counted = tables.outcomes(study)
    trials = {row["state"]: int(row["trials"]) for row in counted.to_dict("records")}
    seeds = {verdict: int(counted[verdict.value].sum()) for verdict in Verdict}
    states = ", ".join(f"{number} {state}" for state, number in trials.items())
    lost_somewhere = study.trials[[verdict.value for verdict in tables.NOT_TRAINING]].sum(axis=1) > 0
    return [
        f"Of {len(study.trials)} configurations ({states}), {int(lost_somewhere.sum())} lost at least one seed. "
        f"At each trial's last evaluation, of {sum(seeds.values())} seeds {seeds[Verdict.COLLAPSED]} had collapsed, "
        f"{seeds[Verdict.CYCLING]} were cycling and {seeds[Verdict.DIVERGED]} had diverged."
    ]


def _by_k(study: Study) -> list[str]:
    if "k" not in tables.searched(study):
        return []
    table = tables.by_setting(study, "k")
    if table.empty:
        return []
    first = table[table["evaluation"] == table["evaluation"].min()]
    first = first[first["configurations"] > 0].sort_values("median")
    where = f"at {first['progress'].iloc[0]:g} {_unit(study)}, the last evaluation that every trial reached"
    parts = [
        f"k = {label(row['k'])}: {_interval(row)} ({row['configurations']} configurations)" for row in _rows(first)
    ]
    lead, rest = first.iloc[0], first.iloc[1:]
    apart = len(rest) > 0 and not math.isnan(lead["median_high"]) and (lead["median_high"] < rest["median_low"]).all()
    verdict = (
        f"k = {label(lead['k'])} is ahead"
        if apart
        else "the intervals overlap: which k is best cannot be told from these data"
    )
    return [f"FID by k, {where}: {'; '.join(parts)}. So {verdict}."]


def _interval(row: dict[str, Any]) -> str:
    if not math.isfinite(row["median"]):
        return "no median"
    if math.isnan(row["median_low"]):
        return f"{row['median']:.3g}, too few for an interval"
    return f"{row['median']:.3g} [{row['median_low']:.3g}, {row['median_high']:.3g}]"


def _remedies(study: Study) -> list[str]:
    table = tables.remedies_against_none(study)
    if table.empty:
        return []
    told = [row for row in _rows(table) if row["told"]]
    where = f"at {table['progress'].iloc[0]:g} {_unit(study)}"
    text = [
        f"{label(row['remedies'])} differs from no remedy by {row['difference']:+.3g} FID "
        f"[{row['low']:+.3g}, {row['high']:+.3g}] ({row['configurations']} against {row['control_configurations']} "
        f"configurations)"
        for row in told
    ]
    untold = [label(row["remedies"]) for row in _rows(table) if not row["told"]]
    if untold:
        text.append(f"for {', '.join(untold)} no difference to no remedy can be told from these data")
    joined = "; ".join(text)
    return [f"Remedies {where}: {joined}. The other settings were not matched, and the search chose them."]


def _unit(study: Study) -> str:
    return str(study.spec["train"]["budget"]["unit"]).replace("_", " ")


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]

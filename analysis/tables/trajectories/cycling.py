"""Follow cycling over time: the shares of modes for typical seeds, and how often seeds cycle.

There is a typical seed of each verdict, and a share of cycling seeds under each setting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable_verdicts import first_failures
from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.frames.designed import distinct_compared
from ganstudy.analysis.frames.selection import groups, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import (
    at_times,
    common_times,
    ended_trajectories,
    proportion_by_trial,
    trajectories,
    trial_of,
)
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.stats.order_statistics import median
from ganstudy.analysis.tables.configurations.search import mode_shares, typical_seeds
from ganstudy.analysis.tables.rows import table_of
from ganstudy.analysis.tables.trajectories.failures import visible_from
from ganstudy.trials.results.catalogue import CYCLING, MEASURES
from ganstudy.trials.results.records import Verdict

MOVES = tuple(measure.name for measure in MEASURES.values() if measure.group == CYCLING)
HEATMAP_COLUMNS = [
    "number",
    "seed",
    "verdict",
    "why",
    "generator_steps",
    "mode",
    "mode_name",
    "share",
]


def mode_heatmaps(study: Study) -> pd.DataFrame:
    """Return the share of every mode over time of search.typical_seeds.

    There is one row per seed, evaluation and mode.

    number, seed, verdict (at its end), why ('best configuration' or 'typical'), generator_steps,
    mode (index), mode_name (the index as text where names are unknown), share (of the samples).
    Seeds without histograms have none.
    """
    study = search_stage(study)
    frames = []
    for seed in _typical(study).to_dict("records"):
        shares = mode_shares(study, int(seed["number"]), int(seed["seed"]))
        if shares.empty:
            continue
        long = (
            shares.rename_axis(index="mode")
            .reset_index()
            .melt("mode", var_name="generator_steps", value_name="share")
        )
        long = long.astype({"generator_steps": float}).sort_values(
            ["generator_steps", "mode"], ignore_index=True
        )
        frames.append(
            long.assign(**{str(key): seed[key] for key in ("number", "seed", "verdict", "why")})
        )
    if not frames:
        return pd.DataFrame(columns=HEATMAP_COLUMNS)
    made = pd.concat(frames, ignore_index=True)
    names = study.mode_names
    made["mode_name"] = [names[mode] if mode < len(names) else str(mode) for mode in made["mode"]]
    return made[HEATMAP_COLUMNS]


def _typical(study: Study) -> pd.DataFrame:
    """Return search.typical_seeds, empty where the study lacks verdicts or scores."""
    needed = {"verdict", study.objective.measure, "evaluation"}
    if study.evaluations.empty or not needed <= set(study.evaluations):
        return pd.DataFrame(columns=["number", "seed", "verdict", "why"])
    return typical_seeds(study)


def cycling_trajectories(study: Study, axis: str | None = None) -> pd.DataFrame:
    """Return how the modes of search.typical_seeds moved: one row per seed and evaluation.

    number, seed, verdict (at its end), why, evaluation, progress (on `axis`), verdict_then,
    movement, dominant_switches, returns, hidden_coverage, effective_modes, the objective's measure,
    unit. NaN where a study has no such measure.
    """
    study, measure = search_stage(study), study.objective.measure
    wanted = [*MOVES, "effective_modes", *([measure] if measure != "effective_modes" else [])]
    head = ["number", "seed", "verdict", "why", "evaluation", "progress", "verdict_then"]
    chosen = _typical(study)
    rows = trajectories(study, axis)
    if rows.empty or chosen.empty:
        return pd.DataFrame(columns=[*head, *wanted, "unit"])
    rows = rows.rename(columns={"verdict": "verdict_then"})
    made = chosen.merge(rows, on=["number", "seed"], how="inner")
    missing = {name: NAN for name in wanted if name not in made}
    return made.assign(unit=axis or own_axis(study), **missing)[[*head, *wanted, "unit"]]


@dataclass(frozen=True)
class CyclingRow:
    """How often the seeds of one value of a setting cycle, at one time."""

    group: Any
    progress: float
    configurations: int
    num_seeds: int
    cycling: Estimate
    returns: Estimate
    switches: Estimate
    returned: Estimate
    configurations_with_modes: int
    unit: str


def cycling_by(study: Study, setting: str | None = None, axis: str | None = None) -> pd.DataFrame:
    """Estimate how often seeds cycle per value of a setting.

    The times are the last one that all ended trials reached, and the end.

    setting (or `group`), progress (on `axis`), configurations and num_seeds (that got there),
    cycling (share of seeds whose verdict was cycling then; NaN where none can be yet) with _low and
    _high (95%), returns and
    switches so far (median over configurations of the median over seeds) with _low and _high,
    returned (share of seeds with at least one return) with _low and _high,
    configurations_with_modes (that the last three come from: those with histograms), unit.
    """
    study, unit = distinct_compared(study, setting), axis or own_axis(study)
    rows = ended_trajectories(study, axis)
    points = np.array(common_times(rows))
    made: list[CyclingRow] = []
    if not len(points) or "verdict" not in rows:
        return table_of(CyclingRow, made, setting)
    known = rows["verdict"].isin([str(verdict) for verdict in Verdict])
    # NaN without a verdict: 0 would count the seed as one that does not cycle.
    cycles = (rows["verdict"] == Verdict.CYCLING.value).astype(float).where(known)
    counts = {
        name: rows[name] if name in rows else cycles * NAN
        for name in ("returns", "dominant_switches")
    }
    tables = {name: at_times(rows, values, points) for name, values in counts.items()}
    verdicts = at_times(rows, cycles, points)
    earliest = first_failures(rows, (Verdict.CYCLING,))
    visible = float(visible_from(rows, earliest).min(initial=np.inf))
    number = trial_of(rows)
    for value, numbers in groups(study, setting).items():
        for column, progress in enumerate(points):
            seeds = pd.DataFrame(
                {
                    "number": number,
                    "cycling": verdicts[:, column],
                    "returns": tables["returns"][:, column],
                    "switches": tables["dominant_switches"][:, column],
                }
            )
            seeds = seeds[seeds["number"].isin(numbers) & seeds["cycling"].notna()]
            if len(seeds):
                row = _row(value, progress, seeds, unit)
                # Where no seed can cycle yet, that none does is no finding.
                made.append(replace(row, cycling=Estimate(NAN)) if progress < visible else row)
    return table_of(CyclingRow, made, setting)


def _row(value: Any, progress: float, seeds: pd.DataFrame, unit: str) -> CyclingRow:
    cycling = proportion_by_trial(seeds["cycling"] == 1, seeds["number"])
    with_modes = seeds[seeds["returns"].notna() & seeds["switches"].notna()]
    # Medians: the counts of a few restless seeds would decide a mean.
    by_trial = with_modes.groupby("number")[["returns", "switches"]].median()
    returned = proportion_by_trial(with_modes["returns"] > 0, with_modes["number"])
    return CyclingRow(
        group=value,
        progress=progress,
        configurations=seeds["number"].nunique(),
        num_seeds=len(seeds),
        cycling=cycling,
        returns=median(by_trial["returns"]),
        switches=median(by_trial["switches"]),
        returned=returned,
        configurations_with_modes=len(by_trial),
        unit=unit,
    )

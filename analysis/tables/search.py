"""From frames to the numbers that the report shows: every picture and every sentence comes from one
of these.

Comparisons between settings use the evaluation that every trial reached, since the scheduler lets
only the promising ones go on: their later scores are a selection. The full budget is shown beside
it, with how many reached it. Scores are those of the study's objective.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import (
    LOST,
    SEED,
    common_evaluations,
    groups,
    objective,
    ranked,
    scores_at,
    searched,
)
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import Estimate, Scores, median_of_configurations, share
from ganstudy.trials.results.records import TrialState, Verdict


def best(study: Study, count: int = 5) -> pd.DataFrame:
    """The best complete trials that satisfy the constraints, with their spread over seeds.

    number, the searched hyperparameters, the objective's measure (median over seeds), lowest and
    highest (single seeds, of those with a value), diverged (seeds without one), fewest_modes (least
    over seeds), median_recall, num_seeds.
    """
    measure, _ = objective(study)
    trials = ranked(study)
    rows = []
    for trial in trials[trials["candidate"]].head(count).to_dict("records"):
        seeds = study.seeds[study.seeds["number"] == trial["number"]]
        rows.append(
            {
                "number": trial["number"],
                **{key: trial[key] for key in searched(study)},
                measure: trial["objective"],
                "lowest": seeds[measure].min(),
                "highest": seeds[measure].max(),
                "diverged": trial[Verdict.DIVERGED],
                "fewest_modes": seeds["modes_covered"].min(),
                "median_recall": trial["recall"],
                "num_seeds": trial["num_seeds"],
            }
        )
    ends = ["lowest", "highest", "diverged", "fewest_modes", "median_recall", "num_seeds"]
    return pd.DataFrame(rows, columns=["number", *searched(study), measure, *ends])


def nearest(study: Study) -> pd.DataFrame:
    """At most one row of `ranked`: the complete trial with the fewest lost seeds, of those the
    best.
    """
    trials = ranked(study)
    complete = trials[(trials["state"] == TrialState.COMPLETE) & trials["objective"].notna()]
    return complete.sort_values(LOST, kind="stable").head(1)


def outcomes(study: Study) -> pd.DataFrame:
    """state, trials; then one column per verdict: seeds at the last evaluation of the trials in
    that state.
    """
    verdicts = [verdict.value for verdict in Verdict]
    counted = study.trials.groupby("state")[verdicts].sum()
    counted.insert(0, "trials", study.trials.groupby("state").size())
    order = [state.value for state in TrialState if state.value in counted.index]
    return counted.loc[order].reset_index()


def by_setting(study: Study, setting: str) -> pd.DataFrame:
    """How the values of one hyperparameter did in the study's objective, at each common evaluation.

    setting, evaluation, progress, configurations (n), num_seeds, median with median_low and
    median_high (95%; NaN below intervals.MIN_CONFIGURATIONS, infinite where diverged seeds are
    reached), lost_share with lost_share_low and lost_share_high (95%).
    """
    measure, sign = objective(study)
    rows: list[dict[str, Any]] = []
    for common in common_evaluations(study):
        frame = scores_at(study, common.evaluation, measure)
        for value, numbers in groups(study, setting).items():
            group = frame[frame["number"].isin(numbers)]
            scores = _stack(group)
            median = median_of_configurations(scores, np.random.default_rng(SEED))
            gone = share(group[LOST].to_numpy(dtype=np.int64), scores.shape[1])
            rows.append(
                {
                    setting: value,
                    "evaluation": common.evaluation,
                    "progress": common.progress,
                    "configurations": len(group),
                    "num_seeds": int(group["seeds"].sum()),
                    **_columns("median", median, sign),
                    **_columns("lost_share", gone),
                }
            )
    ends = [f"{name}{end}" for name in ("median", "lost_share") for end in ("", "_low", "_high")]
    return pd.DataFrame(
        rows, columns=[setting, "evaluation", "progress", "configurations", "num_seeds", *ends]
    )


def learning_rates(study: Study) -> pd.DataFrame:
    """number, lr_d, lr_g, k, remedies, state, the objective's measure (median over seeds),
    evaluations, lost and num_seeds, at the last evaluation."""
    measure, _ = objective(study)
    trials = ranked(study)
    wanted = [
        "number",
        "lr_d",
        "lr_g",
        "k",
        "remedies",
        "state",
        measure,
        "evaluations",
        LOST,
        "num_seeds",
    ]
    return trials[[column for column in wanted if column in trials]].sort_values(
        "number", ignore_index=True
    )


def convergence(study: Study) -> pd.DataFrame:
    """number, evaluation, progress, median of the objective's measure (NaN where it falls on a
    diverged seed), lowest and highest over the seeds that have a value, num_seeds (that have one).
    """
    measure, sign = objective(study)
    unit = study.spec["train"]["budget"]["unit"]
    rows = study.evaluations.assign(ranked=(sign * study.evaluations[measure]).fillna(np.inf))
    frame = rows.groupby(["number", "evaluation"]).agg(
        progress=(unit, "first"),
        median=("ranked", "median"),
        lowest=(measure, "min"),
        highest=(measure, "max"),
        num_seeds=(measure, "count"),
    )
    return frame.assign(
        median=sign * frame["median"].where(np.isfinite(frame["median"]))
    ).reset_index()


BANDS = {"low_80": 0.1, "low_50": 0.25, "median": 0.5, "high_50": 0.75, "high_80": 0.9}


def convergence_bands(study: Study) -> pd.DataFrame:
    """evaluation, progress, trials (that reached it), and quantiles over them of `median` of the
    table convergence: low_80 and high_80 (the middle 80%), low_50 and high_50 (the middle half),
    median.

    A trial whose median falls on a diverged seed ranks worst; NaN where a quantile does.
    """
    _, sign = objective(study)
    curves = convergence(study)
    ranks = (sign * curves["median"]).fillna(np.inf).groupby(curves["evaluation"])
    bands = pd.DataFrame(
        {name: ranks.quantile(at, interpolation="lower") for name, at in BANDS.items()}
    )
    bands = sign * bands.where(np.isfinite(bands))
    if sign < 0:
        bands = bands.rename(columns=dict(zip(BANDS, reversed(BANDS), strict=True)))[list(BANDS)]
    by_evaluation = curves.groupby("evaluation")
    bands.insert(0, "progress", by_evaluation["progress"].median())
    bands.insert(1, "trials", by_evaluation.size())
    return bands.reset_index()


COSTS = {
    **dict.fromkeys(("generator_steps", "discriminator_steps", "images"), 1.0),
    **{"seconds": 3600.0, "evaluation_seconds": 3600.0, "device_seconds": 3600.0},
}


def cost(study: Study) -> pd.DataFrame:
    """state, trials, generator_steps, discriminator_steps, images (of one seed, summed over
    trials), hours (of training), evaluation_hours, device_hours; one row per state and one for
    `all`. NaN where nothing was counted."""
    known = [name for name in COSTS if name in study.trials]
    spent = (study.trials[known] / pd.Series({name: COSTS[name] for name in known})).groupby(
        study.trials["state"]
    )
    rows = spent.sum(min_count=1)
    rows.insert(0, "trials", study.trials.groupby("state").size())
    rows = rows.loc[[state.value for state in TrialState if state.value in rows.index]]
    if len(rows) != 1:
        rows.loc["all"] = rows.sum(min_count=1)
    hours = {
        "seconds": "hours",
        "evaluation_seconds": "evaluation_hours",
        "device_seconds": "device_hours",
    }
    whole = {
        name: "Int64"
        for name in ("trials", "generator_steps", "discriminator_steps", "images")
        if name in rows
    }
    return (
        rows.rename(columns=hours)
        .round(dict.fromkeys(hours.values(), 6))
        .astype(whole)
        .reset_index(names="state")
    )


def typical_seeds(study: Study) -> pd.DataFrame:
    """One (number, seed) per verdict that occurs: of the longest trials, the one of median score;
    before them the median seed of the best configuration."""
    measure, sign = objective(study)
    last = study.seeds.assign(order=sign * study.seeds[measure]).sort_values("order", kind="stable")
    chosen = []
    winners = best(study, 1)
    if len(winners):
        chosen.append(
            _middle(last[last["number"] == winners["number"].iloc[0]]).assign(
                why="best configuration"
            )
        )
    for verdict in Verdict:
        group = last[last["verdict"] == verdict.value]
        if len(group):
            longest = group[group["evaluation"] == group["evaluation"].max()]
            chosen.append(_middle(longest).assign(why="typical"))
    frame = pd.concat(chosen) if chosen else last.assign(why="")
    return (
        frame[["number", "seed", "verdict", "why"]]
        .drop_duplicates(["number", "seed"])
        .reset_index(drop=True)
    )


def _middle(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[[(len(rows) - 1) // 2]]


def mode_film(study: Study, number: int, seed: int) -> pd.DataFrame:
    """Share of the samples per mode (rows, in the order of mode_names) over generator steps
    (columns).
    """
    rows = study.modes[(study.modes["number"] == number) & (study.modes["seed"] == seed)]
    counts = rows.pivot_table(
        index="mode", columns="generator_steps", values="count", aggfunc="sum"
    )
    return counts / counts.sum()


def _stack(group: pd.DataFrame) -> Scores:
    return np.stack(group["scores"].to_list()) if len(group) else np.empty((0, 1))


def _columns(name: str, estimate: Estimate, sign: int = 1) -> dict[str, float]:
    """The estimate in the measure's own direction."""
    ends = (estimate.low, estimate.high) if sign > 0 else (-estimate.high, -estimate.low)
    return {name: sign * estimate.value, f"{name}_low": ends[0], f"{name}_high": ends[1]}

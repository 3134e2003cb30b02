"""Tables of the search as a whole: its best trials, outcomes, cost, and scores by setting.

Comparisons between settings use the evaluation that every trial reached, since the scheduler lets
only the promising ones go on: their later scores are a selection. The full budget is shown beside
it, with how many reached it. Scores are those of the study's objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import TOLERANCE, common_budgets, compared_scores
from ganstudy.analysis.frames.selection import FAILED, groups, ranked
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.tables.rows import table_of
from ganstudy.trials.results.records import TrialState, Verdict


def best(study: Study, count: int = 5) -> pd.DataFrame:
    """Return the best complete trials that satisfy the constraints, with their spread over seeds.

    number, the searched hyperparameters, the objective's measure (median over seeds), lowest and
    highest (single seeds, of those with a value), diverged (seeds without one), fewest_modes (least
    over seeds), median_recall, num_seeds.
    """
    measure = study.objective.measure
    trials = ranked(study)
    rows = []
    for trial in trials[trials["candidate"]].head(count).to_dict("records"):
        seeds = study.seeds[study.seeds["number"] == trial["number"]]
        rows.append(
            {
                "number": trial["number"],
                **{key: trial[key] for key in study.searched},
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
    return pd.DataFrame(rows, columns=["number", *study.searched, measure, *ends])


def nearest(study: Study) -> pd.DataFrame:
    """Return the complete trial of `ranked` with the fewest failed seeds, at most one row.

    Of several it is the best.
    """
    trials = ranked(study)
    complete = trials[(trials["state"] == TrialState.COMPLETE) & trials["objective"].notna()]
    return complete.sort_values(FAILED, kind="stable").head(1)


def outcomes(study: Study) -> pd.DataFrame:
    """Return the outcomes of the search's trials, one row per state.

    The columns are state, trials, and one per verdict: seeds at the last evaluation of the trials
    in that state.
    """
    verdicts = [verdict.value for verdict in Verdict]
    counted = study.trials.groupby("state")[verdicts].sum()
    counted.insert(0, "trials", study.trials.groupby("state").size())
    order = [state.value for state in TrialState if state.value in counted.index]
    return counted.loc[order].reset_index()


@dataclass(frozen=True)
class BySettingRow:
    """The objective and the failed seeds of one value of a setting, at one evaluation."""

    group: Any
    evaluation: int
    progress: float
    configurations: int
    num_seeds: int
    median: Estimate
    failed_share: Estimate


def by_setting(study: Study, setting: str) -> pd.DataFrame:
    """Estimate the objective and the failed seeds for each value of one hyperparameter.

    There is an estimate at each common evaluation.

    setting, evaluation, progress, configurations (n), num_seeds, median with median_low and
    median_high (95%; NaN below estimate.MIN_CONFIGURATIONS, infinite where diverged seeds are
    reached), failed_share with failed_share_low and failed_share_high (95%).
    """
    return table_of(BySettingRow, by_settings(study, [setting])[setting], setting)


def by_settings(study: Study, settings: Sequence[str]) -> dict[str, list[BySettingRow]]:
    """Return the rows of by_setting for each of the settings."""
    made: dict[str, list[BySettingRow]] = {name: [] for name in settings}
    by_value = {name: groups(study, name) for name in settings}
    for amount in common_budgets(study):
        # Once for all settings: of many trials it takes longer than the rest.
        frame = compared_scores(study, amount=amount)
        reached = amount * (1 + TOLERANCE)
        evaluation = int(np.searchsorted(study.evaluation_times, reached, side="right"))
        for name in settings:
            for value, numbers in by_value[name].items():
                group = frame.only(numbers)
                made[name].append(
                    BySettingRow(
                        group=value,
                        evaluation=evaluation,
                        progress=amount,
                        configurations=len(group.numbers),
                        num_seeds=group.num_seeds,
                        median=group.median(),
                        failed_share=group.failed_share(),
                    )
                )
    return made


def learning_rates(study: Study) -> pd.DataFrame:
    """Return the learning rates of all trials with their outcomes.

    number, lr_d, lr_g, k, remedies, state, the objective's measure (median over seeds),
    evaluations, failed and num_seeds, at the last evaluation.
    """
    measure = study.objective.measure
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
        FAILED,
        "num_seeds",
    ]
    return trials[[column for column in wanted if column in trials]].sort_values(
        "number", ignore_index=True
    )


def convergence(study: Study) -> pd.DataFrame:
    """Return the score of every trial at every evaluation.

    number, evaluation, progress, median of the objective's measure (NaN where it falls on a
    diverged seed), lowest and highest over the seeds that have a value, num_seeds (that have one).
    """
    measure, sign = study.objective
    unit = study.budget.unit
    # Infinite for the median, so that a diverged seed ranks worst; NaN again in the table.
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
    """Return quantiles over the trials of `median` of the table convergence.

    evaluation, progress, trials (that reached it), low_80 and high_80 (the middle 80%), low_50 and
    high_50 (the middle half), median. A trial whose median falls on a diverged seed ranks worst;
    NaN where a quantile does.
    """
    sign = study.objective.sign
    curves = convergence(study)
    ranks = (sign * curves["median"]).fillna(np.inf).groupby(curves["evaluation"])
    bands = pd.DataFrame(
        # "lower" is a value of some trial: towards an infinite one nothing can be interpolated.
        {name: ranks.quantile(at, interpolation="lower") for name, at in BANDS.items()}
    )
    bands = sign * bands.where(np.isfinite(bands))
    if sign < 0:
        bands = bands.rename(columns=dict(zip(BANDS, reversed(BANDS), strict=True)))[list(BANDS)]
    by_evaluation = curves.groupby("evaluation")
    bands.insert(0, "progress", by_evaluation["progress"].median())
    bands.insert(1, "trials", by_evaluation.size())
    return bands.reset_index()


HOUR = 3600.0
COSTS = {
    "generator_steps": 1.0,
    "discriminator_steps": 1.0,
    "images": 1.0,
    "seconds": HOUR,
    "evaluation_seconds": HOUR,
    "device_seconds": HOUR,
}
"""Counter: how many make one unit of the table cost."""


def cost(study: Study) -> pd.DataFrame:
    """Return the cost of the trials: one row per state and one for `all`.

    state, trials, generator_steps, discriminator_steps, images (of one seed, summed over trials),
    hours (of training), evaluation_hours, device_hours. NaN where nothing was counted.
    """
    known = [name for name in COSTS if name in study.trials]
    spent = (study.trials[known] / pd.Series({name: COSTS[name] for name in known})).groupby(
        study.trials["state"]
    )
    # By default pandas sums NaN to 0: what nobody counted would have cost nothing.
    rows = spent.sum(min_count=1)
    rows.insert(0, "trials", study.trials.groupby("state").size())
    rows = rows.loc[[state.value for state in TrialState if state.value in rows.index]]
    # A total of one state would repeat it.
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
    """Return one (number, seed) per verdict that occurs, after that of the best configuration.

    Of a verdict it is the seed of median score among the longest trials; of the best configuration
    it is the median seed.
    """
    measure, sign = study.objective
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
            # A trial that was pruned shows less of how its seeds went on.
            longest = group[group["evaluation"] == group["evaluation"].max()]
            chosen.append(_middle(longest).assign(why="typical"))
    frame = pd.concat(chosen) if chosen else last.assign(why="")
    return (
        frame[["number", "seed", "verdict", "why"]]
        .drop_duplicates(["number", "seed"])
        .reset_index(drop=True)
    )


def _middle(rows: pd.DataFrame) -> pd.DataFrame:
    # A seed of its own and not a mean of two.
    return rows.iloc[[(len(rows) - 1) // 2]]


def mode_shares(study: Study, number: int, seed: int) -> pd.DataFrame:
    """Return the share of the samples per mode over generator steps.

    Rows are modes in the order of mode_names, and columns are generator steps.
    """
    rows = study.modes[(study.modes["number"] == number) & (study.modes["seed"] == seed)]
    counts = rows.pivot_table(
        index="mode", columns="generator_steps", values="count", aggfunc="sum"
    )
    return counts / counts.sum()

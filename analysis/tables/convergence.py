"""How training goes on: curves with bands, the time to a given score, and how still the score
stands at the end.

All on the objective of the study, called the score here; on any axis of the budget.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable import own_axis, search_stage
from ganstudy.analysis.frames.selection import objective
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import (
    at_moments,
    distinct,
    ended,
    grid,
    grouped,
    moments,
    owner,
)
from ganstudy.analysis.stats.order_statistics import Quantile, median
from ganstudy.analysis.tables.failures import (
    Watched,
    columns,
    common_horizon,
    curves,
    log_rank_tests,
)
from ganstudy.trials.results.records import TrialState

LAST = 1 / 3
"""Share of the course over which it should stand still."""
FEWEST_AT_END = 3

GROUP_COLUMNS = [
    *(
        "progress",
        "median",
        "median_low",
        "median_high",
        "lower_quartile",
        "upper_quartile",
        "configurations",
    ),
    *("num_seeds", "started", "unit"),
]


def group_curves(study: Study, setting: str | None = None, axis: str | None = None) -> pd.DataFrame:
    """The score over time per value of a setting, of the trials that got that far.

    setting (or `group`), progress (on `axis`), median over configurations of the median over seeds
    with _low and _high (95%, from the order of the values; NaN below 6 configurations, infinite
    where diverged ones are reached), lower_quartile and upper_quartile (the band that holds the
    middle half of the configurations), configurations and num_seeds (at that moment), started
    (configurations of this value at all: where fewer are left, the scheduler chose which), unit.
    """
    study, unit = distinct(study), axis or own_axis(study)
    _, sign = objective(study)
    rows = moments(study, axis)
    rows = rows[rows["number"].isin(ended(study))]
    rows = rows.assign(course=rows.groupby("course").ngroup())
    points = grid(rows)
    table = at_moments(rows, rows["score"], points)
    number = owner(rows)
    by_trial = pd.DataFrame(table).groupby(number.to_numpy()).median()
    seeds = pd.DataFrame(table).notna().groupby(number.to_numpy()).sum()
    made: list[dict[str, Any]] = []
    for value, numbers in grouped(study, setting).items():
        inside = by_trial.index.isin(numbers)
        for column, progress in enumerate(points):
            scores = by_trial.loc[inside, column].dropna()
            if scores.empty:
                continue
            made.append(
                {
                    setting or "group": value,
                    "progress": progress,
                    **quantile_columns("median", median(scores), sign),
                    **_quartiles(scores, sign),
                    "configurations": len(scores),
                    "num_seeds": int(seeds.loc[inside, column].sum()),
                    "started": int(inside.sum()),
                    "unit": unit,
                }
            )
    return pd.DataFrame(made, columns=[setting or "group", *GROUP_COLUMNS])


def quantile_columns(name: str, quantile: Quantile, sign: int = 1) -> dict[str, float]:
    """The quantile in the measure's own direction, with its ends."""
    low, high = (quantile.low, quantile.high) if sign > 0 else (-quantile.high, -quantile.low)
    return {name: sign * quantile.value, f"{name}_low": low, f"{name}_high": high}


def _quartiles(scores: pd.Series, sign: int) -> dict[str, float]:
    """Quartiles that are values themselves, so that infinite ones need no interpolation."""
    ends = sorted(sign * float(np.quantile(scores, q, method="nearest")) for q in (0.25, 0.75))
    return {"lower_quartile": ends[0], "upper_quartile": ends[1]}


def default_threshold(study: Study) -> float:
    """The median over complete configurations of their final score: half of what ran to the end
    gets there, so that times to it can be compared. NaN without any."""
    study = distinct(study)
    complete = study.trials[study.trials["state"] == TrialState.COMPLETE.value]
    _, sign = objective(study)
    scores = sign * pd.to_numeric(complete["objective"]).fillna(sign * np.inf)
    middle = float(np.quantile(scores, 0.5, method="inverted_cdf")) if len(scores) else float("nan")
    return sign * middle if np.isfinite(middle) else float("nan")


def watch_for(
    study: Study, threshold: float, axis: str | None = None, stays: bool = False
) -> Watched:
    """When each seed's score first reached `threshold`, or with `stays` from when on it was never
    worse again.

    A seed that is not finite at its end never reaches it (time: infinite). Others are censored at
    their last evaluation. First reaching is helped by noise of the score: with many evaluations one
    of them is lucky.
    """
    study = distinct(study)
    _, sign = objective(study)
    rows = moments(study, axis)
    rows = rows[rows["score"].notna()]
    if rows.empty or not np.isfinite(threshold):
        nothing, none = np.empty(0), np.empty(0, dtype=bool)
        return Watched(nothing, none, np.empty(0, dtype=np.int64), none, none, nothing)
    there = rows["score"].astype(float) <= sign * threshold
    rows = rows.assign(there=there, position=np.arange(len(rows)))
    seeds = rows.groupby("course", sort=True)
    first, last = seeds["position"].min(), seeds["position"].max()
    if stays:
        away = rows["position"].where(~rows["there"]).groupby(rows["course"]).max()
        event, happened = (away + 1).fillna(first), rows["there"].to_numpy()[last]
    else:
        event = rows["position"].where(rows["there"]).groupby(rows["course"]).min()
        happened = event.notna().to_numpy()
    progress = rows["progress"].to_numpy(dtype=float)
    times = progress[np.where(happened, event.fillna(last), last).astype(int)]
    never = ~happened & ~np.isfinite(rows["score"].to_numpy(dtype=float)[last])
    number = seeds["number"].first().to_numpy(dtype=np.int64)
    pruned = study.trials.loc[study.trials["state"] == TrialState.PRUNED.value, "number"]
    lost_again = seeds["there"].any().to_numpy() & ~rows["there"].to_numpy()[last]
    return Watched(
        *(
            np.where(never, np.inf, times),
            happened,
            number,
            np.isin(number, pruned) & ~never,
            lost_again,
        ),
        grid(rows),
    )


TIME_COLUMNS = [
    *(
        "threshold",
        "configurations",
        "num_seeds",
        "reached",
        "left_again",
        "pruned",
        "horizon",
        "share",
        "share_low",
    ),
    *(
        "share_high",
        "share_if_pruned_never",
        "median_time",
        "median_time_low",
        "median_time_high",
        "mean_time",
    ),
    *("mean_time_low", "mean_time_high", "unit"),
]


def time_to_score(
    study: Study,
    setting: str | None = None,
    threshold: float | None = None,
    axis: str | None = None,
    stays: bool = False,
) -> pd.DataFrame:
    """How long seeds take to reach a score (default_threshold where None), per value of a setting.

    setting (or `group`), threshold, configurations, num_seeds, reached (seeds), left_again (seeds
    that reached it and are worse at their end), pruned (seeds whose trial was pruned before),
    horizon, share (of seeds that have reached it by then, Kaplan-Meier) with _low and _high,
    share_if_pruned_never (of all seeds), median_time with _low and _high (infinite where half never
    reach it), mean_time (counted up to the horizon) with _low and _high (none below 12
    configurations), unit. Pruned trials were poor, so that `share` flatters and
    share_if_pruned_never does not.
    """
    study, unit = distinct(study), axis or own_axis(study)
    threshold = default_threshold(study) if threshold is None else threshold
    watched, groups = watch_for(study, threshold, axis, stays), grouped(study, setting)
    horizon = common_horizon(watched, groups)
    made: list[dict[str, Any]] = []
    for value, numbers in groups.items():
        seeds = watched.of(numbers)
        if not len(seeds.times):
            continue
        curve = seeds.curve()
        without = curve.at(horizon)
        made.append(
            {
                setting or "group": value,
                "threshold": threshold,
                "configurations": curve.configurations,
                "num_seeds": curve.seeds,
                "reached": int(seeds.happened.sum()),
                "left_again": int(seeds.recovered.sum()),
                "pruned": int((seeds.pruned & ~seeds.happened).sum()),
                "horizon": horizon,
                **{
                    "share": 1 - without.value,
                    "share_low": 1 - without.high,
                    "share_high": 1 - without.low,
                },
                "share_if_pruned_never": float(seeds.happened.mean()),
                **columns("median_time", curve.median_time()),
                **columns("mean_time", curve.restricted_mean(horizon)),
                "unit": unit,
            }
        )
    return pd.DataFrame(made, columns=[setting or "group", *TIME_COLUMNS])


def reach_curves(
    study: Study,
    setting: str | None = None,
    threshold: float | None = None,
    axis: str | None = None,
    stays: bool = False,
) -> pd.DataFrame:
    """Share of the seeds that have reached a score, over time.

    setting (or `group`), progress, share with low and high (pointwise 95%), at_risk (seeds still
    watched that had not reached it), configurations_at_risk, events, configurations, num_seeds,
    threshold.
    """
    study = distinct(study)
    threshold = default_threshold(study) if threshold is None else threshold
    frame = curves(
        watch_for(study, threshold, axis, stays), grouped(study, setting), setting or "group"
    )
    share, low, high = (1 - frame[name] for name in ("survival", "high", "low"))
    frame = frame.assign(survival=share, low=low, high=high, threshold=threshold)
    return frame.rename(columns={"survival": "share"})


def reach_tests(
    study: Study, threshold: float | None = None, axis: str | None = None, stays: bool = False
) -> pd.DataFrame:
    """Log-rank tests of the time to a score, with the columns of survival.survival_tests: one row
    per setting.
    """
    study = distinct(study)
    threshold = default_threshold(study) if threshold is None else threshold
    return log_rank_tests(watch_for(study, threshold, axis, stays), study)


def stability(study: Study) -> pd.DataFrame:
    """How still the score stands over the last third of each complete trial, at least three
    evaluations.

    number, evaluations (looked at), spread (of a seed: greatest minus least, over its median; the
    median over seeds), widest (over seeds), change (last minus first of them, over the median; the
    median over seeds; below 0: still falling), num_seeds (that have all of them). Draws of one
    generator spread too, by the noise of the measure itself. Empty for a measure that is not
    positive.
    """
    study = search_stage(study)
    complete = study.trials.loc[study.trials["state"] == TrialState.COMPLETE.value, "number"]
    rows = moments(study, "evaluation")
    rows = rows[rows["number"].isin(complete)]
    _, sign = objective(study)
    rows = rows.assign(value=sign * rows["score"].astype(float))
    evaluations = rows.groupby("number")["evaluation"].transform("nunique")
    window = np.maximum(FEWEST_AT_END, np.ceil(evaluations.to_numpy(dtype=float) * LAST))
    late = rows.groupby("course")["evaluation"].rank(ascending=False, method="first") <= window
    seeds = (
        rows[late]
        .groupby(["number", "course"])["value"]
        .agg(["min", "max", "median", "first", "last", "size"])
    )
    whole = (
        np.isfinite(seeds["max"])
        & np.isfinite(seeds["min"])
        & (seeds["min"] > 0)
        & (seeds["size"] > 2)
    )
    seeds = seeds[whole]
    relative = pd.DataFrame(
        {
            "spread": (seeds["max"] - seeds["min"]) / seeds["median"],
            "change": (seeds["last"] - seeds["first"]) / seeds["median"],
            "evaluations": seeds["size"],
        }
    )
    made = relative.groupby("number").agg(
        evaluations=("evaluations", "max"),
        spread=("spread", "median"),
        widest=("spread", "max"),
        change=("change", "median"),
        num_seeds=("spread", "size"),
    )
    return made.reset_index()


STABILITY_COLUMNS = [
    "spread",
    "spread_low",
    "spread_high",
    "change",
    "change_low",
    "change_high",
    "configurations",
]


def stability_by(study: Study, setting: str | None = None) -> pd.DataFrame:
    """Median over configurations of `stability`, per value of a setting.

    setting (or `group`), spread with _low and _high (95%), change with _low and _high,
    configurations.
    """
    study = distinct(study)
    table = stability(study)
    made = []
    for value, numbers in grouped(study, setting).items():
        inside = table[table["number"].isin(numbers)]
        if len(inside):
            ends = {
                k: v
                for name in ("spread", "change")
                for k, v in quantile_columns(name, median(inside[name])).items()
            }
            made.append({setting or "group": value, **ends, "configurations": len(inside)})
    return pd.DataFrame(made, columns=[setting or "group", *STABILITY_COLUMNS])

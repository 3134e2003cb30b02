"""Convergence: curves with bands, the time to a given score, and how stable the score is at the end.

All on the objective of the study, called the score here; on any axis of the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import TOLERANCE, own_axis
from ganstudy.analysis.frames.designed import distinct_compared
from ganstudy.analysis.frames.selection import distinct_configurations, groups, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import (
    at_times,
    ended_trajectories,
    evaluation_grid,
    trajectories,
    trial_of,
)
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.stats.kaplan_meier import EventTimes
from ganstudy.analysis.stats.order_statistics import median
from ganstudy.analysis.tables.rows import table_of
from ganstudy.analysis.tables.trajectories.failures import (
    common_horizon,
    curves,
    log_rank_tests,
    visible_from,
)
from ganstudy.trials.results.records import TrialState

# The share of a trajectory over which verdicts look back too.
LATE_SHARE = 1 / 3
"""Share of the budget, from its end, over which the score should be stable."""
# A guess: of two values one cannot see whether they drift or scatter.
MIN_LATE_EVALUATIONS = 3


@dataclass(frozen=True)
class GroupCurveRow:
    """The score of the configurations of one value of a setting, at one time."""

    group: Any
    progress: float
    median: Estimate
    lower_quartile: float
    upper_quartile: float
    configurations: int
    num_seeds: int
    started: int
    unit: str


def group_curves(study: Study, setting: str | None = None, axis: str | None = None) -> pd.DataFrame:
    """Estimate the score over time per value of a setting, of the trials that got that far.

    setting (or `group`), progress (on `axis`), median over configurations of the median over seeds
    with _low and _high (95%, from the order of the values; NaN below 6 configurations, infinite
    where diverged ones are reached), lower_quartile and upper_quartile (the band that contains the
    middle half of the configurations), configurations and num_seeds (at that time), started
    (configurations of this value at all: where fewer are left, the scheduler chose which), unit.
    """
    study, unit = distinct_configurations(study), axis or own_axis(study)
    sign = study.objective.sign
    rows = ended_trajectories(study, axis)
    points = evaluation_grid(rows)
    table = at_times(rows, rows["score"], points)
    number = trial_of(rows)
    # pandas passes over NaN (not measured, or over by then); a diverged seed is infinite and ranks
    # worst.
    by_trial = pd.DataFrame(table).groupby(number.to_numpy()).median()
    seeds = pd.DataFrame(table).notna().groupby(number.to_numpy()).sum()
    made = []
    for value, numbers in groups(study, setting).items():
        inside = by_trial.index.isin(numbers)
        for column, progress in enumerate(points):
            # NaN from where the scheduler stopped a configuration.
            scores = by_trial.loc[inside, column].dropna()
            if scores.empty:
                continue
            # Quartiles and not an interval: this shows how configurations differ, whatever their
            # number. They are values themselves, so that infinite ones need no interpolation.
            lower, upper = sorted(
                sign * float(np.quantile(scores, q, method="nearest")) for q in (0.25, 0.75)
            )
            made.append(
                GroupCurveRow(
                    group=value,
                    progress=progress,
                    median=median(scores).in_direction(sign),
                    lower_quartile=lower,
                    upper_quartile=upper,
                    configurations=len(scores),
                    num_seeds=int(seeds.loc[inside, column].sum()),
                    started=int(inside.sum()),
                    unit=unit,
                )
            )
    return table_of(GroupCurveRow, made, setting)


def default_threshold(study: Study) -> float:
    """Return the median over complete configurations of their final score; NaN without any.

    Half of what ran to the end gets there, so that times to it can be compared.
    """
    study = distinct_configurations(study)
    complete = study.trials[study.trials["state"] == TrialState.COMPLETE.value]
    sign = study.objective.sign
    scores = sign * pd.to_numeric(complete["objective"]).fillna(sign * np.inf)
    # A score that was reached: between a finite and an infinite one there is no middle.
    middle = float(np.quantile(scores, 0.5, method="inverted_cdf")) if len(scores) else NAN
    return sign * middle if np.isfinite(middle) else NAN


def threshold_times(
    study: Study, threshold: float, axis: str | None = None, stays: bool = False
) -> EventTimes:
    """Return when each seed's score first reached `threshold`.

    With `stays` it is the time from when on the score was never worse again.

    A seed that is not finite at its end never reaches it (time: infinite). Others are censored at
    their last evaluation. First reaching is helped by noise of the score: with many evaluations one
    of them is lucky.
    """
    study = distinct_configurations(study)
    sign = study.objective.sign
    rows = trajectories(study, axis)
    rows = rows[rows["score"].notna()]
    if rows.empty or not np.isfinite(threshold):
        return EventTimes.none()
    there = rows["score"].astype(float) <= sign * threshold
    rows = rows.assign(there=there, position=np.arange(len(rows)))
    seeds = rows.groupby("trajectory", sort=True)
    first, last = seeds["position"].min(), seeds["position"].max()
    if stays:
        away = rows["position"].where(~rows["there"]).groupby(rows["trajectory"]).max()
        event, happened = (away + 1).fillna(first), rows["there"].to_numpy()[last]
    else:
        event = rows["position"].where(rows["there"]).groupby(rows["trajectory"]).min()
        happened = event.notna().to_numpy()
    progress = rows["progress"].to_numpy(dtype=float)
    times = progress[np.where(happened, event.fillna(last), last).astype(int)]
    # A diverged seed stays at risk to the end: censored, it would count as one that may still get
    # there.
    never = ~happened & ~np.isfinite(rows["score"].to_numpy(dtype=float)[last])
    number = seeds["number"].first().to_numpy(dtype=np.int64)
    pruned = study.trials.loc[study.trials["state"] == TrialState.PRUNED.value, "number"]
    return EventTimes(
        times=np.where(never, np.inf, times),
        happened=happened,
        number=number,
        pruned=np.isin(number, pruned) & ~never,
        recovered=seeds["there"].any().to_numpy() & ~rows["there"].to_numpy()[last],
        evaluation_times=evaluation_grid(rows),
        visible_from=visible_from(rows, 1),
    )


@dataclass(frozen=True)
class TimeToScoreRow:
    """How long the seeds of one value of a setting take to reach a score."""

    group: Any
    threshold: float
    configurations: int
    num_seeds: int
    reached: int
    left_again: int
    pruned: int
    horizon: float
    share: Estimate
    share_if_pruned_never: float
    median_time: Estimate
    mean_time: Estimate
    unit: str


def time_to_score(
    study: Study,
    setting: str | None = None,
    threshold: float | None = None,
    axis: str | None = None,
    stays: bool = False,
) -> pd.DataFrame:
    """Estimate how long seeds take to reach a score, per value of a setting.

    The score is default_threshold where `threshold` is None.

    setting (or `group`), threshold, configurations, num_seeds, reached (seeds), left_again (seeds
    that reached it and are worse at their end), pruned (seeds whose trial was pruned before),
    horizon, share (of seeds that have reached it by then, Kaplan-Meier) with _low and _high,
    share_if_pruned_never (of all seeds), median_time with _low and _high (infinite where half never
    reach it), mean_time (counted up to the horizon) with _low and _high (none below 12
    configurations), unit. Pruned trials were poor, so that `share` flatters and
    share_if_pruned_never does not.
    """
    threshold = default_threshold(study) if threshold is None else threshold
    study, unit = distinct_compared(study, setting), axis or own_axis(study)
    events, by_value = threshold_times(study, threshold, axis, stays), groups(study, setting)
    horizon = common_horizon(events, by_value)
    made = []
    for value, numbers in by_value.items():
        seeds = events.of(numbers)
        if not len(seeds.times):
            continue
        curve = seeds.curve()
        without = curve.at(horizon)
        made.append(
            TimeToScoreRow(
                group=value,
                threshold=threshold,
                configurations=curve.configurations,
                num_seeds=curve.seeds,
                reached=int(seeds.happened.sum()),
                left_again=int(seeds.recovered.sum()),
                pruned=int((seeds.pruned & ~seeds.happened).sum()),
                horizon=horizon,
                # Kaplan-Meier's is the share that has not; so the ends change places.
                share=Estimate(1 - without.value, 1 - without.high, 1 - without.low),
                share_if_pruned_never=float(seeds.happened.mean()),
                median_time=curve.median_time(),
                mean_time=curve.restricted_mean(horizon),
                unit=unit,
            )
        )
    return table_of(TimeToScoreRow, made, setting)


def reach_curves(
    study: Study,
    setting: str | None = None,
    threshold: float | None = None,
    axis: str | None = None,
    stays: bool = False,
) -> pd.DataFrame:
    """Estimate the share of the seeds that have reached a score, over time.

    setting (or `group`), progress, share with low and high (pointwise 95%), at_risk (seeds still
    observed that had not reached it), configurations_at_risk, events, configurations, num_seeds,
    threshold.
    """
    threshold = default_threshold(study) if threshold is None else threshold
    study = distinct_compared(study, setting)
    events = threshold_times(study, threshold, axis, stays)
    frame = curves(events, groups(study, setting), setting or "group")
    share, low, high = (1 - frame[name] for name in ("survival", "high", "low"))
    frame = frame.assign(survival=share, low=low, high=high, threshold=threshold)
    return frame.rename(columns={"survival": "share"})


def reach_tests(
    study: Study, threshold: float | None = None, axis: str | None = None, stays: bool = False
) -> pd.DataFrame:
    """Test with log-rank tests whether the time to a score differs, one row per setting.

    The columns are those of failures.survival_tests.
    """
    threshold = default_threshold(study) if threshold is None else threshold
    study = distinct_compared(study)
    return log_rank_tests(threshold_times(study, threshold, axis, stays), study)


def stability(study: Study) -> pd.DataFrame:
    """Measure how stable the score is over the last third of each complete trial.

    Trials have a row whose last third of the budget holds MIN_LATE_EVALUATIONS or more, after the
    last evaluation at which the scheduler stopped others: it let those go on whose score was lucky
    there, and whose next one is worse on average although nothing changes (regression to the mean).

    number, evaluations (looked at), spread (of a seed: greatest minus least, over its median; the
    median over seeds), widest (over seeds), change (last minus first of them, over the median; the
    median over seeds; below 0: still falling), num_seeds (that have all of them). Draws of one
    generator spread too, by the noise of the measure itself. Empty for a measure that is not
    positive.
    """
    study = search_stage(study)
    complete = study.trials.loc[study.trials["state"] == TrialState.COMPLETE.value, "number"]
    rows = trajectories(study, "evaluation")
    rows = rows[rows["number"].isin(complete)]
    rows = rows.assign(value=study.objective.sign * rows["score"].astype(float))
    seeds = (
        rows[_late(rows, last_selection(study))]
        .groupby(["number", "trajectory"])["value"]
        .agg(["min", "max", "median", "first", "last", "size"])
    )
    whole = (
        np.isfinite(seeds["max"])
        & np.isfinite(seeds["min"])
        & (seeds["min"] > 0)
        & (seeds["size"] >= MIN_LATE_EVALUATIONS)
    )
    seeds = seeds[whole]
    # Over the seed's own median: good and poor configurations differ by factors.
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


def _late(rows: pd.DataFrame, selected: int) -> pd.Series:
    """Return which rows lie in the last third of their trial's evaluations.

    A trial has none where that third holds the evaluation `selected`, at which the scheduler
    stopped others.
    """
    last = rows.groupby("number")["evaluation"].transform("max").to_numpy(dtype=float)
    # The evaluations stand at equal distances on the budget's axis.
    begin = last * (1 - LATE_SHARE) * (1 + TOLERANCE)
    return (rows["evaluation"] > begin) & (selected <= begin)


def last_selection(study: Study) -> int:
    """Return the last evaluation at which the scheduler stopped a trial; 0 where it stopped none."""
    pruned = study.trials.loc[study.trials["state"] == TrialState.PRUNED.value, "evaluations"]
    return int(pruned.max()) if len(pruned) else 0


@dataclass(frozen=True)
class StabilityRow:
    """How stable the score is at the end, over the configurations of one value of a setting."""

    group: Any
    spread: Estimate
    change: Estimate
    configurations: int


def stability_by(study: Study, setting: str | None = None) -> pd.DataFrame:
    """Estimate the median over configurations of `stability`, per value of a setting.

    setting (or `group`), spread with _low and _high (95%), change with _low and _high,
    configurations.
    """
    study = distinct_compared(study, setting)
    table = stability(study)
    made = []
    for value, numbers in groups(study, setting).items():
        inside = table[table["number"].isin(numbers)]
        if len(inside):
            made.append(
                StabilityRow(
                    group=value,
                    spread=median(inside["spread"]),
                    change=median(inside["change"]),
                    configurations=len(inside),
                )
            )
    return table_of(StabilityRow, made, setting)

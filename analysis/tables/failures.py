"""Until when seeds hold: Kaplan-Meier curves of "not yet lost", per value of a setting, and whether
the values differ.

A seed is lost for good at the first evaluation of the unbroken run of lost verdicts (collapsed,
cycling or diverged) in which its course ends. Verdicts can come back: a generator that has only
begun is narrow too, and a first lost verdict that later went away tells of a slow start. What came
back is counted as `recovered`; `Loss.FIRST` takes every first lost verdict for the event instead.

What the curves cannot say. A loss is seen at an evaluation and happened between it and the one
before, or earlier, as verdicts look back over a window: the curve holds at evaluations and says
nothing between them. A trial that the scheduler pruned is censored there, and it was pruned for
being poor: where pruned trials would have been lost more often than those that went on, the curve
flatters. The summary gives both ends of what the pruned ones could have done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.comparable import own_axis
from ganstudy.analysis.frames.selection import NOT_TRAINING, SEED, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import distinct, grid, grouped, moments
from ganstudy.analysis.stats.kaplan_meier import (
    Floats,
    Interval,
    Ints,
    Survival,
    kaplan_meier,
    log_rank,
)
from ganstudy.trials.results.records import TrialState, Verdict

LEVEL = 0.05


class Loss(StrEnum):
    """Which evaluation of a seed counts as the one at which it was lost."""

    FOR_GOOD = "for good"
    """The first of the lost verdicts that its course ends with; a seed whose last verdict is none
    was not lost.
    """
    FIRST = "first"
    """The first lost verdict, whatever came later."""


@dataclass(frozen=True)
class Watched:
    """When an event came to each seed, or until when it was watched; one entry per seed."""

    times: Floats
    happened: NDArray[np.bool_]
    number: Ints
    """Of the trial."""
    pruned: NDArray[np.bool_]
    """Its trial was pruned, before the event or after."""
    recovered: NDArray[np.bool_]
    moments: Floats
    """At which seeds were looked at."""

    def of(self, numbers: Iterable[int]) -> Watched:
        """Only the seeds of these trials."""
        kept = np.isin(self.number, list(numbers))
        return Watched(
            *(
                self.times[kept],
                self.happened[kept],
                self.number[kept],
                self.pruned[kept],
                self.recovered[kept],
            ),
            self.moments,
        )

    def curve(self) -> Survival:
        """Share of the seeds without the event."""
        reached = self.times[np.isfinite(self.times)].max(initial=0.0)
        return kaplan_meier(
            self.times, self.happened, self.number, self.moments[self.moments <= reached]
        )


def watch_losses(
    study: Study,
    kinds: Iterable[Verdict] = NOT_TRAINING,
    loss: Loss = Loss.FOR_GOOD,
    axis: str | None = None,
) -> Watched:
    """When each seed of the search was lost to one of `kinds` of verdict. Rows without a verdict
    are passed over.

    Of verdicts that are lost but not among `kinds`, diverged ends the watch: what a seed would have
    come to is unknown.
    """
    rows = moments(distinct(study), axis)
    rows = (
        rows[rows["verdict"].isin([str(verdict) for verdict in Verdict])]
        if "verdict" in rows
        else rows.head(0)
    )
    if rows.empty:
        nothing, none = np.empty(0), np.empty(0, dtype=bool)
        return Watched(nothing, none, np.empty(0, dtype=np.int64), none, none, nothing)
    gone = rows["verdict"].isin([str(kind) for kind in kinds])
    if Verdict.DIVERGED not in set(kinds):
        rows = rows[rows["verdict"] != Verdict.DIVERGED.value]
        gone = gone[rows.index]
    rows = rows.assign(gone=gone, position=np.arange(len(rows)))
    seeds = rows.groupby("course", sort=True)
    first, last = seeds["position"].min(), seeds["position"].max()
    progress = rows["progress"].to_numpy(dtype=float)
    lost_at_end = rows["gone"].to_numpy()[last]
    ever = seeds["gone"].any().to_numpy()
    if loss is Loss.FIRST:
        event = rows["position"].where(rows["gone"]).groupby(rows["course"]).min()
        happened = ever
    else:
        held = rows["position"].where(~rows["gone"]).groupby(rows["course"]).max()
        event = (held + 1).fillna(first)
        happened = lost_at_end
    when = np.where(happened, event.fillna(last), last).astype(int)
    number = seeds["number"].first().to_numpy(dtype=np.int64)
    pruned = study.trials.loc[study.trials["state"] == TrialState.PRUNED.value, "number"]
    return Watched(
        progress[when], happened, number, np.isin(number, pruned), ever & ~lost_at_end, grid(rows)
    )


CURVE_COLUMNS = [
    *(
        "progress",
        "survival",
        "low",
        "high",
        "at_risk",
        "configurations_at_risk",
        "events",
        "configurations",
    ),
    "num_seeds",
]


def curves(watched: Watched, groups: dict[Any, set[int]], name: str) -> pd.DataFrame:
    """One row per group and moment, from 0 on: `name` (the group) and CURVE_COLUMNS."""
    frames = []
    for value, numbers in groups.items():
        seeds = watched.of(numbers)
        if not len(seeds.times):
            continue
        curve = seeds.curve()
        frame = pd.DataFrame(
            {
                "progress": curve.times,
                "survival": curve.survival,
                "low": curve.low,
                "high": curve.high,
                "at_risk": curve.at_risk,
                "configurations_at_risk": curve.configurations_at_risk,
                "events": curve.events,
            }
        )
        start = {"progress": 0.0, "survival": 1.0, "low": 1.0, "high": 1.0, "events": 0}
        start |= {"at_risk": curve.seeds, "configurations_at_risk": curve.configurations}
        frame = pd.concat([pd.DataFrame([start]), frame], ignore_index=True)
        n = {"configurations": curve.configurations, "num_seeds": curve.seeds}
        frame[name] = value
        frames.append(frame.assign(**n))
    if not frames:
        return pd.DataFrame(columns=[name, *CURVE_COLUMNS])
    return pd.concat(frames, ignore_index=True)[[name, *CURVE_COLUMNS]]


def survival_curves(
    study: Study,
    setting: str | None = None,
    kinds: Iterable[Verdict] = NOT_TRAINING,
    loss: Loss = Loss.FOR_GOOD,
    axis: str | None = None,
) -> pd.DataFrame:
    """Share of seeds that are not yet lost, after each evaluation.

    setting (column `group` where it is None), progress (on `axis`), survival with low and high
    (pointwise 95%; NaN below 6 configurations), at_risk (seeds still watched and not lost just
    before), configurations_at_risk, events (losses seen there), configurations, num_seeds.
    """
    study = distinct(study)
    return curves(
        watch_losses(study, kinds, loss, axis), grouped(study, setting), setting or "group"
    )


SUMMARY_COLUMNS = [
    *(
        "configurations",
        "num_seeds",
        "lost",
        "recovered",
        "pruned",
        "lost_when_pruned",
        "horizon",
        "survival",
    ),
    *(
        "survival_low",
        "survival_high",
        "if_pruned_lost",
        "if_pruned_held",
        "median_time",
        "median_time_low",
        "median_time_high",
    ),
    *("mean_time", "mean_time_low", "mean_time_high", "unit"),
]


def survival_summary(
    study: Study,
    setting: str | None = None,
    kinds: Iterable[Verdict] = NOT_TRAINING,
    loss: Loss = Loss.FOR_GOOD,
    axis: str | None = None,
) -> pd.DataFrame:
    """One row per value of the setting: how many seeds held, and for how long.

    setting (or `group`), configurations, num_seeds, lost, recovered (seeds with a lost verdict that
    went away again), pruned (seeds censored because their trial was pruned), lost_when_pruned
    (seeds that were lost when it was, and could have come back), horizon (the last moment at which
    seeds of every value were watched), survival (share of seeds not lost by then) with _low and
    _high, if_pruned_lost and if_pruned_held (share of all seeds that would not have been lost in
    the end if every seed of a pruned trial had been, or none), median_time until loss with _low and
    _high (infinite where half were not lost), mean_time without loss up to the horizon with _low
    and _high (none below 12 configurations), unit (of the times).
    """
    study = distinct(study)
    watched, groups = watch_losses(study, kinds, loss, axis), grouped(study, setting)
    rows: list[dict[str, Any]] = []
    horizon = common_horizon(watched, groups)
    for value, numbers in groups.items():
        seeds = watched.of(numbers)
        n = len(seeds.times)
        if not n:
            continue
        curve = seeds.curve()
        censored, gone = (
            int((seeds.pruned & ~seeds.happened).sum()),
            int((seeds.pruned & seeds.happened).sum()),
        )
        lost = int(seeds.happened.sum())
        rows.append(
            {
                setting or "group": value,
                "configurations": curve.configurations,
                "num_seeds": n,
                "lost": lost,
                "recovered": int(seeds.recovered.sum()),
                "pruned": censored,
                "lost_when_pruned": gone,
                "horizon": horizon,
                **columns("survival", curve.at(horizon)),
                "if_pruned_lost": 1 - (lost + censored) / n,
                "if_pruned_held": 1 - (lost - gone) / n if loss is Loss.FOR_GOOD else 1 - lost / n,
                **columns("median_time", curve.median_time()),
                **columns("mean_time", curve.restricted_mean(horizon)),
                "unit": axis or own_axis(study),
            }
        )
    return pd.DataFrame(rows, columns=[setting or "group", *SUMMARY_COLUMNS])


def common_horizon(watched: Watched, groups: dict[Any, set[int]]) -> float:
    """The last moment at which seeds of every group were still watched."""
    ends = []
    for numbers in groups.values():
        times = watched.of(numbers).times
        if len(times):
            ends.append(min(float(times.max()), float(watched.moments.max(initial=0.0))))
    return min(ends, default=float("nan"))


def columns(name: str, interval: Interval) -> dict[str, float]:
    """The three columns of a number with its ends."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


TEST_COLUMNS = [
    *(
        "setting",
        "groups",
        "configurations",
        "num_seeds",
        "events",
        "statistic",
        "p",
        "p_adjusted",
        "comparisons",
    ),
    *("method", "verdict"),
]


def survival_tests(
    study: Study,
    settings: Iterable[str] | None = None,
    kinds: Iterable[Verdict] = NOT_TRAINING,
    loss: Loss = Loss.FOR_GOOD,
    axis: str | None = None,
) -> pd.DataFrame:
    """Log-rank tests, one per setting (all that were searched where None): do its values lose seeds
    at different rates?

    setting, groups (how many values), configurations, num_seeds, events (losses), statistic, p (NaN
    where there is too little to test), p_adjusted (Bonferroni over the `comparisons` settings),
    method ('permutation' of configurations, 'chi-squared' from 200 of them on, or 'none'), verdict
    ('differ' where p_adjusted is at most 5%, else 'open'). The test holds other settings for noise:
    under a sampler that follows the score, values may differ through them.
    """
    study = distinct(study)
    return log_rank_tests(watch_losses(study, kinds, loss, axis), study, settings)


def log_rank_tests(
    watched: Watched, study: Study, settings: Iterable[str] | None = None
) -> pd.DataFrame:
    """TEST_COLUMNS for any event that was watched for."""
    rows: list[dict[str, Any]] = []
    for setting in searched(study) if settings is None else settings:
        split = grouped(study, setting)
        group = np.full(len(watched.times), -1)
        for index, numbers in enumerate(split.values()):
            group[np.isin(watched.number, list(numbers))] = index
        known = group >= 0
        if len(np.unique(group[known])) < 2:
            continue
        group = np.unique(group[known], return_inverse=True)[1]
        happened = watched.happened[known]
        rng = np.random.default_rng(SEED)
        test = log_rank(watched.times[known], happened, watched.number[known], group, rng)
        n = {
            "configurations": test.configurations,
            "num_seeds": int(known.sum()),
            "events": int(happened.sum()),
        }
        found = {"statistic": test.statistic, "p": test.p, "method": test.method}
        rows.append({"setting": setting, "groups": int(group.max()) + 1, **n, **found})
    comparisons = len(rows)
    for row in rows:
        row |= {
            "p_adjusted": min(1.0, row["p"] * comparisons) if row["p"] == row["p"] else row["p"]
        }
        row |= {
            "comparisons": comparisons,
            "verdict": "differ" if row["p_adjusted"] <= LEVEL else "open",
        }
    return pd.DataFrame(rows, columns=TEST_COLUMNS)

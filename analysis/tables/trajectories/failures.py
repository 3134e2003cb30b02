"""Estimate failures over time with Kaplan-Meier curves of the seeds without failure.

There is a curve per value of a setting, and a test of whether the values differ.

A seed fails for good at the first evaluation of the unbroken run of failure verdicts (collapsed,
cycling or diverged) in which it ends. Verdicts can come back: a generator that has only begun is
narrow too, and a first failure verdict that later went away speaks of a slow start. What came back
is counted as `recovered`; `EventRule.FIRST` takes every first failure verdict for the event
instead.

What the curves cannot say. A failure is seen at an evaluation and happened between it and the one
before, or earlier, as verdicts look back over a window: the curve is right at evaluations and says
nothing between them. Before its third evaluation a seed can only diverge (Verdict.earliest): no curve
begins earlier, and none is drawn through fewer than MIN_MOMENTS evaluations. A trial that the
scheduler pruned is censored there, and it was pruned for being poor: where pruned trials would have
failed more often than those that went on, the curve flatters. The summary gives both ends of what
the pruned ones could have done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable_verdicts import first_failures
from ganstudy.analysis.frames.compared_scores import EVALUATION, SEED, own_axis
from ganstudy.analysis.frames.designed import distinct_compared
from ganstudy.analysis.frames.selection import distinct_configurations, groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import evaluation_grid, trajectories
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, NAN, Estimate, Floats
from ganstudy.analysis.stats.kaplan_meier import EventTimes
from ganstudy.analysis.stats.log_rank import log_rank
from ganstudy.analysis.stats.multiplicity import ALPHA, bonferroni
from ganstudy.analysis.tables.rows import table_of
from ganstudy.trials.results.records import FAILURE_VERDICTS, TrialState, Verdict

MIN_MOMENTS = 5
"""Evaluations at which the event can be seen, below which there is no curve: through fewer, its
steps are where the evaluations are."""


MIN_SOON = 3
"""Distinct times of events, below which a difference is one in how many seeds have the event: how
soon is not in the data."""


class EventRule(StrEnum):
    """Which evaluation of a seed counts as the one at which it failed."""

    FOR_GOOD = "for good"
    """The first of the failure verdicts that it ends with; a seed whose last verdict is none did
    not fail.
    """
    FIRST = "first"
    """The first failure verdict, whatever came later."""


def failure_times(
    study: Study,
    kinds: Iterable[Verdict] = FAILURE_VERDICTS,
    rule: EventRule = EventRule.FOR_GOOD,
    axis: str | None = None,
) -> EventTimes:
    """Return when each seed of the search failed with one of `kinds` of verdict.

    Rows without a verdict are passed over.

    Of failure verdicts that are not among `kinds`, diverged censors the seed: what would have become
    of it is unknown.
    """
    rows = trajectories(distinct_configurations(study), axis)
    if "verdict" not in rows:
        return EventTimes.none()
    rows = rows[rows["verdict"].isin(list(Verdict))]
    if rows.empty:
        return EventTimes.none()
    earliest = first_failures(rows, kinds)
    # Rows without a verdict were left out: they do not show that the seed had not failed yet.
    gone = rows["verdict"].isin(list(kinds))
    if Verdict.DIVERGED not in set(kinds):
        rows = rows[rows["verdict"] != Verdict.DIVERGED.value]
        gone = gone[rows.index]
    rows = rows.assign(gone=gone, position=np.arange(len(rows)))
    seeds = rows.groupby("trajectory", sort=True)
    first, last = seeds["position"].min(), seeds["position"].max()
    failed_at_end, ever = rows["gone"].to_numpy()[last], seeds["gone"].any().to_numpy()
    if rule is EventRule.FIRST:
        event = rows["position"].where(rows["gone"]).groupby(rows["trajectory"]).min()
        happened = ever
    else:
        well = rows["position"].where(~rows["gone"]).groupby(rows["trajectory"]).max()
        # A seed that was never well failed at its first evaluation. Of one that is well in the end
        # this is a row too far, which np.where below leaves out.
        event = (well + 1).fillna(first)
        happened = failed_at_end
    when = np.where(happened, event.fillna(last), last).astype(int)
    number = seeds["number"].first().to_numpy(dtype=np.int64)
    pruned = study.trials.loc[study.trials["state"] == TrialState.PRUNED.value, "number"]
    return EventTimes(
        times=rows["progress"].to_numpy(dtype=float)[when],
        happened=happened,
        number=number,
        pruned=np.isin(number, pruned),
        recovered=ever & ~failed_at_end,
        evaluation_times=evaluation_grid(rows),
        visible_from=visible_from(rows, earliest),
    )


def visible_from(rows: pd.DataFrame, earliest: int) -> Floats:
    """Return per trajectory of `rows` the time of its evaluation `earliest`.

    It is infinite where the trajectory ended before.
    """
    times = rows["progress"].astype(float).where(rows[EVALUATION] >= earliest, np.inf)
    return np.asarray(times.groupby(rows["trajectory"]).min(), dtype=float)


CURVE_COLUMNS = [
    "progress",
    "survival",
    "low",
    "high",
    "at_risk",
    "configurations_at_risk",
    "events",
    "configurations",
    "num_seeds",
]


def curves(events: EventTimes, by_value: dict[Any, set[int]], name: str) -> pd.DataFrame:
    """Return the rows of each group's curve, one per time from when on its events can be seen.

    The columns are `name` (the group) and CURVE_COLUMNS. Groups with fewer than MIN_MOMENTS such
    times have none.
    """
    frames = []
    for value, numbers in by_value.items():
        seeds = events.of(numbers)
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
        # At earlier evaluations nothing can be seen, and 100% would be no finding.
        frame = frame[frame["progress"] >= seeds.first_visible]
        if seeds.visible_moments < MIN_MOMENTS:
            continue
        n = {"configurations": curve.configurations, "num_seeds": curve.seeds}
        frame[name] = value
        frames.append(frame.assign(**n))
    if not frames:
        return pd.DataFrame(columns=[name, *CURVE_COLUMNS])
    return pd.concat(frames, ignore_index=True)[[name, *CURVE_COLUMNS]]


def survival_curves(
    study: Study,
    setting: str | None = None,
    kinds: Iterable[Verdict] = FAILURE_VERDICTS,
    rule: EventRule = EventRule.FOR_GOOD,
    axis: str | None = None,
) -> pd.DataFrame:
    """Estimate the share of seeds that have not failed, after each evaluation.

    The first is the one at which failures can be seen. Values with fewer than MIN_MOMENTS of them
    have no rows.

    setting (column `group` where it is None), progress (on `axis`), survival with low and high
    (pointwise 95%; NaN below 6 configurations), at_risk (seeds still observed and not failed
    just before), configurations_at_risk, events (failures seen there), configurations, num_seeds.
    """
    study = distinct_compared(study, setting)
    events = failure_times(study, kinds, rule, axis)
    return curves(events, groups(study, setting), setting or "group")


@dataclass(frozen=True)
class SurvivalRow:
    """How many seeds of one value of a setting have not failed, and for how long."""

    group: Any
    configurations: int
    num_seeds: int
    failed: int
    recovered: int
    pruned: int
    failed_when_pruned: int
    horizon: float
    survival: Estimate
    if_pruned_failed: float
    if_pruned_survived: float
    median_time: Estimate
    mean_time: Estimate
    unit: str


def survival_summary(
    study: Study,
    setting: str | None = None,
    kinds: Iterable[Verdict] = FAILURE_VERDICTS,
    rule: EventRule = EventRule.FOR_GOOD,
    axis: str | None = None,
) -> pd.DataFrame:
    """Return one row per value of the setting: how many seeds survived, and for how long.

    setting (or `group`), configurations, num_seeds, failed, recovered (seeds with a failure verdict
    that went away again), pruned (seeds censored because their trial was pruned),
    failed_when_pruned (seeds that had failed when it was, and could have come back), horizon (the
    last time at which seeds of every value were observed), survival (share of seeds not failed by
    then; NaN where no failure could be seen by then) with _low and _high, if_pruned_failed and
    if_pruned_survived (share of all seeds that would not have failed in the end if every seed of a
    pruned trial had, or none), median_time until failure with _low and _high (infinite where half
    did not fail), mean_time without failure up to the horizon with _low and _high (none below 12
    configurations), unit (of the times).
    """
    study = distinct_compared(study, setting)
    events, by_value = failure_times(study, kinds, rule, axis), groups(study, setting)
    horizon, unit = common_horizon(events, by_value), axis or own_axis(study)
    made = [
        _survival(value, seeds, horizon, rule, unit)
        for value, numbers in by_value.items()
        if len((seeds := events.of(numbers)).times)
    ]
    return table_of(SurvivalRow, made, setting)


def _survival(
    value: Any, seeds: EventTimes, horizon: float, rule: EventRule, unit: str
) -> SurvivalRow:
    curve, n = seeds.curve(), len(seeds.times)
    failed = int(seeds.happened.sum())
    censored = int((seeds.pruned & ~seeds.happened).sum())
    failed_when_pruned = int((seeds.pruned & seeds.happened).sum())
    # Where no failure could be seen yet, that none was is no finding.
    survival = curve.at(horizon) if horizon >= seeds.first_visible else Estimate(NAN)
    # Of pruned trials, failures for good might have recovered; first failures stay.
    surely_failed = failed - failed_when_pruned if rule is EventRule.FOR_GOOD else failed
    return SurvivalRow(
        group=value,
        configurations=curve.configurations,
        num_seeds=n,
        failed=failed,
        recovered=int(seeds.recovered.sum()),
        pruned=censored,
        failed_when_pruned=failed_when_pruned,
        horizon=horizon,
        survival=survival,
        # Both ends of what the pruned could have done, since the scheduler pruned what was poor:
        # Kaplan and Meier's own share takes censoring as independent of failing.
        if_pruned_failed=1 - (failed + censored) / n,
        if_pruned_survived=1 - surely_failed / n,
        median_time=curve.median_time(),
        mean_time=curve.restricted_mean(horizon),
        unit=unit,
    )


def common_horizon(events: EventTimes, by_value: dict[Any, set[int]]) -> float:
    """Return the last time at which seeds of every group were still observed."""
    ends = []
    # Up to a time at which one group was no longer observed, means would compare a curve with a
    # guess.
    for numbers in by_value.values():
        times = events.of(numbers).times
        if len(times):
            # A seed that never has the event has an infinite time, and was observed to the end.
            ends.append(min(float(times.max()), float(events.evaluation_times.max(initial=0.0))))
    return min(ends, default=NAN)


@dataclass(frozen=True)
class LogRankRow:
    """A log-rank test of whether the values of a setting differ."""

    setting: str
    groups: int
    configurations: int
    num_seeds: int
    events: int
    statistic: float
    p: float
    p_adjusted: float
    comparisons: int
    moments: int
    method: str
    decision: str

    def corrected(self, comparisons: int) -> LogRankRow:
        """Return the test as one of so many, decided by its corrected p-value."""
        p = bonferroni(self.p, comparisons)
        decision = "differ" if p <= ALPHA else INCONCLUSIVE
        return replace(self, p_adjusted=p, comparisons=comparisons, decision=decision)


def survival_tests(
    study: Study,
    settings: Iterable[str] | None = None,
    kinds: Iterable[Verdict] = FAILURE_VERDICTS,
    rule: EventRule = EventRule.FOR_GOOD,
    axis: str | None = None,
) -> pd.DataFrame:
    """Test with log-rank tests, one per setting, whether seeds fail at different rates.

    The groups of a test are the setting's values; the settings are all that were searched where
    None.

    setting, groups (how many values), configurations, num_seeds, events (failures), statistic, p
    (NaN where there is too little to test), p_adjusted (Bonferroni over the `comparisons`
    settings), moments (distinct times at which events were seen: at fewer than MIN_SOON they do not
    tell how soon), method ('permutation' of configurations, 'chi-squared' from 200 of them on, or
    'none'), decision ('differ' where p_adjusted is at most 5%, else 'inconclusive'). The test takes
    other settings as noise: under a sampler that follows the score, values may differ through them.
    """
    study = distinct_compared(study)
    return log_rank_tests(failure_times(study, kinds, rule, axis), study, settings)


def log_rank_tests(
    events: EventTimes, study: Study, settings: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return the table of `survival_tests` for any event.

    The `settings` are all that were searched where None.
    """
    made = []
    for setting in study.searched if settings is None else settings:
        group = np.full(len(events.times), -1)
        for index, numbers in enumerate(groups(study, setting).values()):
            group[np.isin(events.number, list(numbers))] = index
        known = group >= 0
        if len(np.unique(group[known])) < 2:
            continue
        # Numbered anew, since a value may have no seed with a verdict.
        group = np.unique(group[known], return_inverse=True)[1]
        happened = events.happened[known]
        # Anew for each setting, so that its p does not depend on which others were searched.
        rng = np.random.default_rng(SEED)
        test = log_rank(events.times[known], happened, events.number[known], group, rng)
        made.append(
            LogRankRow(
                setting=setting,
                groups=int(group.max()) + 1,
                configurations=test.configurations,
                num_seeds=int(known.sum()),
                events=int(happened.sum()),
                statistic=test.statistic,
                p=test.p,
                p_adjusted=NAN,
                comparisons=1,
                moments=len(np.unique(events.times[known][happened])),
                method=test.method,
                decision=INCONCLUSIVE,
            )
        )
    # Over the settings that could be tested: those with one value cannot differ.
    return table_of(LogRankRow, [row.corrected(len(made)) for row in made])

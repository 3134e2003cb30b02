"""How the score and the seeds lost answer to k, at equal amounts of whatever the reader counts.

With k = 5 a trial makes five discriminator steps for one generator step: at equal generator steps
it has trained on five times the images and taken about three times as long. Which k is best may
depend on what is held equal, so every axis is asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable import (
    Compared,
    axes,
    compared,
    is_ratio,
    own_axis,
    search_stage,
)
from ganstudy.analysis.frames.selection import SEED, groups, objective
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import (
    LEVEL,
    NAN,
    Estimate,
    median_of_configurations,
    rectangular,
    share_of_units,
)
from ganstudy.analysis.stats.paired import signed_rank
from ganstudy.analysis.tables.remedies import Matcher

ENDED, COMPLETE = "every ended trial", "complete trials only"
COLUMNS = [
    *(
        "axis",
        "amount",
        "trials",
        "configurations",
        "not_yet",
        "seeds",
        "median",
        "median_low",
        "median_high",
    ),
    *("lost_share", "lost_share_low", "lost_share_high"),
]
PAIR_COLUMNS = [
    "axis",
    "amount",
    "first",
    "second",
    "effect",
    "low",
    "high",
    "scale",
    "p",
    "ahead",
    "pairs",
    "seeds",
    "comparisons",
]
ANSWER_COLUMNS = [
    *(
        "axis",
        "amount",
        "leader",
        "median",
        "median_low",
        "median_high",
        "ahead_of",
        "not_told_apart",
        "not_compared",
    ),
    *("configurations", "seeds", "verdict", "changes"),
]


def response(study: Study, setting: str = "k") -> pd.DataFrame:
    """How each value of `setting` (thirds of a range) did, at equal amounts on each axis that the
    study counted.

    setting; axis; amount, the largest that all `trials` reached; trials: "every ended trial", and
    where some were stopped early also "complete trials only", which are a selection; configurations
    (n), not_yet (of all values: left out since they had not been evaluated by then), seeds; median
    of the objective with median_low and median_high (95%, bootstrap over configurations and seeds,
    NaN below six); lost_share, the probability that a seed has collapsed, cycles or has diverged,
    with its ends.

    Between evaluations scores are interpolated; see comparable.compared.
    """
    study = search_stage(study)
    if setting not in study.trials:
        return pd.DataFrame(columns=[setting, *COLUMNS])
    by_value, rows = groups(study, setting), []
    for axis in axes(study) or [own_axis(study)]:
        frames = {ENDED: compared(study, axis), COMPLETE: compared(study, axis, complete=True)}
        if len(frames[COMPLETE].numbers) == len(frames[ENDED].numbers):
            del frames[COMPLETE]
        for trials, frame in frames.items():
            if len(frame.numbers):
                rows += [
                    _row(study, frame, trials, setting, value, who)
                    for value, who in by_value.items()
                ]
    return pd.DataFrame(rows, columns=[setting, *COLUMNS])


def _row(
    study: Study, frame: Compared, trials: str, setting: str, value: Any, numbers: set[int]
) -> dict[str, Any]:
    _, sign = objective(study)
    group = frame.only(numbers)
    seeds = int((~np.isnan(group.scores)).sum())
    median = median_of_configurations(rectangular(group.scores), np.random.default_rng(SEED))
    lost = (
        share_of_units(np.nanmean(group.lost, axis=1), seeds)
        if seeds
        else Estimate(NAN, NAN, NAN, 0)
    )
    ends = (median.low, median.high) if sign > 0 else (-median.high, -median.low)
    return {
        setting: value,
        "axis": frame.axis,
        "amount": frame.amount,
        "trials": trials,
        "configurations": len(group.numbers),
        "not_yet": frame.not_yet,
        "seeds": seeds,
        "median": sign * median.value,
        "median_low": ends[0],
        "median_high": ends[1],
        "lost_share": lost.value,
        "lost_share_low": lost.low,
        "lost_share_high": lost.high,
    }


def pairwise(study: Study, setting: str = "k") -> pd.DataFrame:
    """Any two values of `setting` against each other on each axis, matched on the other settings
    and paired by seed.

    axis, amount; first, second; effect of the first against the second with low and high (all
    comparisons of an axis hold together), scale: "ratio" or "difference" (of the objective, in its
    own direction); p (times comparisons); ahead: the value that does better, None where the
    interval excludes neither; pairs (n), seeds, comparisons.
    """
    study = search_stage(study)
    _, sign = objective(study)
    if setting not in study.trials:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    by_value, rows, ratio = groups(study, setting), [], is_ratio(study)
    values = list(by_value)
    couples = [(one, other) for i, one in enumerate(values) for other in values[i + 1 :]]
    for axis in axes(study) or [own_axis(study)]:
        frame = compared(study, axis)
        matcher = Matcher(study, frame, setting)
        for one, other in couples:
            arms = matcher.arms(by_value[one], by_value[other])
            effect = signed_rank(arms.differences, 1 - (1 - LEVEL) / len(couples))
            ends = [effect.low, effect.high] if sign > 0 or ratio else [-effect.high, -effect.low]
            shown = [
                float(np.exp(v)) if ratio else v
                for v in (effect.value if ratio else sign * effect.value, *ends)
            ]
            ahead = one if effect.high < 0 else other if effect.low > 0 else None
            kept = int((~np.isnan(arms.treated)).sum())
            scale, p = "ratio" if ratio else "difference", min(1.0, effect.p * len(couples))
            rows.append(
                (
                    frame.axis,
                    frame.amount,
                    one,
                    other,
                    *shown,
                    scale,
                    p,
                    ahead,
                    effect.pairs,
                    kept,
                    len(couples),
                )
            )
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS)
    return table.astype({"ahead": object}).assign(
        ahead=table["ahead"].astype(object).where(table["ahead"].notna(), None)
    )


def answer_by_axis(
    study: Study,
    setting: str = "k",
    table: pd.DataFrame | None = None,
    against: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Which value of `setting` leads on each axis, and whether what is held equal decides it.

    axis, amount; leader: the value of best median with its median, median_low, median_high,
    configurations, seeds; ahead_of: values that it beats in `pairwise`, not_told_apart: the others
    that were compared, not_compared: those that no trial was evaluated at so small an amount
    (lists); verdict: "ahead" (of all others), "ahead of some" or "open"; changes: on another axis,
    some value is told to be ahead of one that is told to be ahead of it here. Where nothing is told
    apart on two axes, nothing changes: the data cannot tell.

    table, against: those of `response` and `pairwise`, if they have been made already.
    """
    study = search_stage(study)
    table = response(study, setting) if table is None else table
    against = pairwise(study, setting) if against is None else against
    _, sign = objective(study)
    told = {axis: _told(against[against["axis"] == axis]) for axis in against["axis"].unique()}
    rows = []
    for axis, group in table[table["trials"] == ENDED].groupby("axis", sort=False):
        seen = (
            group[group["configurations"] > 0]
            .assign(order=sign * group["median"])
            .sort_values("order", kind="stable")
        )
        if len(seen) < 2:
            continue
        lead = seen.iloc[0]
        others = [value for value in seen[setting] if value != lead[setting]]
        beaten = [value for value in others if (lead[setting], value) in told.get(axis, set())]
        changes = any(
            (worse, better) in other
            for better, worse in told.get(axis, set())
            for other in told.values()
        )
        absent = [value for value in group[setting] if value not in set(seen[setting])]
        verdict = (
            "open" if not beaten else "ahead" if len(beaten) == len(group) - 1 else "ahead of some"
        )
        rest = [value for value in others if value not in beaten]
        middle = [lead[name] for name in ("median", "median_low", "median_high")]
        n = (int(lead["configurations"]), int(lead["seeds"]))
        rows.append(
            (
                axis,
                lead["amount"],
                lead[setting],
                *middle,
                beaten,
                rest,
                absent,
                *n,
                verdict,
                changes,
            )
        )
    return pd.DataFrame(rows, columns=ANSWER_COLUMNS)


def _told(against: pd.DataFrame) -> set[tuple[Any, Any]]:
    """(better, worse) of every two values that are told apart."""
    known = against[against["ahead"].map(lambda value: value is not None)]
    rows = zip(known["first"], known["second"], known["ahead"], strict=True)
    return {(ahead, second if ahead == first else first) for first, second, ahead in rows}

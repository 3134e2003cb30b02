"""How the score and failed seeds respond to k, at equal amounts of whatever the reader counts.

With k = 5 a trial makes five discriminator steps for one generator step: at equal generator steps
it has trained on five times the images and taken about three times as long. Which k is best may
depend on what is held equal, so every axis is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import ComparedScores, axes, compared_scores, own_axis
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, PRACTICALLY_EQUAL, Estimate
from ganstudy.analysis.tables.effects.contrasts import Contrast
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts
from ganstudy.analysis.tables.rows import table_of

ENDED_TRIALS, COMPLETE_TRIALS = "every ended trial", "complete trials only"
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
    "decision",
    "within_margin",
    "pairs",
    "seeds",
    "comparisons",
]
ANSWER_COLUMNS = [
    "axis",
    "amount",
    "leader",
    "ahead_of",
    "within_margin",
    "equal_to",
    "not_separated",
    "not_compared",
    "configurations",
    "decision",
    "changes",
]


@dataclass(frozen=True)
class ResponseRow:
    """The score and the failed seeds of one value of a setting, at one amount."""

    group: Any
    axis: str
    amount: float
    trials: str
    configurations: int
    not_yet: int
    seeds: int
    median: Estimate
    failed_share: Estimate


def response(study: Study, setting: str = "k") -> pd.DataFrame:
    """Estimate the score and the failed seeds of each value of `setting`, at equal amounts.

    The values of a range are its thirds, and the amounts are those on each axis that the study
    counted.

    setting; axis; amount, the largest that all `trials` reached; trials: "every ended trial", and
    where some were stopped early also "complete trials only", which are a selection; configurations
    (n), not_yet (of all values: left out since they had not been evaluated by then), seeds; median
    of the objective with median_low and median_high (95%, for other configurations on these seeds,
    NaN below six); failed_share, the probability that a seed has collapsed, cycles or has
    diverged, with its ends; NaN on axes where the values stand at different evaluations, and where
    no verdict can be a failure yet (frames/comparable_verdicts.py).

    Between evaluations scores are interpolated; see selection.compared_scores.
    """
    study = compared_trials(study)
    if setting not in study.trials:
        return table_of(ResponseRow, [], setting)
    by_value, rows = groups(study, setting), []
    for axis in axes(study) or [own_axis(study)]:
        frames = {
            ENDED_TRIALS: compared_scores(study, axis),
            # At the whole budget, but of trials that the scheduler chose for their scores.
            COMPLETE_TRIALS: compared_scores(study, axis, complete=True),
        }
        # Nothing was stopped early: both selections are the same.
        if len(frames[COMPLETE_TRIALS].numbers) == len(frames[ENDED_TRIALS].numbers):
            del frames[COMPLETE_TRIALS]
        for trials, frame in frames.items():
            if len(frame.numbers):
                rows += [
                    _response(value, trials, frame.only(numbers))
                    for value, numbers in by_value.items()
                ]
    return table_of(ResponseRow, rows, setting)


def _response(value: Any, trials: str, group: ComparedScores) -> ResponseRow:
    return ResponseRow(
        group=value,
        axis=group.axis,
        amount=group.amount,
        trials=trials,
        configurations=len(group.numbers),
        not_yet=group.not_yet,
        seeds=group.num_seeds,
        median=group.median(),
        failed_share=group.failed_share(),
    )


def pairwise(
    study: Study, setting: str = "k", contrasts: Sequence[Contrast] | None = None
) -> pd.DataFrame:
    """Compare any two values of `setting` on each axis that the study counted.

    They are matched on the other settings and paired by seed.

    axis, amount; first, second (the first looks better); effect of the first against the second
    with low and high (simultaneous over the family's comparisons), scale: "ratio" or "difference"
    (of the objective, in its own direction); p (times comparisons); ahead: the value that does
    better, None where the interval excludes neither; decision: "better" or "worse" (the first),
    "practically equal" or "inconclusive"; within_margin: whether the whole interval lies within the
    margin of the study file; pairs (n), seeds (different ones), comparisons.

    contrasts: those of pairwise_contrasts, if they have been made already.
    """
    made = pairwise_contrasts(study, setting) if contrasts is None else contrasts
    rows = [
        {
            "axis": row.axis,
            "amount": row.amount,
            "first": row.first,
            "second": row.second,
            "effect": row.effect.value,
            "low": row.effect.low,
            "high": row.effect.high,
            "scale": row.scale,
            "p": row.p_adjusted,
            "ahead": row.better,
            "decision": row.decision,
            "within_margin": row.within_margin,
            "pairs": row.effect.n,
            "seeds": row.seeds,
            "comparisons": row.family.comparisons,
        }
        for row in made
    ]
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS)
    # pandas makes NaN of None in a column of numbers.
    ahead = table["ahead"].astype(object).where(table["ahead"].notna(), None)
    return table.astype({"ahead": object}).assign(ahead=ahead)


@dataclass(frozen=True)
class Answer:
    """Which value of a setting leads on one axis."""

    axis: str
    amount: float
    leader: Any
    """The value that no other is found to beat, and that beats most; of several that one which
    looks best in the matched pairs. None where each is beaten by another."""
    ahead_of: list[Any]
    """Values that it is found to beat."""
    within_margin: list[Any]
    """Those of them that it beats by less than the margin."""
    equal_to: list[Any]
    """Values to which it is practically equal, and beats none of them."""
    not_separated: list[Any]
    """Values against which it is inconclusive."""
    not_compared: list[Any]
    """Values without a pair at so small an amount."""
    configurations: int
    """Of all values at that amount."""
    decision: str
    """"ahead" (of all others), "ahead of some", "practically equal" (to all others) or
    "inconclusive"."""
    changes: bool
    """Whether another axis finds some value ahead of one that is found ahead of it here. Where two
    axes separate no values, nothing changes: the data are inconclusive."""


def answer_by_axis(
    study: Study, setting: str = "k", contrasts: Sequence[Contrast] | None = None
) -> pd.DataFrame:
    """Return which value of `setting` leads on each axis: the fields of Answer.

    They also say whether what is held equal decides it.

    contrasts: those of pairwise_contrasts, if they have been made already.
    """
    return pd.DataFrame(map(asdict, answers(study, setting, contrasts)), columns=ANSWER_COLUMNS)


def answers(
    study: Study, setting: str = "k", contrasts: Sequence[Contrast] | None = None
) -> list[Answer]:
    """Return the answer on each axis on which two values can be compared."""
    made = pairwise_contrasts(study, setting) if contrasts is None else contrasts
    on_axes: dict[str, list[Contrast]] = {}
    for row in made:
        on_axes.setdefault(row.axis, []).append(row)
    separated = {axis: _ordered_pairs(rows) for axis, rows in on_axes.items()}
    found = []
    for axis, rows in on_axes.items():
        if not any(row.effect.n for row in rows):
            continue
        # Only what is found on both axes counts: an axis that separates fewer values contradicts
        # none.
        changes = any(
            (worse, better) in there
            for better, worse in separated[axis]
            for there in separated.values()
        )
        found.append(_answer(rows, list(groups(compared_trials(study), setting)), changes))
    return found


def _answer(rows: list[Contrast], values: list[Any], changes: bool) -> Answer:
    """Return the answer on one axis from its contrasts."""
    separated = _ordered_pairs(rows)
    beaten = {worse for _, worse in separated}
    compared = [row for row in rows if row.effect.n]
    known = {value for row in compared for value in (row.first, row.second)}
    # Never the value of the best median: groups that are not matched differ in their other
    # settings, and one that looks best by them can be beaten in the pairs.
    looks = sorted(values, key=lambda value: _mean_effect(value, compared))
    wins = {value: sum(better == value for better, _ in separated) for value in values}
    leading = sorted(
        (value for value in looks if value in known and value not in beaten),
        key=lambda value: -wins[value],
    )
    leader = leading[0] if leading else None
    others = [value for value in looks if value != leader]
    ahead_of = [value for value in others if (leader, value) in separated]
    against = {
        row.second if row.first == leader else row.first: row
        for row in compared
        if leader in (row.first, row.second)
    }
    equal_to = [v for v in others if v in against and against[v].decision == PRACTICALLY_EQUAL]
    decision = INCONCLUSIVE
    if others and len(equal_to) == len(others):
        decision = PRACTICALLY_EQUAL
    elif ahead_of:
        decision = "ahead" if len(ahead_of) == len(others) else "ahead of some"
    counts = {row.first: row.configurations[0] for row in rows}
    counts |= {row.second: row.configurations[1] for row in rows}
    return Answer(
        axis=rows[0].axis,
        amount=rows[0].amount,
        leader=leader,
        ahead_of=ahead_of,
        within_margin=[value for value in ahead_of if against[value].within_margin],
        equal_to=equal_to,
        not_separated=[v for v in others if v in against and v not in (*ahead_of, *equal_to)],
        # Of all values: one that was not compared is not beaten.
        not_compared=[value for value in others if value not in against],
        configurations=sum(counts.values()),
        decision=decision,
        changes=changes,
    )


def _mean_effect(value: Any, compared: list[Contrast]) -> float:
    """Return the mean effect of a value against the others, smaller is better."""
    effects = [
        row.worse_by * (1 if row.first == value else -1)
        for row in compared
        if value in (row.first, row.second)
    ]
    return float(np.mean(effects)) if effects else np.inf


def _ordered_pairs(contrasts: Sequence[Contrast]) -> set[tuple[Any, Any]]:
    """Return (better, worse) of every two values that their interval separates."""
    return {
        (row.better, row.second if row.better == row.first else row.first)
        for row in contrasts
        if row.better is not None
    }

"""How the score and failed seeds respond to k, at equal amounts of whatever the reader counts.

With k = 5 a trial makes five discriminator steps for one generator step: at equal generator steps
it has trained on five times the images and taken about three times as long. Which k is best may
depend on what is held equal, so every axis is asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import (
    ComparedScores,
    axes,
    compared_scores,
    groups,
    own_axis,
    search_stage,
)
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import INCONCLUSIVE
from ganstudy.analysis.stats.multiplicity import bonferroni, bonferroni_level
from ganstudy.analysis.stats.paired import signed_rank
from ganstudy.analysis.tables.remedies import Matcher

ENDED_TRIALS, COMPLETE_TRIALS = "every ended trial", "complete trials only"
RESPONSE_COLUMNS = [
    "axis",
    "amount",
    "trials",
    "configurations",
    "not_yet",
    "seeds",
    "median",
    "median_low",
    "median_high",
    "failed_share",
    "failed_share_low",
    "failed_share_high",
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
    "axis",
    "amount",
    "leader",
    "median",
    "median_low",
    "median_high",
    "ahead_of",
    "not_separated",
    "not_compared",
    "configurations",
    "seeds",
    "decision",
    "changes",
]


def response(study: Study, setting: str = "k") -> pd.DataFrame:
    """Estimate the score and the failed seeds of each value of `setting` (thirds of a range), at
    equal amounts on each axis that the study counted.

    setting; axis; amount, the largest that all `trials` reached; trials: "every ended trial", and
    where some were stopped early also "complete trials only", which are a selection; configurations
    (n), not_yet (of all values: left out since they had not been evaluated by then), seeds; median
    of the objective with median_low and median_high (95%, bootstrap over configurations and seeds,
    NaN below six); failed_share, the probability that a seed has collapsed, cycles or has
    diverged, with its ends.

    Between evaluations scores are interpolated; see selection.compared_scores.
    """
    study = search_stage(study)
    if setting not in study.trials:
        return pd.DataFrame(columns=[setting, *RESPONSE_COLUMNS])
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
                    {setting: value, "trials": trials, **_row(frame.only(numbers))}
                    for value, numbers in by_value.items()
                ]
    return pd.DataFrame(rows, columns=[setting, *RESPONSE_COLUMNS])


def _row(group: ComparedScores) -> dict[str, Any]:
    return {
        "axis": group.axis,
        "amount": group.amount,
        "configurations": len(group.numbers),
        "not_yet": group.not_yet,
        "seeds": group.num_seeds,
        **group.median().columns("median"),
        **group.failed_share().columns("failed_share"),
    }


def pairwise(study: Study, setting: str = "k") -> pd.DataFrame:
    """Compare any two values of `setting` on each axis, matched on the other settings and paired by
    seed.

    axis, amount; first, second; effect of the first against the second with low and high
    (simultaneous over the comparisons of an axis), scale: "ratio" or "difference" (of the
    objective, in its own direction); p (times comparisons); ahead: the value that does better, None
    where the interval excludes neither; pairs (n), seeds, comparisons.
    """
    study = search_stage(study)
    sign, ratio = study.objective.sign, study.is_ratio
    if setting not in study.trials:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    by_value = groups(study, setting)
    values, rows = list(by_value), []
    couples = [(one, other) for i, one in enumerate(values) for other in values[i + 1 :]]
    for axis in axes(study) or [own_axis(study)]:
        frame = compared_scores(study, axis)
        matcher = Matcher(study, frame, setting)
        for one, other in couples:
            arms = matcher.arms(by_value[one], by_value[other])
            # Corrected within an axis only: axes are views of the same trials, not further
            # questions.
            compared = signed_rank(arms.differences, bonferroni_level(len(couples)))
            effect = compared.effect.in_direction(sign)
            effect = effect.as_ratio() if ratio else effect
            ahead = {"first": one, "second": other}.get(compared.effect.decide("first", "second"))
            rows.append(
                {
                    "axis": frame.axis,
                    "amount": frame.amount,
                    "first": one,
                    "second": other,
                    "effect": effect.value,
                    "low": effect.low,
                    "high": effect.high,
                    "scale": "ratio" if ratio else "difference",
                    "p": bonferroni(compared.p, len(couples)),
                    "ahead": ahead,
                    "pairs": effect.n,
                    "seeds": int((~np.isnan(arms.treated)).sum()),
                    "comparisons": len(couples),
                }
            )
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS)
    # pandas makes NaN of None in a column of numbers.
    ahead = table["ahead"].astype(object).where(table["ahead"].notna(), None)
    return table.astype({"ahead": object}).assign(ahead=ahead)


def answer_by_axis(
    study: Study,
    setting: str = "k",
    table: pd.DataFrame | None = None,
    against: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return which value of `setting` leads on each axis, and whether what is held equal decides it.

    axis, amount; leader: the value of best median with its median, median_low, median_high,
    configurations, seeds; ahead_of: values that it beats in `pairwise`, not_separated: the others
    that were compared, not_compared: those that no trial was evaluated at so small an amount
    (lists); decision: "ahead" (of all others), "ahead of some" or "inconclusive"; changes: on
    another axis, some value is found ahead of one that is found ahead of it here. Where two axes
    separate no values, nothing changes: the data are inconclusive.

    table, against: those of `response` and `pairwise`, if they have been made already.
    """
    study = search_stage(study)
    table = response(study, setting) if table is None else table
    against = pairwise(study, setting) if against is None else against
    by_axis = {axis: _ordered_pairs(rows) for axis, rows in against.groupby("axis", sort=False)}
    rows = []
    for axis, group in table[table["trials"] == ENDED_TRIALS].groupby("axis", sort=False):
        known = group[group["configurations"] > 0]
        order = study.objective.sign * known["median"]
        known = known.assign(order=order).sort_values("order", kind="stable")
        if len(known) < 2:
            continue
        # Only what is found on both axes counts: an axis that separates fewer values contradicts
        # none.
        here = by_axis.get(axis, set())
        changes = any(
            (worse, better) in there for better, worse in here for there in by_axis.values()
        )
        answer = _answer(known, group[setting].tolist(), here, setting)
        rows.append({"axis": axis, **answer, "changes": changes})
    return pd.DataFrame(rows, columns=ANSWER_COLUMNS)


def _answer(
    known: pd.DataFrame, values: list[Any], separated: set[tuple[Any, Any]], setting: str
) -> dict[str, Any]:
    """Return the columns amount to decision of one axis.

    known: rows of `response` with configurations, the best median first. values: of the setting,
    those without configurations too. separated: pairs of a better and a worse value.
    """
    lead = known.iloc[0]
    others = [value for value in known[setting] if value != lead[setting]]
    beaten = [value for value in others if (lead[setting], value) in separated]
    # Of all values, not of the known ones: one that was not compared is not beaten.
    decision = "ahead" if len(beaten) == len(values) - 1 else "ahead of some"
    return {
        "amount": lead["amount"],
        "leader": lead[setting],
        "median": lead["median"],
        "median_low": lead["median_low"],
        "median_high": lead["median_high"],
        "ahead_of": beaten,
        "not_separated": [value for value in others if value not in beaten],
        "not_compared": [value for value in values if value not in set(known[setting])],
        "configurations": int(lead["configurations"]),
        "seeds": int(lead["seeds"]),
        "decision": decision if beaten else INCONCLUSIVE,
    }


def _ordered_pairs(against: pd.DataFrame) -> set[tuple[Any, Any]]:
    """Return (better, worse) of every two values that their interval separates."""
    known = against[against["ahead"].map(lambda value: value is not None)]
    rows = zip(known["first"], known["second"], known["ahead"], strict=True)
    return {(ahead, second if ahead == first else first) for first, second, ahead in rows}

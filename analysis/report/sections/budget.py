"""What a budget buys: the best score of so many trials, seconds or device hours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganstudy.analysis.figures import budget as budget_figures
from ganstudy.analysis.figures.over_time import Band
from ganstudy.analysis.formatting import count, number, rows
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, interval
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.tables import budget
from ganstudy.trials.results.catalogue import MEASURES

NAME, TITLE = "budget", "What a budget buys"


def conclusions(results: Results) -> list[Conclusion]:
    """What half of the budget would have bought, or when the search found its best."""
    study = results.study
    table, trace = results.of(budget.expected_best, study), results.of(budget.running_best, study)
    if table.empty:
        return []
    name, last = MEASURES[study.objective.measure].label, rows(table.tail(1))[0]
    n = count(last["configurations"], "trial")
    if not last["with_score"]:
        return [
            Conclusion(
                f"None of {n} yielded a score within the constraints, so nothing is known of a larger budget."
            )
        ]
    ordered = rows(trace[trace["best"].notna()])
    best = ordered[-1]["best"]
    first = next(row for row in ordered if row["best"] == best)
    found = f"The search had its best, {name} {number(best)}, after {first['trials']} of {n}"
    yields = f"{last['with_score']} of them yielded a score within the constraints."
    if not last["exchangeable"]:
        learns = f"the sampler ({last['sampler']}) learns from the trials before"
        sampler = learns if last["sampler"] else "the sampler is not known"
        why = f"{sampler}, so their order matters, and one search is one draw. {yields}"
        return [
            Conclusion(
                f"{found}; what more trials would bring cannot be told from these data:", why
            )
        ]
    half = rows(table[table["trials"] <= max(1, last["configurations"] // 2)].tail(1))[0]
    bought = (
        f"in the median, the best of {count(half['trials'], 'trial')} drawn from them has {name} "
        f"{interval_of(half)}; {yields}"
        if np.isfinite(half["median"])
        else f"{count(half['trials'], 'trial')} drawn from them hold a score with probability {half['found']:.0%}; "
        f"{yields}"
    )
    return [Conclusion(f"{found}.", f"{bought[0].upper()}{bought[1:]}")]


def interval_of(row: dict[str, float]) -> str:
    """The median with its interval, or with what is missing of it."""
    low, high = row["median_low"], row["median_high"]
    if np.isnan(low) != np.isnan(high):
        return f"{number(row['median'])} (so few trials bound it on one side only)"
    return interval(row, "median") + (" (so few trials give no interval)" if np.isnan(low) else "")


def blocks(results: Results) -> list[Block]:
    """Curves over all trials, and by remedy."""
    study = results.study
    table, trace = results.of(budget.expected_best, study), results.of(budget.running_best, study)
    if table.empty or not table["with_score"].iloc[0]:
        return []
    measure, _ = study.objective
    name, floor = MEASURES[measure].label, study.floor.get(measure)
    learns = not table["exchangeable"].iloc[0]
    drawn = budget_figures.expected_best(table, trace, measure, floor)
    caption = f"{LEARNS if learns else EXCHANGEABLE} {COMMON}"
    alt = f"Best {name} against {' or '.join(budget_figures.AXES[axis] for axis in budget_figures.axes(table))}."
    made: list[Block] = [Figure("budget", drawn, caption, alt)]
    for setting in over_time.split_by(results, "remedies"):
        by = results.of(budget.expected_best, study, setting)
        made += over_time.figure(
            *(
                "budget_remedies",
                _finite(by),
                setting,
                "median",
                [Band("median_low", "median_high", 0.2)],
            ),
            *(("trials", f"best {name}"), BY + (" " + LEARNS if learns else "")),
            floor=floor,
        )
        made.append(
            Table("expected_best_remedies", by, "The best of so many trials by remedy", folded=True)
        )
    return [
        *made,
        Table("expected_best", table, "The best of so many trials", folded=True),
        Table("running_best", trace, "What the search had found after each trial", folded=True),
    ]


def _finite(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(
        progress=table["trials"], median=table["median"].where(np.isfinite(table["median"]))
    )


EXCHANGEABLE = (
    "Blue: the median of the best of so many trials drawn from those that were made, with its 95% interval where the "
    "trials are enough for both of its ends."
)
LEARNS = (
    "The sampler learns from the trials before, or is not known: the blue median says what these trials would give in "
    "random order, which nobody would run, and has no interval."
)
COMMON = (
    "It begins where so many trials hold a score within the constraints more often than not; pruned and failed trials "
    "yield none and cost what they cost. Orange dashes: what this search had found, in its own order, trials that ran "
    "side by side one after the other. Dotted: real against real."
)
BY = (
    "Median of the best of so many trials of each remedy, with its interval where one can be given; grey: the other "
    "remedies. n counts trials."
)

"""What a budget buys: the best score of so many trials, seconds or device hours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganstudy.analysis.figures import budget as figures
from ganstudy.analysis.figures.panels import Band, Curves
from ganstudy.analysis.formatting import count, number, rows
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Figure, Fold, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, interval, score_name
from ganstudy.analysis.tables.configurations import budget

TITLE = "What a budget buys"


def conclusions(results: Results) -> list[Conclusion]:
    """Return when the search found its best, and what half of its trials would have found."""
    study = results.study
    table = results.cached(budget.expected_best, study)
    if table.empty:
        return []
    last = rows(table.tail(1))[0]
    trials = count(last["configurations"], "trial")
    if not last["with_score"]:
        claim = (
            f"None of {trials} has a score within the constraints, so what more trials would "
            "bring is unknown."
        )
        return [Conclusion(claim)]
    name = score_name(study)
    trace = results.cached(budget.running_best, study)
    with_best = rows(trace[trace["best"].notna()])
    best = with_best[-1]["best"]
    first = next(row for row in with_best if row["best"] == best)
    found = f"The search found its best, {name} {number(best)}, after {first['trials']} of {trials}"
    yielded = f"{last['with_score']} of them have a score within the constraints."
    # Drawing trials in random order says what more of them would bring only if they are
    # exchangeable: TPE's later trials are better because of the earlier ones.
    if not last["exchangeable"]:
        claim = f"{found}; what more trials would bring is inconclusive:"
        # That nothing follows is no question that more data would answer.
        return [Conclusion(claim, f"{_why_not(last)}. {yielded}")]
    half = rows(table[table["trials"] <= max(1, last["configurations"] // 2)].tail(1))[0]
    drawn = count(half["trials"], "trial")
    if np.isfinite(half["median"]):
        bought = f"In the median, the best of {drawn} drawn from them has {name} {_median(half)}"
    else:
        bought = (
            f"At least one of {drawn} drawn from them has a score with probability "
            f"{half['found']:.0%}"
        )
    return [Conclusion(f"{found}.", f"{bought}; {yielded}")]


def _why_not(row: dict[str, Any]) -> str:
    """Return why draws from the trials say nothing of a search of as many."""
    if row["stops_early"]:
        return (
            "trials are stopped early for doing worse than others, so that some of them are no "
            "smaller search"
        )
    sampler = row["sampler"]
    why = f"the sampler ({sampler}) learns from earlier trials" if sampler else ""
    return (
        f"{why or 'the sampler is not known'}, so their order matters, and this search is a single "
        "draw"
    )


def _median(row: dict[str, Any]) -> str:
    """Return the median with its interval, or with what is missing of it."""
    low, high = row["median_low"], row["median_high"]
    if np.isnan(low) != np.isnan(high):
        return f"{number(row['median'])} (too few trials for both ends of an interval)"
    return interval(row, "median") + (" (too few trials for an interval)" if np.isnan(low) else "")


def blocks(results: Results) -> list[Block]:
    """Return the curves over all trials and by remedy, with their tables."""
    study = results.study
    table = results.cached(budget.expected_best, study)
    trace = results.cached(budget.running_best, study)
    if table.empty or not table["with_score"].iloc[0]:
        return []
    measure, name = study.objective.measure, score_name(study)
    floor = study.floor.get(measure)
    exchangeable = bool(table["exchangeable"].iloc[0])
    drawn = figures.expected_best(table, trace, measure, floor)
    depends = STOPS if table["stops_early"].iloc[0] else LEARNS
    caption = f"{EXCHANGEABLE if exchangeable else depends} {COMMON}"
    axes = " or ".join(figures.AXES[axis] for axis in figures.axes(table))
    made: list[Block] = [Figure("budget", drawn, caption, f"Best {name} against {axes}.")]
    for setting in over_time.split_by(results, "remedies"):
        by = results.cached(budget.expected_best, study, setting)
        curves = Curves(
            # Infinite where, more often than not, no trial has a score yet: the line starts after.
            table=by.assign(
                progress=by["trials"], median=by["median"].where(np.isfinite(by["median"]))
            ),
            setting=setting,
            line="median",
            titles=("trials", f"best {name}"),
            bands=(Band("median_low", "median_high", 0.2),),
            floor=floor,
        )
        caption = BY_REMEDY if exchangeable else f"{BY_REMEDY} {depends}"
        title = "The best of so many trials by remedy"
        table_of_them = Table("expected_best_remedies", by, title, folded=True)
        drawn_by = over_time.figure("budget_remedies", curves, caption)
        made.append(Fold("By remedies", [*drawn_by, table_of_them]))
    return [
        *made,
        Table("expected_best", table, "The best of so many trials", folded=True),
        Table("running_best", trace, "The best of the search after each trial", folded=True),
    ]


EXCHANGEABLE = (
    "Blue: the median of the best of so many trials drawn from those of the study, with its 95% "
    "interval where there are enough trials for both of its ends."
)
LEARNS = (
    "The sampler learns from earlier trials, or is not known: the blue median is what these "
    "trials would give in random order, as no search runs them, and has no interval."
)
STOPS = (
    "Trials are stopped early for doing worse than others: the blue median is what these trials "
    "give in random order, which is no search of so many, and has no interval."
)
COMMON = (
    "The curve begins at the number of trials of which more often than not at least one has a "
    "score within the constraints; pruned and failed trials have none, and their cost counts. "
    "Orange dashes: the best that this search had found, in its own order, with trials that ran "
    "at the same time one after the other. Dotted: real against real."
)
BY_REMEDY = (
    "Median of the best of so many trials of each remedy, with its interval where there is one; "
    "grey: the other remedies. n counts trials."
)

"""Scores over the budget: curves of trials and of groups, the time to a score, and how still it
stands at the end.
"""

from __future__ import annotations

import numpy as np

from ganstudy.analysis.figures import search as search_figures
from ganstudy.analysis.figures import style
from ganstudy.analysis.figures.over_time import Band
from ganstudy.analysis.formatting import count, number, rows
from ganstudy.analysis.report.blocks import Block, Figure, Heading, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, unit
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.tables import convergence, search
from ganstudy.trials.results.catalogue import MEASURES

NAME, TITLE = "convergence", "Convergence"
HIGHLIGHTED = 3
CURVES = 60
"""Pale curves drawn; of more trials an even choice, with bands for all."""


def conclusions(results: Results) -> list[Conclusion]:
    """Whether settings differ in the time to a score, and how still the score stands at the end."""
    study, made = results.study, list[Conclusion]()
    name = MEASURES[study.objective.measure].label
    for row in rows(results.of(convergence.time_to_score, study)):
        reached = f"{row['reached']} of {count(row['num_seeds'], 'seed')} reached it"
        what = f"how soon they reach {name} {number(row['threshold'])}"
        claim, basis = over_time.tested(results.of(convergence.reach_tests, study), what, reached)
        made += [Conclusion(claim, basis)] if claim else []
    for row in rows(results.of(convergence.stability_by, study)):
        made.append(_still(row, name))
    return made


def _still(row: dict[str, float], name: str) -> Conclusion:
    """What the last third of the budget did to the score."""
    low, high = row["change_low"], row["change_high"]
    n = f"the median over {count(int(row['configurations']), 'configuration')} that ran to the end"
    spread = over_time.percent(row, "spread")
    basis = (
        f"within a seed its greatest and least value are {spread} of its median apart, and it changed by "
        f"{_change(row)} ({n}). Draws of an unmoving generator spread too."
    )
    claim = f"Whether {name} was still moving in one direction over the last third cannot be told from these data:"
    claim = f"{name} was still rising over the last third of the budget:" if low > 0 else claim
    claim = f"{name} was still falling over the last third of the budget:" if high < 0 else claim
    return Conclusion(claim, basis)


def _change(row: dict[str, float]) -> str:
    middle, low, high = (
        f"{row[f'change{end}']:+.0%}".replace("-", "−") for end in ("", "_low", "_high")
    )
    return middle if np.isnan(row["change_low"]) else f"{middle} [{low}, {high}]"


def blocks(results: Results) -> list[Block]:
    """Curves of trials; then curves of groups and times to a score, per setting; then how still the
    score stands.
    """
    made = _trials(results)
    if not made:
        return []
    tests, still = (
        results.of(table, results.study)
        for table in (convergence.reach_tests, convergence.stability)
    )
    parts = [
        block for setting in over_time.split_by(results) for block in _groups(results, setting)
    ]
    return [
        *made,
        *parts,
        *(
            [Table("reach_tests", tests, "Log-rank tests of the time to a score", folded=True)]
            if parts
            else []
        ),
        Table(
            "stability", still, "How still the score stands over the last third", STILL, folded=True
        ),
    ]


def _groups(results: Results, setting: str) -> list[Block]:
    """Median curves with bands, and the share of seeds that reached a score, a panel per value."""
    study = results.study
    curves = results.of(convergence.group_curves, study, setting)
    if len(curves) == 0 or curves[setting].nunique() < 2:
        return []
    measure, axis = study.objective.measure, over_time.axis(results)
    score, floor = MEASURES[measure].label, study.floor.get(measure)
    bands = [
        Band("lower_quartile", "upper_quartile", 0.12),
        Band("median_low", "median_high", 0.22),
    ]
    counted = curves.assign(configurations=curves["started"])
    drawn = over_time.figure(
        f"group_curves_{setting}",
        counted,
        setting,
        "median",
        bands,
        (axis, score),
        GROUPS,
        floor=floor,
    )
    made: list[Block] = [
        Heading(f"By {setting}"),
        *drawn,
        Table(f"group_curves_{setting}", curves, f"{score} over time by {setting}", folded=True),
    ]
    times = results.of(convergence.time_to_score, study, setting)
    reach = results.of(convergence.reach_curves, study, setting)
    if len(times) == 0 or not times["reached"].sum():
        return made
    threshold = number(times["threshold"].iloc[0])
    caption = REACHED.format(score=score, threshold=threshold)
    shares = [Band("low", "high", 0.2)]
    titles = (axis, f"seeds at {score} {threshold}")
    return [
        *made,
        *over_time.figure(
            f"reach_{setting}", reach, setting, "share", shares, titles, caption, share=True
        ),
        Table(
            f"time_to_score_{setting}",
            times,
            f"Time to {score} {threshold} by {setting}",
            TIMES,
            folded=True,
        ),
        Table(
            f"reach_{setting}",
            reach,
            f"Share of seeds that reached {score} {threshold} by {setting}",
            folded=True,
        ),
    ]


GROUPS = (
    "Median over the configurations that got so far; dark: its 95% interval, from 6 configurations on; pale: the "
    "middle half of the configurations; grey: the other values; dotted: real against real. n counts the configurations "
    "that started: those that were stopped on the way were mostly poor, so those that are left flatter. A line breaks "
    "where the median has diverged."
)
REACHED = (
    "Share of seeds that have reached {score} {threshold}, the median final score of the complete configurations: a "
    "yardstick, not a goal. By Kaplan and Meier with a pointwise 95% interval, from 6 configurations on; grey: the "
    "other values. Seeds of pruned trials are watched no longer, and as they were poor, the curves flatter."
)
TIMES = (
    "share_if_pruned_never counts all seeds of pruned trials as never getting there: a lower bound. A median time is "
    "infinite (shown as diverged) where half never get there."
)
STILL = (
    "Of each complete trial, over at least three evaluations; spread: of a seed, greatest minus least score over its "
    "median, then the median over seeds; change: last minus first over the median."
)


def _trials(results: Results) -> list[Block]:
    """The best trials' curves with their seeds, the others pale, and bands over all where they are
    many.
    """
    study = results.study
    table = results.of(search.convergence, study)
    if table.empty:
        return []
    measure, _ = study.objective
    best = results.of(search.best, study)["number"].head(HIGHLIGHTED).tolist()
    pale = search_figures.chosen_curves(table, best, CURVES)
    bands = (
        results.of(search.convergence_bands, study)
        if len(pale) < table["number"].nunique() - len(best)
        else None
    )
    axis = style.as_text(unit(study))
    figure = search_figures.convergence(
        table, best, pale, bands, measure, axis, study.floor.get(measure)
    )
    caption = (
        "Median over seeds at each evaluation; the band of the best trials runs from their lowest to their highest "
        "seed. A curve breaks where its median falls on diverged seeds."
    )
    if bands is not None:
        caption += (
            f" Of the other trials, {len(pale)} are drawn, evenly chosen from best to worst; the grey bands hold "
            "the middle half and the middle 80% of all trials that reached the evaluation."
        )
    alt = f"{MEASURES[measure].label} against {axis}: the best {len(best)} trials and {len(pale)} others."
    return [
        *([Figure("convergence", figure, caption, alt)] if table["lowest"].notna().any() else []),
        Table("convergence", table, "Scores at every evaluation", folded=True),
        *(
            [Table("convergence_bands", bands, "Quantiles over trials", folded=True)]
            if bands is not None
            else []
        ),
    ]

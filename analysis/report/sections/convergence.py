"""Report scores over the budget: curves, the time to a score, and its trend at the end."""

from __future__ import annotations

import numpy as np

from ganstudy.analysis.figures import convergence as figures
from ganstudy.analysis.figures.panels import Band, Curves
from ganstudy.analysis.figures.style import ScoreAxes, as_text
from ganstudy.analysis.formatting import count, number, rows
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Figure, Fold, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Open, score_name, share, unit
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS, Estimate
from ganstudy.analysis.tables.configurations import search
from ganstudy.analysis.tables.configurations.best_on_the_way import FAR, best_on_the_way
from ganstudy.analysis.tables.rows import rows_of
from ganstudy.analysis.tables.trajectories import convergence

TITLE = "Convergence"
# As many as there are looks in figures.convergence.LINES.
HIGHLIGHTED = 3
# A guess: more grey lines become a grey area.
CURVES = 60
"""Grey curves drawn; of more trials an evenly spaced choice, with bands over all."""


def conclusions(results: Results) -> list[Conclusion]:
    """Return whether settings differ in the time to a score and in the trend at the end.

    Trials that fell from their best score are named as well.
    """
    study, found = results.study, list[Conclusion]()
    name = score_name(study)
    times = results.cached(convergence.time_to_score, study)
    for row in rows_of(convergence.TimeToScoreRow, times):
        reached = f"{row.reached} of {count(row.num_seeds, 'seed')} reached it"
        what = f"seeds reach {name} {number(row.threshold)}"
        found += over_time.tested(results.cached(convergence.reach_tests, study), what, reached)
    stable = results.cached(convergence.stability_by, study)
    found += [_trend(row, name) for row in rows_of(convergence.StabilityRow, stable)]
    return found + _fallen(results)


def _fallen(results: Results) -> list[Conclusion]:
    """Return how many trials ended far from their best score, with the best of these.

    There is no conclusion where none did.
    """
    study = results.study
    table = results.cached(best_on_the_way, study)
    fallen = table[table["fell_far"].astype(bool)]
    if fallen.empty:
        return []
    name, axis = score_name(study), unit(study)
    order = study.objective.sign * fallen["best"]
    (example,) = rows(fallen.loc[[order.idxmin()]])
    far = (
        f"{FAR:g} times it and more" if study.is_ratio else "half the range of all scores and more"
    )
    end = "none, as it has diverged or was not measured"
    if not np.isnan(example["last"]):
        end = number(example["last"])
    claim = (
        f"{len(fallen)} of {count(len(table), 'trial')} ended far from the best score on the way "
        f"({far}, or none): trial {example['number']} had {name} {number(example['best'])} at "
        f"{number(example['best_at'])} {axis}, and at the end {end}."
    )
    basis = (
        "The best of several evaluations looks too good, since each is measured on new samples; "
        "trials are compared by their scores at the end."
    )
    return [Conclusion(claim, basis)]


def _trend(row: convergence.StabilityRow, name: str) -> Conclusion:
    """Return how the score changed over the last third of the budget."""
    n = f"the median over {count(row.configurations, 'configuration')} that ran to the end"
    basis = (
        f"within a seed its largest and smallest value are {share(row.spread)} of its median "
        f"apart, and it changed by {_change(row.change)} ({n}). Scores of a generator that no longer "
        "changes spread too, as each is measured on new samples."
    )
    # NaN ends, of too few configurations, compare as false and end in the last branch.
    if row.change.low > 0:
        claim = f"{name} was still rising over the last third of the budget:"
    elif row.change.high < 0:
        claim = f"{name} was still falling over the last third of the budget:"
    else:
        claim = (
            f"Whether {name} was still rising or falling over the last third of the budget is "
            "inconclusive:"
        )
        question = f"whether {name} was still rising or falling over the last third of the budget"
        unknown = Open(question, observed=f"{_change(row.change)} ({n})")
        return Conclusion(claim, basis, open=unknown)
    return Conclusion(claim, basis)


def _change(change: Estimate) -> str:
    value, low, high = (
        f"{end:+.0%}".replace("-", "−") for end in (change.value, change.low, change.high)
    )
    return value if np.isnan(change.low) else f"{value} [{low}, {high}]"


def blocks(results: Results) -> list[Block]:
    """Return curves of trials, curves of groups and times to a score, and the changes at the end.

    The groups are the values of a setting.
    """
    curves = _trials(results)
    if not curves:  # then no trial was evaluated, and groups have no curves either
        return []
    tests = results.cached(convergence.reach_tests, results.study)
    stability = results.cached(convergence.stability, results.study)
    groups: list[Block] = [
        Fold(f"By {setting}", found)
        for setting in over_time.split_by(results)
        if (found := _groups(results, setting))
    ]
    if groups:
        title = "Log-rank tests of the time to a score"
        groups.append(Table("reach_tests", tests, title, folded=True))
    title = "Changes of the score over the last third"
    if stability.empty:
        return [*curves, *groups]
    return [*curves, *groups, Table("stability", stability, title, STABILITY, folded=True)]


def _trials(results: Results) -> list[Block]:
    """Return the best trials' curves with their seeds, and the others in grey.

    Where there are many, bands over all trials are added.
    """
    study = results.study
    table = results.cached(search.convergence, study)
    if table.empty:
        return []
    best = results.cached(search.best, study)["number"].head(HIGHLIGHTED).tolist()
    pale = figures.evenly_chosen(table, best, CURVES)
    all_drawn = len(pale) >= table["number"].nunique() - len(best)
    bands = None if all_drawn else results.cached(search.convergence_bands, study)
    measure, axis = study.objective.measure, as_text(unit(study))
    made: list[Block] = []
    if table["lowest"].notna().any():
        axes = ScoreAxes(measure, axis, study.floor.get(measure))
        caption = TRIALS if all_drawn else f"{TRIALS} {MANY_TRIALS.format(drawn=len(pale))}"
        alt = (
            f"{score_name(study)} against {axis}: the best {len(best)} trials and {len(pale)} "
            "others."
        )
        figure = figures.convergence(table, best, pale, bands, axes)
        made.append(Figure("convergence", figure, caption, alt))
    made.append(Table("convergence", table, "Scores at every evaluation", folded=True))
    on_the_way = results.cached(best_on_the_way, study)
    if len(on_the_way):
        title = f"The best {score_name(study)} on the way, and at the end"
        made.append(Table("best_on_the_way", on_the_way, title, ON_THE_WAY, folded=True))
    if bands is not None:
        made.append(Table("convergence_bands", bands, "Quantiles over trials", folded=True))
    return made


def _groups(results: Results, setting: str) -> list[Block]:
    """Return median curves with bands, a panel per value, and the share that reached a score.

    The share is one of seeds.
    """
    study = results.study
    table = results.cached(convergence.group_curves, study, setting)
    if table.empty or table[setting].nunique() < 2:
        return []
    name = score_name(study)
    curves = Curves(
        # The panels' n: those that started, as the curve's own n falls along the budget.
        table=table.assign(configurations=table["started"]),
        setting=setting,
        line="median",
        titles=(over_time.axis(results), name),
        bands=(
            Band("lower_quartile", "upper_quartile", 0.12),
            Band("median_low", "median_high", 0.22),
        ),
        floor=study.floor.get(study.objective.measure),
    )
    return [
        *over_time.figure(f"group_curves_{setting}", curves, GROUPS),
        Table(f"group_curves_{setting}", table, f"{name} over time by {setting}", folded=True),
        *_times_to_score(results, setting),
    ]


def _times_to_score(results: Results, setting: str) -> list[Block]:
    study = results.study
    times = results.cached(convergence.time_to_score, study, setting)
    reach = results.cached(convergence.reach_curves, study, setting)
    if times.empty or not times["reached"].sum():
        return []
    score = f"{score_name(study)} {number(times['threshold'].iloc[0])}"
    curves = Curves(
        table=reach,
        setting=setting,
        line="share",
        titles=(over_time.axis(results), f"seeds at {score}"),
        bands=(Band("low", "high", 0.2),),
        share=True,
    )
    title = f"Share of seeds that reached {score} by {setting}"
    return [
        *over_time.figure(f"reach_{setting}", curves, REACHED.format(score=score)),
        Table(
            f"time_to_score_{setting}", times, f"Time to {score} by {setting}", TIMES, folded=True
        ),
        Table(f"reach_{setting}", reach, title, folded=True),
    ]


TRIALS = (
    "Median over seeds at each evaluation; the band of the best trials runs from their lowest to "
    "their highest seed. A curve breaks where its median falls on diverged seeds."
)
MANY_TRIALS = (
    "Of the other trials, {drawn} are drawn, evenly spaced from best to worst; the grey bands "
    "contain the middle half and the middle 80% of all trials that reached the evaluation."
)
ON_THE_WAY = (
    "Medians over seeds; best_at and last_at in the budget's unit. The best of several "
    "measurements looks too good: it says what a trial came through, not what to expect of it."
)
GROUPS = (
    "Median over the configurations that got so far; dark: its 95% interval, from "
    f"{MIN_CONFIGURATIONS} configurations on; pale: the middle half of the configurations; grey: "
    "the other values; dotted: real against real. n counts the configurations that started: "
    "those that were stopped on the way were mostly poor, so the curves of the others look too "
    "good. A line breaks where the median has diverged."
)
REACHED = (
    "Share of seeds that have reached {score}, the median final score of the complete "
    "configurations: a point of comparison, not a goal. Kaplan-Meier estimate with a pointwise "
    f"95% interval, from {MIN_CONFIGURATIONS} configurations on; grey: the other values. Seeds of "
    "pruned trials are censored, and as they were poor, the curves look too good."
)
TIMES = (
    "share_if_pruned_never counts all seeds of pruned trials as never reaching the score: a "
    "lower bound. A median time is infinite (shown as diverged) where half never reach it."
)
STABILITY = (
    f"Of each complete trial, where {convergence.MIN_LATE_EVALUATIONS} evaluations or more lie in the "
    "last third of the budget, after the last one at which the scheduler stopped trials: those that "
    "it lets go on are worse on average at the next, although nothing changes. spread: of a seed, "
    "largest minus smallest score over its median, then the median over seeds; change: last minus "
    "first over the median."
)

"""k, the number of discriminator steps per generator step: which one is best at equal amounts of
whatever is counted.
"""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures.k_ratio import by_axis
from ganstudy.analysis.formatting import absent, count, label, listed, number, rows
from ganstudy.analysis.frames.selection import own_axis
from ganstudy.analysis.report import over_time, phrases
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, percent, score_name
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables import k_ratio
from ganstudy.analysis.tables.contrasts import Contrast

TITLE = "k: discriminator steps per generator step"


def _response(results: Results) -> pd.DataFrame:
    """Return k_ratio.response, empty where the study did not vary k."""
    if "k" not in results.study.searched:
        return pd.DataFrame()
    return results.cached(k_ratio.response, results.study)


def _pairs(results: Results) -> pd.DataFrame:
    return k_ratio.pairwise(results.study, "k", results.contrasts.k)


def answers(results: Results) -> list[k_ratio.Answer]:
    """Return the answer on every axis; none where the study did not vary k."""
    if "k" not in results.study.searched:
        return []
    # Contrasts have no hash: the results that they come from are the key.
    return results.cached(_compute_answers, results)


def _compute_answers(results: Results) -> list[k_ratio.Answer]:
    return k_ratio.answers(results.study, "k", results.contrasts.k)


def own_answer(results: Results) -> k_ratio.Answer | None:
    """Return the answer at the budget's own amount, if there is one."""
    own = own_axis(results.study)
    return next((answer for answer in answers(results) if answer.axis == own), None)


def blocks(results: Results) -> list[Block]:
    """Return score and failed seeds by k on every axis, the answer on each, and all pairs."""
    table = _response(results)
    if table.empty:
        return []
    study, name, pairs = results.study, score_name(results.study), _pairs(results)
    axes = count(table["axis"].nunique(), "axis").replace("axiss", "axes")
    alt = (
        f"{name} and share of failed seeds for each of {table['k'].nunique()} values of k, on "
        f"{axes}."
    )
    figure = by_axis(table, "k", study.objective.measure, own_axis(study))
    answer = k_ratio.answer_by_axis(study, "k", results.contrasts.k)
    lists = {
        column: answer[column].map(lambda values: ", ".join(map(label, values)))
        for column in ("ahead_of", "not_separated", "not_compared")
    }
    ahead = pairs["ahead"].map(lambda value: "neither" if value is None else label(value))
    title = "The answer by what is held equal"
    return [
        Figure("k", figure, FIGURE, alt),
        Table("k_answer_by_axis", answer.assign(**lists), title, ANSWER),
        Table("k_response", table, f"{name} and failed seeds by k", folded=True),
        Table(
            name="k_pairwise",
            frame=pairs.assign(ahead=ahead.astype(str)),
            title="Every two values of k",
            note=PAIRS,
            folded=True,
        ),
    ]


FIGURE = (
    "The menu picks what is held equal: the amount is the largest that every trial reached on "
    "that axis; between evaluations scores are interpolated. Above: median over configurations "
    f"of the median over seeds with its 95% bootstrap interval, none below {MIN_CONFIGURATIONS} "
    "configurations; these groups are not matched on their other settings, as the answer below "
    "is. Below: share of seeds that had collapsed, cycled or diverged, with its 95% interval. Both "
    "intervals hold on these seeds. "
    "Orange: only the trials that spent the whole budget, which are a selection."
)
ANSWER = (
    "Which k leads at equal amounts of what was counted: the one that none is found to beat, and "
    "that beats most. ahead_of: the values that it beats in matched pairs, paired by seed; "
    "not_separated: the values against which the pairs are inconclusive; not_compared: those "
    "without a pair."
)
PAIRS = (
    "Matched on the other settings and paired by seed, the one that looks better first; the "
    "intervals hold for so many comparisons together (Bonferroni), and for other settings and "
    "other seeds than these. seeds: different ones."
)


def conclusions(results: Results) -> list[Conclusion]:
    """Return which k leads at the amount that all trials reached, and whether that depends on what
    is held equal.
    """
    table = _response(results)
    if table.empty:
        return []
    answer = own_answer(results)
    if answer is None:
        return []
    # Not the complete trials: a scheduler chose them by their score.
    every = table[table["trials"] == k_ratio.ENDED_TRIALS]
    own = every[(every["axis"] == answer.axis) & (every["configurations"] > 0)]
    failed = [] if over_time.unknown_verdicts(results) else _failed(own)
    return [_best(results, answer), *_by_axis(answers(results), answer.axis), *failed]


def _best(results: Results, answer: k_ratio.Answer) -> Conclusion:
    """Return which k leads on the budget's own axis."""
    amount = f"{number(answer.amount)} {label(answer.axis)}"
    contrasts = [row for row in results.contrasts.k if row.axis == answer.axis]
    # Those of the leader, or all where there is none.
    shown = [row for row in contrasts if answer.leader in (None, row.first, row.second)]
    # What other values are found to do is shown as well: it is conclusive.
    shown += [row for row in contrasts if not row.is_open and row not in shown]
    name = score_name(results.study)
    effects = "; ".join(_effect(row, name) for row in shown if row.effect.n)
    reached = phrases.equal_amount(results.study)
    basis = f"at {amount}, {reached}, in matched pairs {effects}"
    basis += f"{phrases.together(shown)}.{phrases.generality(shown)}"
    if answer.not_compared:
        names = listed([f"k = {label(value)}" for value in answer.not_compared])
        basis += f" Not compared for want of pairs: {names}."
    value = "inconclusive" if not answer.ahead_of else f"{label(answer.leader)} leads"
    values = len({value for row in contrasts for value in (row.first, row.second)})
    configurations = count(answer.configurations, "configuration")
    tile = Tile("Best k", value, f"{values} values, {configurations} at {amount}")
    basis += f" {exploratory}" if (exploratory := phrases.exploratory(contrasts)) else ""
    return Conclusion(f"{_claim(answer)}:", basis, first=True, tile=tile)


def _effect(row: Contrast, name: str) -> str:
    values = f"k = {label(row.first)} against {label(row.second)}"
    return f"{values}: {name} {phrases.effect(row)} ({phrases.pairs(row)})"


def _claim(answer: k_ratio.Answer) -> str:
    if not answer.ahead_of:
        return "Which k is best is inconclusive"
    beaten = " and ".join(map(label, answer.ahead_of))
    claim = f"k = {label(answer.leader)} is better than k = {beaten}"
    if rest := " and ".join(map(label, answer.not_separated)):
        claim += f", and inconclusive against k = {rest}"
    return claim


def _by_axis(found: list[k_ratio.Answer], own: str) -> list[Conclusion]:
    """Return whether the answer changes with what is held equal."""
    if [answer.axis for answer in found] == [own]:
        return []
    parts = []
    for answer in found:
        short = "inconclusive" if not answer.ahead_of else _claim(answer)
        n = count(answer.configurations, "configuration")
        parts.append(f"at equal {label(answer.axis)} {short} ({number(answer.amount)}; {n})")
    basis = f"{'; '.join(parts)}."
    # Only a dependence changes how the answer above is to be read, so only it is shown first.
    if any(answer.changes for answer in found):
        return [Conclusion("The best k depends on what is held equal:", basis, first=True)]
    if not any(answer.ahead_of for answer in found):
        return [
            Conclusion("Whether the best k depends on what is held equal is inconclusive:", basis)
        ]
    claim = (
        "Where two values of k differ conclusively, their order is the same whatever is held equal:"
    )
    return [Conclusion(claim, basis)]


def _failed(known: pd.DataFrame) -> list[Conclusion]:
    """Return the share of failed seeds by k."""
    parts = [
        f"{percent(row, 'failed_share')} for k = {label(row['k'])} "
        f"({count(row['configurations'], 'configuration')})"
        for row in rows(known)
        if not absent(row["failed_share"]) and not absent(row["failed_share_low"])
    ]
    if not parts:
        return []
    basis = f"{'; '.join(parts)}; 95% intervals on these seeds, configurations as the unit."
    return [Conclusion("Failed seeds by k:", basis)]

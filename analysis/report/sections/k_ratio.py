"""Report on k, the discriminator steps per generator step: which is best at equal amounts.

The amounts are those of whatever the study counted.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ganstudy.analysis.figures.k_ratio import by_axis
from ganstudy.analysis.formatting import absent, count, label, listed, number, rows
from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.report import over_time, phrases
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import (
    Brief,
    Conclusion,
    Open,
    Rank,
    fitting,
    percent,
    score_name,
)
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, MIN_CONFIGURATIONS
from ganstudy.analysis.tables.effects import k_ratio
from ganstudy.analysis.tables.effects.contrasts import Contrast
from ganstudy.trials.results.records import Verdict

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
        for column in ("ahead_of", "within_margin", "equal_to", "not_separated", "not_compared")
    }
    ahead = pairs["ahead"].map(lambda value: "neither" if value is None else label(value))
    title = "The answer by what is held equal"
    return [
        Figure("k", figure, FIGURE, alt),
        Table("k_answer_by_axis", answer.assign(**lists), title, ANSWER, folded=True),
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
    f"of the median over seeds with its 95% interval, none below {MIN_CONFIGURATIONS} "
    "configurations; these groups are not matched on their other settings, as the answer below "
    "is. Below: share of seeds that had collapsed, cycled or diverged, with its 95% interval; none "
    "where the values of k stand at different evaluations, nor before evaluation "
    f"{Verdict.COLLAPSED.earliest}, at which a seed can first have collapsed. Both intervals hold on "
    "these seeds. "
    "Orange: only the trials that spent the whole budget, which are a selection."
)
ANSWER = (
    "Which k leads at equal amounts of what was counted: the one that none is found to beat, and "
    "that beats most. ahead_of: the values that it beats in matched pairs, paired by seed, those in "
    "within_margin by less than the margin; equal_to: those to which it is practically equal; "
    "not_separated: the values against which the pairs are inconclusive; not_compared: those "
    "without a pair."
)
PAIRS = (
    "Matched on the other settings and paired by seed, the one that looks better first; the "
    "intervals hold for so many comparisons together (Bonferroni), and for other settings and "
    "other seeds than these. seeds: different ones."
)


def conclusions(results: Results) -> list[Conclusion]:
    """Return which k leads at the amount that all trials reached.

    Whether that depends on what is held equal follows.
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
    failed = [] if over_time.unknown_verdicts(results) else _failed(results, own)
    return [_best(results, answer), *_by_axis(answers(results), answer.axis), *failed]


def _best(results: Results, answer: k_ratio.Answer) -> Conclusion:
    """Return which k leads on the budget's own axis."""
    amount = f"{number(answer.amount)} {label(answer.axis)}"
    contrasts = [row for row in results.contrasts.k if row.axis == answer.axis]
    # Those of the leader; all of them if no k leads.
    shown = [row for row in contrasts if answer.leader in (None, row.first, row.second)]
    # What other values are found to do is shown as well: it is conclusive.
    shown += [row for row in contrasts if not row.is_open and row not in shown]
    name = score_name(results.study)
    effects = "; ".join(_effect(row, name) for row in shown if row.effect.n)
    reached = phrases.equal_amount(results.study)
    basis = f"at {amount}, {reached}, in matched pairs {effects}"
    basis += f"{phrases.together(shown)}.{phrases.generality(shown)}{phrases.within_margin(shown)}"
    if answer.not_compared:
        names = listed([f"k = {label(value)}" for value in answer.not_compared])
        basis += f" Not compared for want of pairs: {names}."
    exploratory = phrases.exploratory(contrasts)
    conclusion = Conclusion(f"{_claim(answer)}:", basis, first=True, exploratory=exploratory)
    is_open = not answer.ahead_of and not answer.equal_to
    # Where nothing is conclusive, its comparisons are questions of the list one by one.
    listed_below = Open() if is_open and all(row.is_open for row in shown) else None
    return replace(conclusion, brief=_in_short(answer, contrasts, amount, name), open=listed_below)


def _in_short(answer: k_ratio.Answer, contrasts: list[Contrast], amount: str, name: str) -> Brief:
    """Return the answer with its largest effect."""
    values = len({value for row in contrasts for value in (row.first, row.second)})
    if not answer.ahead_of and not answer.equal_to:
        return Brief(_inconclusive(values, contrasts, amount, name), Rank.OPEN, question="k")
    conclusive = answer.ahead_of or answer.equal_to
    own = [row for row in contrasts if answer.leader in (row.first, row.second)]
    own = [row if row.first == answer.leader else row.reversed() for row in own]
    largest, *_ = phrases.largest_first(row for row in own if row.second in conclusive)
    verb = "is better than" if answer.ahead_of else "is practically equal to"
    others = listed(
        [label(value) for value in (largest.second, *conclusive) if value != largest.second]
    )
    further = f", and than {others}" if others and answer.ahead_of else ""
    further += f", and to {others}" if others and not answer.ahead_of else ""
    little = " (less than the margin)" if largest.second in answer.within_margin else ""
    start = f"k = {label(answer.leader)} {verb} k = {label(largest.second)} at {amount}: {name} "
    start += f"{phrases.effect(largest)}{little}"
    rest = listed([label(value) for value in answer.not_separated])
    text = fitting(
        f"{start}{further}; inconclusive against {rest}." if rest else f"{start}{further}.",
        f"{start}{further}.",
        f"{start}.",
    )
    size = abs(largest.worse_by) if answer.ahead_of else 0.0
    return Brief(text, Rank.EFFECT, size, question="k")


def _inconclusive(values: int, contrasts: list[Contrast], amount: str, name: str) -> str:
    nearest = phrases.nearest_to_answer(contrasts)
    which = f"Which of {values} values of k is best at {amount} is inconclusive"
    if nearest is None:
        return f"{which}."
    pair = f"k = {label(nearest.first)} against {label(nearest.second)}"
    effect = f"{name} {phrases.effect(nearest)}"
    if values == 2:
        return f"{pair} is inconclusive at {amount}: {effect}."
    return fitting(f"{which}; nearest to an answer is {pair}: {effect}.", f"{which}.")


def _effect(row: Contrast, name: str) -> str:
    values = f"k = {label(row.first)} against {label(row.second)}"
    within = f"; {phrases.decision(row)}" if row.within_margin else ""
    return (
        f"{values}: {phrases.wins(row)}{name} {phrases.effect(row)} ({phrases.pairs(row)}{within})"
    )


def _claim(answer: k_ratio.Answer) -> str:
    inconclusive = "Which k is best is inconclusive"
    if not answer.ahead_of and not answer.equal_to:
        return inconclusive
    clauses = []
    if beaten := " and ".join(map(label, answer.ahead_of)):
        clauses.append(f"better than k = {beaten}")
        if answer.within_margin:
            small = " and ".join(map(label, answer.within_margin))
            clauses[0] += f" (than {small} by less than the margin)"
    if equal := " and ".join(map(label, answer.equal_to)):
        clauses.append(f"practically equal to k = {equal}")
    if rest := " and ".join(map(label, answer.not_separated)):
        clauses.append(f"inconclusive against k = {rest}")
    claim = f"k = {label(answer.leader)} is {clauses[0]}"
    claim += "".join(f", {clause}" for clause in clauses[1:-1])
    claim += f", and {clauses[-1]}" if clauses[1:] else ""
    is_open = answer.decision == INCONCLUSIVE
    return f"{inconclusive}; {claim}" if is_open else claim


def _by_axis(found: list[k_ratio.Answer], own: str) -> list[Conclusion]:
    """Return whether the answer changes with what is held equal."""
    if [answer.axis for answer in found] == [own]:
        return []
    parts = []
    for answer in found:
        is_open = not answer.ahead_of and not answer.equal_to
        short = INCONCLUSIVE if is_open else _claim(answer)
        n = count(answer.configurations, "configuration")
        parts.append(f"at equal {label(answer.axis)} {short} ({number(answer.amount)}; {n})")
    basis = f"{'; '.join(parts)}."
    # Only a dependence changes how the answer above is to be read, so only it is shown first.
    if any(answer.changes for answer in found):
        claim = "The best k depends on what is held equal:"
        text = "Which k is best depends on what is held equal: the section on k has each answer."
        brief = Brief(text, Rank.EFFECT)
        return [Conclusion(claim, basis, first=True, exploratory=True, brief=brief)]
    claim = (
        "Where two values of k differ conclusively, their order is the same whatever is held equal:"
    )
    if not any(answer.ahead_of for answer in found):
        claim = "Whether the best k depends on what is held equal is inconclusive:"
        unknown = Open("whether the best k depends on what is held equal")
        return [Conclusion(claim, basis, exploratory=True, open=unknown)]
    return [Conclusion(claim, basis, exploratory=True)]


def _failed(results: Results, known: pd.DataFrame) -> list[Conclusion]:
    """Return the differences in failed seeds in matched pairs.

    Where there are no pairs, it is the share of failed seeds by k.
    """
    # Groups that are not matched differ in their other settings as well.
    own = own_axis(results.study)
    contrasts = [row for row in results.contrasts.k if row.axis == own and _fails(row)]
    if contrasts:
        return [_matched_failures(contrasts)]
    parts = [
        f"{percent(row, 'failed_share')} for k = {label(row['k'])} "
        f"({count(row['configurations'], 'configuration')})"
        for row in rows(known)
        if not absent(row["failed_share"]) and not absent(row["failed_share_low"])
    ]
    if not parts:
        return []
    basis = (
        f"{'; '.join(parts)}; 95% intervals on these seeds, configurations as the unit. These "
        "groups are not matched on their other settings."
    )
    return [Conclusion("Failed seeds by k:", basis, exploratory=True)]


def _matched_failures(contrasts: list[Contrast]) -> Conclusion:
    """Return which k has fewer failed seeds, in matched pairs."""
    fewer, rest = [], []
    for row in contrasts:
        decision, effect = _fails(row), f"{_points(row)} ({phrases.pairs(row)})"
        if decision == INCONCLUSIVE:
            rest.append(f"k = {label(row.first)} against {label(row.second)} {effect}")
        else:
            first, second = label(row.first), label(row.second)
            fewer.append(f"k = {first} has {decision} failed seeds than k = {second}, {effect}")
    basis = f"inconclusive: {'; '.join(rest)}" if rest and fewer else "; ".join(rest)
    basis += f"{phrases.together(contrasts)}.{phrases.generality(contrasts)}"
    basis = f"{basis[0].upper()}{basis[1:]}".lstrip("; ") if fewer else f"in matched pairs {basis}"
    claim = f"{'; '.join(fewer)}." if fewer else "Which k has fewer failed seeds is inconclusive:"
    unknown = None if fewer else Open("which k has fewer failed seeds", observed="; ".join(rest))
    return Conclusion(claim, basis, exploratory=True, open=unknown)


def _fails(row: Contrast) -> str:
    """Return whether the first value has fewer or more failed seeds, or INCONCLUSIVE.

    It is '' without an interval.
    """
    if row.failed is None or not row.failed.has_interval:
        return ""
    return row.failed.decide("fewer", "more")


def _points(row: Contrast) -> str:
    return "unknown" if row.failed is None else phrases.points(row.failed)

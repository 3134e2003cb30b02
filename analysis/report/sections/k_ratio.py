"""k, the number of discriminator steps per generator step: which one is best at equal amounts of
whatever is counted.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.figures.k_ratio import by_axis
from ganstudy.analysis.formatting import absent, between, count, label, number, rows
from ganstudy.analysis.frames.selection import own_axis
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, interval, percent, score_name
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables import k_ratio

TITLE = "k: discriminator steps per generator step"


def _response(results: Results) -> pd.DataFrame:
    """Return k_ratio.response, empty where the study did not vary k."""
    if "k" not in results.study.searched:
        return pd.DataFrame()
    return results.cached(k_ratio.response, results.study)


def _pairs(results: Results) -> pd.DataFrame:
    return results.cached(k_ratio.pairwise, results.study)


def _answer(results: Results) -> pd.DataFrame:
    # Its frames have no hash: the results that they come from are the key.
    return results.cached(_compute_answer, results)


def _compute_answer(results: Results) -> pd.DataFrame:
    return k_ratio.answer_by_axis(results.study, "k", _response(results), _pairs(results))


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
    answer = _answer(results)
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
    "configurations. Below: share of seeds that had collapsed, cycled or diverged, with its 95% "
    "interval. Orange: only the trials that spent the whole budget, which are a selection."
)
ANSWER = (
    "Which k leads at equal amounts of what was counted. ahead_of: the values that it beats in "
    "matched pairs, paired by seed; not_separated: the values against which the pairs are "
    "inconclusive."
)
PAIRS = (
    "Matched on the other settings and paired by seed; the intervals of an axis hold together "
    "(Bonferroni). A ratio below 1, or a difference on the better side of 0, means that the "
    "first is better."
)


def conclusions(results: Results) -> list[Conclusion]:
    """Return which k leads at the amount that all trials reached, and whether that depends on what
    is held equal.
    """
    table = _response(results)
    if table.empty:
        return []
    answers = {row["axis"]: row for row in rows(_answer(results))}
    axis = own_axis(results.study)
    if axis not in answers:
        return []
    # Not the complete trials: a scheduler chose them by their score.
    every = table[table["trials"] == k_ratio.ENDED_TRIALS]
    counted = every.groupby("axis")["configurations"].sum()
    own = every[(every["axis"] == axis) & (every["configurations"] > 0)]
    failed = [] if over_time.unknown_verdicts(results) else _failed(own)
    return [
        _best(results, answers[axis], own),
        *_by_axis(answers, axis, {str(name): int(n) for name, n in counted.items()}),
        *failed,
    ]


def _best(results: Results, answer: dict[str, Any], known: pd.DataFrame) -> Conclusion:
    """Return which k leads on the budget's own axis; `known`: the rows of the response there."""
    axis = answer["axis"]
    amount = f"{number(answer['amount'])} {label(axis)}"
    medians = [
        f"{interval(row, 'median')} for k = {label(row['k'])} "
        f"({count(row['configurations'], 'configuration')})"
        for row in rows(known)
    ]
    basis = (
        f"at {amount}, the most that every trial reached, the median {score_name(results.study)} "
        f"and its 95% interval are {'; '.join(medians)}."
    )
    if known["median_low"].isna().any():
        basis += f" Below {MIN_CONFIGURATIONS} configurations there is no interval."
    pairs = _pairs(results)
    n = pairs.loc[pairs["axis"] == axis, "pairs"]
    if len(n):
        basis += f" Values are compared in matched pairs ({between(n.tolist())}), paired by seed."
    value = "inconclusive"
    if answer["decision"] != "inconclusive":
        value = f"{label(answer['leader'])} leads"
    configurations = count(int(known["configurations"].sum()), "configuration")
    tile = Tile("Best k", value, f"{len(known)} values, {configurations} at {amount}")
    return Conclusion(f"{_claim(answer)}:", basis, first=True, tile=tile)


def _claim(answer: dict[str, Any]) -> str:
    if answer["decision"] == "inconclusive":
        return "Which k is best is inconclusive"
    beaten = " and ".join(map(label, answer["ahead_of"]))
    claim = f"k = {label(answer['leader'])} is better than k = {beaten}"
    if rest := " and ".join(map(label, answer["not_separated"])):
        claim += f", and inconclusive against k = {rest}"
    return claim


def _by_axis(
    answers: dict[str, dict[str, Any]], own: str, configurations: dict[str, int]
) -> list[Conclusion]:
    """Return whether the answer changes with what is held equal."""
    if set(answers) == {own}:
        return []
    parts = []
    for axis, answer in answers.items():
        short = "inconclusive" if answer["decision"] == "inconclusive" else _claim(answer)
        n = count(configurations[axis], "configuration")
        parts.append(f"at equal {label(axis)} {short} ({number(answer['amount'])}; {n})")
    basis = f"{'; '.join(parts)}."
    # Only a dependence changes how the answer above is to be read, so only it is shown first.
    if any(answer["changes"] for answer in answers.values()):
        return [Conclusion("The best k depends on what is held equal:", basis, first=True)]
    if all(answer["decision"] == "inconclusive" for answer in answers.values()):
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
    basis = f"{'; '.join(parts)}; 95% intervals, configurations as the unit."
    return [Conclusion("Failed seeds by k:", basis)]

"""The k-ratio: which number of discriminator steps per generator step, at equal amounts of whatever
is counted.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ganstudy.analysis.figures import effects as effects_figures
from ganstudy.analysis.formatting import absent, between, count, label, number, rows
from ganstudy.analysis.frames.selection import own_axis
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, interval
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables import k_ratio
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURES

NAME, TITLE = "k", "k: discriminator steps per generator step"


def _response(results: Results) -> pd.DataFrame:
    """k_ratio.response, empty where the study did not vary k."""
    if "k" not in results.study.searched:
        return pd.DataFrame()
    return results.of(k_ratio.response, results.study)


def _pairs(results: Results) -> pd.DataFrame:
    return results.of(k_ratio.pairwise, results.study)


def _answer(results: Results) -> pd.DataFrame:
    return results.of(_answered, results)


def _answered(results: Results) -> pd.DataFrame:
    return k_ratio.answer_by_axis(results.study, "k", _response(results), _pairs(results))


def blocks(results: Results) -> list[Block]:
    """Score and lost seeds by k on every axis, the answer on each, and all pairs."""
    table = _response(results)
    if table.empty:
        return []
    study = results.study
    name = MEASURES[study.objective.measure].label
    axes = count(table["axis"].nunique(), "axis").replace("axiss", "axes")
    caption = (
        "The menu picks what is held equal: the amount is the largest that every trial reached on that axis; between "
        "evaluations scores are interpolated. Above: median over configurations of the median over seeds with its 95% "
        f"bootstrap interval, none below {MIN_CONFIGURATIONS} configurations. Below: share of seeds that had "
        f"{FAILURES}, with its 95% interval. Orange: only the trials that spent the whole "
        "budget, which are a selection."
    )
    alt = (
        f"{name} and share of seeds lost for each of {table['k'].nunique()} values of k, on {axes}."
    )
    answer = (
        "Which k leads at equal amounts of what was counted; ahead_of: told apart in matched pairs, "
        "paired by seed."
    )
    pairs = (
        "Matched on the other settings and paired by seed; the intervals of an axis hold together (Bonferroni). Below "
        "one, or on the better side of nought, the first is better."
    )
    return [
        Figure(
            "k",
            effects_figures.by_axis(table, "k", study.objective.measure, own_axis(study)),
            caption,
            alt,
        ),
        Table(
            "k_answer_by_axis",
            _as_text(_answer(results)),
            "The answer by what is held equal",
            answer,
        ),
        Table("k_response", table, f"{name} and lost seeds by k", folded=True),
        Table(
            "k_pairwise",
            _pairs(results).assign(ahead=_shown(_pairs(results)["ahead"])),
            "Every two k",
            pairs,
            True,
        ),
    ]


def _as_text(answer: pd.DataFrame) -> pd.DataFrame:
    lists = {
        name: answer[name].map(_listed) for name in ("ahead_of", "not_separated", "not_compared")
    }
    return answer.assign(**lists)


def _shown(ahead: pd.Series) -> pd.Series:
    return ahead.map(lambda value: "neither" if value is None else label(value)).astype(str)


def _listed(values: list[Any]) -> str:
    return ", ".join(label(value) for value in values)


def conclusions(results: Results) -> list[Conclusion]:
    """Which k leads where all trials got to, and whether that depends on what is held equal."""
    table, (measure, _) = _response(results), results.study.objective
    if table.empty:
        return []
    answers = {row["axis"]: row for row in rows(_answer(results))}
    axis = own_axis(results.study)
    answer = answers.get(axis)
    if answer is None:
        return []
    known = table[
        (table["axis"] == axis)
        & (table["trials"] == k_ratio.ENDED_TRIALS)
        & (table["configurations"] > 0)
    ]
    claim, value = _claim(answer)
    parts = [
        f"{interval(row, 'median')} for k = {label(row['k'])} ({count(row['configurations'], 'configuration')})"
        for row in rows(known)
    ]
    basis = (
        f"at {number(answer['amount'])} {label(axis)}, the most that every trial reached, the median "
        f"{MEASURES[measure].label} and its 95% interval are {'; '.join(parts)}."
    )
    if known["median_low"].isna().any():
        basis += f" Below {MIN_CONFIGURATIONS} configurations there is no interval."
    pairs = _pairs(results)
    n = pairs.loc[pairs["axis"] == axis, "pairs"]
    if len(n):
        basis += f" Values are told apart in matched pairs ({between(n.tolist())}), paired by seed."
    counted = count(int(known["configurations"].sum()), "configuration")
    tile = Tile(
        "Best k",
        value,
        f"{len(known)} values, {counted} at {number(answer['amount'])} {label(axis)}",
    )
    ended = table[table["trials"] == k_ratio.ENDED_TRIALS].groupby("axis")["configurations"].sum()
    of_axis = {str(name): count(int(n), "configuration") for name, n in ended.items()}
    lost = [] if over_time.unknown(results) else _lost(known)
    return [
        Conclusion(claim, basis, first=True, tile=tile),
        *_by_axis(answers, axis, of_axis),
        *lost,
    ]


def _claim(answer: dict[str, Any]) -> tuple[str, str]:
    if answer["decision"] == "inconclusive":
        return "Which k is best cannot be told from these data:", "cannot be told"
    beaten = " and ".join(label(value) for value in answer["ahead_of"])
    rest = " and ".join(label(value) for value in answer["not_separated"])
    behind = f", not told apart from k = {rest}" if rest else ""
    return (
        f"k = {label(answer['leader'])} is ahead of k = {beaten}{behind}:",
        f"{label(answer['leader'])} leads",
    )


def _by_axis(
    answers: dict[str, dict[str, Any]], own: str, counted: dict[str, str]
) -> list[Conclusion]:
    """Where the answer changes with what is held equal."""
    others = {axis: answer for axis, answer in answers.items() if axis != own}
    if not others:
        return []
    parts = []
    for axis, answer in answers.items():
        claim = _claim(answer)[0].rstrip(":")
        short = "cannot be told" if answer["decision"] == "inconclusive" else claim
        parts.append(
            f"at equal {label(axis)} {short} ({number(answer['amount'])}; {counted[axis]})"
        )
    if any(answer["changes"] for answer in answers.values()):
        return [
            Conclusion(
                "The best k depends on what is held equal:", f"{'; '.join(parts)}.", first=True
            )
        ]
    told = any(answer["decision"] != "inconclusive" for answer in answers.values())
    claim = (
        "On no two axes are two values of k told apart in opposite order:"
        if told
        else "Whether the best k depends on what is held equal cannot be told from these data:"
    )
    return [Conclusion(claim, f"{'; '.join(parts)}.")]


def _lost(known: pd.DataFrame) -> list[Conclusion]:
    """Probability that a seed is lost, by k."""
    parts = [
        f"{over_time.percent(row, 'failed_share')} for k = {label(row['k'])} "
        f"({count(row['configurations'], 'configuration')})"
        for row in rows(known)
        if not absent(row["failed_share"]) and not math.isnan(row["failed_share_low"])
    ]
    if not parts:
        return []
    return [
        Conclusion(
            "Seeds lost by k:", f"{'; '.join(parts)}; 95% intervals, configurations as the unit."
        )
    ]

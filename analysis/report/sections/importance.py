"""Which settings matter, and how sure that is."""

from __future__ import annotations

from typing import Any

from ganstudy.analysis.figures import effects as effects_figures
from ganstudy.analysis.formatting import count, label, rows
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.importance import DEALT, MIN_TRIALS, importance

NAME, TITLE = "importance", "Which settings matter"


def conclusions(results: Results) -> list[Conclusion]:
    """What each evaluator tells from chance, and how stable its first place is."""
    made = []
    table = results.of(importance, results.study)
    for name, group in table.groupby("evaluator", sort=False):
        each = rows(group)
        first = each[0]
        of = f"{count(first['configurations'], 'configuration')}"
        if first["used"] < first["configurations"]:
            of += f", {first['used']} of them drawn at random for each evaluation"
        stable = f"{label(first['setting'])} is first in {first['first_share']:.0%} of {first['resamples']} resamples"
        told = [row for row in each if row["decision"] == "matters"]
        if told:
            claim = f"{name}: {', '.join(_told(row) for row in told)} more than chance would."
            claim = claim.replace(
                " more than", " matters more than" if len(told) == 1 else " matter more than"
            )
            made.append(Conclusion(claim, f"{stable}; {of}."))
        else:
            claim = f"{name}: that any setting matters more than by chance cannot be told from these data."
            made.append(Conclusion(claim, f"{stable}; {of}."))
    return made


def _told(row: dict[str, Any]) -> str:
    return f"{label(row['setting'])} ({row['importance']:.0%}, {row['low']:.0%} to {row['high']:.0%} over resamples)"


def blocks(results: Results) -> list[Block]:
    """Both evaluators side by side, with chance."""
    table = results.of(importance, results.study)
    if table.empty:
        return []
    n = rows(table)[0]["configurations"]
    used = table.groupby("evaluator")["used"].first()
    some = [f"{name} {trials}" for name, trials in used.items() if trials < n]
    caption = (
        "Shares of the importance for the rank of the objective, at the last amount that every trial reached. Bars: "
        "the middle 95% over resamples of the trials, which tell how stable it is and are no confidence interval. "
        "Strokes: what 95% of the same evaluations stay below where the scores are dealt out at random "
        f"({', '.join(f'{name} {times} times' for name, times in DEALT.items())}). "
        f"Not shown below {MIN_TRIALS} trials."
    )
    if some:
        caption += (
            f" Of {n} trials so many are drawn at random for each evaluation: {', '.join(some)}."
        )
    alt = f"Importance of {table['setting'].nunique()} settings by {table['evaluator'].nunique()} evaluators."
    return [
        Figure("importance", effects_figures.importances(table), caption, alt),
        Table("importance", table, "Importance with its stability", folded=True),
    ]

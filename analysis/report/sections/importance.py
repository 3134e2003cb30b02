"""Which settings matter, and how stable that is."""

from __future__ import annotations

from ganstudy.analysis.figures.importance import importances
from ganstudy.analysis.formatting import count, label
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Open
from ganstudy.analysis.tables.configurations.importance import (
    DEALT,
    MIN_TRIALS,
    ImportanceRow,
    importance,
)
from ganstudy.analysis.tables.rows import rows_of

TITLE = "Which settings matter"


def conclusions(results: Results) -> list[Conclusion]:
    """Return per evaluator the settings that matter more than by chance.

    How stable the first one is follows.
    """
    found = []
    table = results.cached(importance, results.study)
    for name, group in table.groupby("evaluator", sort=False):
        settings = rows_of(ImportanceRow, group)
        first = settings[0]
        n = count(first.configurations, "configuration")
        if first.used < first.configurations:
            n += f", {first.used} of them drawn at random for each evaluation"
        stable = (
            f"{label(first.setting)} is first in {first.first_share:.0%} of "
            f"{first.resamples} resamples"
        )
        matter = [row for row in settings if row.decision == "matters"]
        if matter:
            verb = "matters" if len(matter) == 1 else "matter"
            claim = f"{name}: {', '.join(map(_share, matter))} {verb} more than by chance."
        else:
            claim = f"{name}: whether any setting matters more than by chance is inconclusive."
        question = f"whether any setting matters more than by chance ({name})"
        unknown = None if matter else Open(question, observed=f"{stable}; {n}")
        found.append(Conclusion(claim, f"{stable}; {n}.", exploratory=True, open=unknown))
    return found


def _share(row: ImportanceRow) -> str:
    return (
        f"{label(row.setting)} ({row.importance:.0%}, {row.low:.0%} to {row.high:.0%} "
        "over resamples)"
    )


def blocks(results: Results) -> list[Block]:
    """Return both evaluators side by side, with chance."""
    table = results.cached(importance, results.study)
    if table.empty:
        return []
    n = rows_of(ImportanceRow, table)[0].configurations
    used = table.groupby("evaluator")["used"].first()
    sampled = [f"{trials} by {name}" for name, trials in used.items() if trials < n]
    caption = CAPTION
    if sampled:
        caption += f" Of {n} trials each evaluation uses a random sample: {', '.join(sampled)}."
    alt = (
        f"Importance of {table['setting'].nunique()} settings by {table['evaluator'].nunique()} "
        "evaluators."
    )
    return [
        Figure("importance", importances(table), caption, alt),
        Table("importance", table, "Importance with its stability", folded=True),
    ]


CAPTION = (
    "Shares of the importance for the rank of the objective, at the last amount that every trial "
    "reached. Bars: the middle 95% over resamples of the trials, which show how stable it is and "
    "are not a confidence interval. Strokes: what 95% of the same evaluations stay below where "
    "the scores are permuted at random "
    f"({', '.join(f'{name} {times} times' for name, times in DEALT.items())}). Not shown below "
    f"{MIN_TRIALS} trials."
)

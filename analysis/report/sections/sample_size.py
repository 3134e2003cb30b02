"""Sample size: how many more pairs or seeds an inconclusive contrast needs."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from ganstudy.analysis.formatting import absent, count, label, number, p_value, signed
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Brief, Conclusion, Open, Rank, fitting
from ganstudy.analysis.report.sections.k_ratio import own_answer
from ganstudy.analysis.report.sections.other_settings import own_answers
from ganstudy.analysis.stats.power import MAX_UNITS, POWER
from ganstudy.analysis.tables.effects import compared_settings, contrasts
from ganstudy.analysis.tables.effects.sample_size import (
    AS_OBSERVED,
    CONCLUSIVE,
    WITHIN_MARGIN,
    NeededSampleSize,
    needed_sample_sizes,
    sample_sizes,
)

TITLE = "What is inconclusive, and what an answer would take"


def conclusions(results: Results) -> list[Conclusion]:
    """Return the comparison nearest to a conclusion, then all others that are inconclusive."""
    table = _inconclusive(results)
    return [*_plans(results, table), *_margin(results)]


def _margin(results: Results) -> list[Conclusion]:
    """Say what practically equal means here, or that nothing can be called so."""
    study = results.whole
    if not results.contrasts.rows:
        return []
    if study.margin is None:
        return [
            Conclusion(
                "Nothing is called practically equal:",
                "a margin would have to be stated before the first trial ([objective] margin).",
            )
        ]
    if (margin := contrasts.margin_of(study)) is None:
        return [
            Conclusion(
                "Nothing is called practically equal:",
                f"the margin of {study.margin:g} is a factor, and as some scores are 0 or less, "
                "differences are compared.",
            )
        ]
    return [
        Conclusion(
            f"Practically equal means within {phrases.margin(margin)}:",
            "so much was stated before the first trial, and the whole interval that holds for all "
            "comparisons of a family together has to lie within it.",
        )
    ]


def _plans(results: Results, table: list[NeededSampleSize]) -> list[Conclusion]:
    planned = [row for row in table if _factor(row) < math.inf]
    if not planned:
        return _sentences(table)
    # What a study mostly asks comes first: k, the remedies, the best configuration.
    of_others = {row.question for row in results.contrasts.others}
    nearest = min(planned, key=lambda row: (row.question in of_others, _factor(row)))
    claim = (
        f"The nearest to a conclusion: {_question(nearest)} needs {nearest.advice}{_seeds(nearest)}"
    )
    claim += f" ({POWER:.0%} power; {count(len(table), 'comparison')} inconclusive, below)."
    others = [row for row in table if row is not nearest]
    asked = f"Nearest to an answer: {_question(nearest)}"
    short = fitting(f"{asked}, with {nearest.advice}.", f"{asked}, with {_at_least(nearest)}.")
    conclusion = Conclusion(claim, _basis(nearest), first=True, brief=Brief(short, Rank.OPEN))
    return [replace(conclusion, open=_open(nearest)), *_sentences(others)]


def _open(row: NeededSampleSize) -> Open:
    return Open(_question(row), _observed(row), f"{_at_least(row)}{_seeds(row)}")


def _at_least(row: NeededSampleSize) -> str:
    """Return what is missing, without the condition that holds for all rows of the list."""
    return row.advice.removesuffix(f", {AS_OBSERVED}").removesuffix(f", {WITHIN_MARGIN}")


def _factor(row: NeededSampleSize) -> float:
    """Return by which factor the data would have to grow; infinite where no plan is given."""
    if absent(row.needed):
        return math.inf
    if not absent(row.pairs_together):
        runs = float(row.n) * float(row.seeds)
        return float(row.pairs_together) * float(row.seeds_together) / max(1.0, runs)
    return float(row.needed) / max(1.0, row.n) if row.needed <= MAX_UNITS else math.inf


def _sentences(table: list[NeededSampleSize]) -> list[Conclusion]:
    """Return a sentence per comparison, those that can be planned for first."""
    found = [
        Conclusion(
            f"{_question(row)} is inconclusive: {row.advice}{_seeds(row)}.",
            _basis(row),
            open=_open(row),
        )
        for row in table
        if not absent(row.needed)
    ]
    unplanned = [row for row in table if absent(row.needed)]
    return found + [
        Conclusion(f"{_question(row)}: {row.advice}.", _basis(row), open=_open(row))
        for row in unplanned
    ]


def _inconclusive(results: Results) -> list[NeededSampleSize]:
    """Return the open rows; of k and other settings those of the leader, as the rest decides nothing."""
    if results.study.trials.empty:
        return []
    answers = {compared_settings.K: own_answer(results), **own_answers(results)}
    leaders = {
        question: contrasts.text(answer.leader)
        for question, answer in answers.items()
        if answer is not None and answer.leader is not None
    }
    return [
        row
        for row in results.cached(sample_sizes, results.study, results.contrasts)
        if row.decision != CONCLUSIVE
        if leaders.get(row.question) in (None, row.first, row.second)
    ]


def _table(results: Results) -> pd.DataFrame:
    return results.cached(needed_sample_sizes, results.study, results.contrasts)


def _question(row: NeededSampleSize) -> str:
    first, second = label(row.first), label(row.second)
    match row.question:
        case contrasts.BEST:
            return f"trial {first} against trial {second}"
        case contrasts.CONFIRMED:
            return f"{first} against {second} on fresh seeds"
        case compared_settings.REMEDIES:
            return f"{first} against no remedy"
        case contrasts.SINGLE:
            return f"{first} against no remedy ({row.at})"
    return f"{row.question} = {first} against {second}"


def _seeds(row: NeededSampleSize) -> str:
    """Return what pairs alone, or seeds alone, would do or cannot."""
    if absent(row.pairs_together) or math.isinf(row.pairs_together):
        return ""
    asks_pairs = row.pairs_together > row.n
    asks_seeds = row.seeds_together > row.seeds
    parts = []
    if asks_seeds:
        alone = row.needed
        parts.append(
            f"{alone - row.n:.0f} more {row.unit} alone"
            if math.isfinite(alone)
            else "more configurations alone cannot do it"
        )
    if asks_pairs:
        alone = row.seeds_instead
        parts.append(
            f"{alone:.0f} seeds of every configuration"
            if math.isfinite(alone)
            else "more seeds alone cannot do it"
        )
    return "".join(f"; {'' if 'cannot' in part else 'or '}{part}" for part in parts)


def _n(row: NeededSampleSize) -> str:
    n = count(row.n, row.unit.removesuffix("s"))
    return f"{n} on {count(row.seeds, 'seed')}" if row.unit in ("pairs", "points") else n


def _basis(row: NeededSampleSize) -> str:
    least = ""
    if not absent(row.needed_least) and math.isfinite(row.needed_least):
        on = "" if row.unit == "seeds" else " on these seeds"
        least = f"; {row.needed_least:.0f} {row.unit}{on} would do "
        least += (
            "if the true effect were the far end of the interval"
            if absent(row.margin)
            else "to find an effect as large as the margin"
        )
    observed = _observed(row)
    return f"{observed}." if absent(row.effect) else f"Observed: {observed}{least}."


def _observed(row: NeededSampleSize) -> str:
    """Return the effect with its interval and its n."""
    if absent(row.effect):
        return _n(row)
    as_text = number if row.scale == contrasts.RATIO else signed
    sign = "× " if row.scale == contrasts.RATIO else ""
    ends = "" if absent(row.low) else f" [{as_text(row.low)}, {as_text(row.high)}]"
    # Holm corrects decisions and not intervals: one that excludes no effect may still be open.
    if row.correction == contrasts.HOLM and not absent(row.p):
        ends += f" (the interval alone; {p_value(row.p)}, Holm over {row.comparisons})"
    return f"{sign}{as_text(row.effect)}{ends}, {_n(row)}"


def blocks(results: Results) -> list[Block]:
    """Return the one table of contrasts, and what each would take."""
    if results.study.trials.empty:
        return []
    return [
        Table(
            "contrasts",
            results.contrasts.frame(),
            "All comparisons of two values",
            CONTRASTS,
            folded=True,
        ),
        Table("needed_sample_sizes", _table(results), "Needed sample sizes", NOTE, folded=True),
    ]


CONTRASTS = (
    "Every comparison that the report makes, once; its sentences and the other tables take their "
    "numbers from here. p_adjusted is corrected for the comparisons of the family; with Bonferroni "
    "the intervals hold together, with Holm each holds alone and the decisions hold together. "
    "Contrasts outside of the primary family are exploratory. within_margin: the whole interval "
    "that holds together with those of the family (simultaneous_low, simultaneous_high) lies within "
    "the study file's margin."
)
NOTE = (
    f"From the very effects of the table of contrasts and what their variance is made of, for "
    f"{POWER:.0%} power; detectable is the smallest effect that the present n finds with that power. "
    "needed counts pairs of matched configurations on the present seeds, or seeds of both: those "
    "that place the whole interval within the margin if there is no difference, and needed_least "
    "those that find an effect as large as the margin; where no margin is stated, those that find "
    "the observed effect, and the interval's far end. "
    "seeds_instead seeds in the present pairs; pairs_together and seeds_together are the fewest runs "
    "that would do."
)

"""Conclusions in two parts, and numbers and settings as words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ganstudy.analysis.formatting import absent, count, label, number, signed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.designed import has_design
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import NoClaim
from ganstudy.analysis.stats.estimate import PRACTICALLY_EQUAL, Estimate
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.tables.effects.contrasts import HOLM, RATIO, Contrast
from ganstudy.trials.results.catalogue import MEASURES

EXPLORATORY = "exploratory"
ON_THESE_SEEDS = "for other configurations on these seeds"
"""What intervals over configurations hold for that share the study's seeds."""


MOST_WORDS = 25
"""Of a sentence of the first screen."""


@dataclass(frozen=True)
class Tile:
    """One number above the answer, where two studies are compared."""

    title: str
    value: str
    note: str


class Rank(IntEnum):
    """Where a sentence stands on the first screen."""

    NOTICE = 0
    """Changes how all the others are to be read."""
    CLAIM = 1
    """The verdicts on the claim that the study was made for."""
    EFFECT = 2
    """What a setting does; the largest effect first."""
    SCORE = 3
    """The score to quote."""
    FAILURES = 4
    OPEN = 5
    """What is inconclusive."""


@dataclass(frozen=True)
class Brief:
    """A main finding in one sentence of at most MOST_WORDS words."""

    text: str
    rank: Rank
    size: float = 0.0
    """Of the effect that it tells, on the scale on which effects are computed; of equal ranks the
    larger one comes first."""
    question: str = ""
    """The setting that it is about, of those that a study is made for: k, the remedies, the other
    factors of a design; '' for others. Each of them that the study varies has a sentence on the first
    screen, inconclusive or not, while there is room."""


@dataclass(frozen=True)
class Open:
    """An inconclusive question, as the one list of them shows it."""

    question: str = ""
    """'' where each of its comparisons is a question of its own there."""
    observed: str = ""
    takes: str = ""
    """What an answer would take."""


@dataclass(frozen=True)
class Conclusion:
    """A conclusion drawn from a table, as plain text."""

    claim: str
    """The finding, or that the data are inconclusive; must not mislead when read alone."""
    basis: str = ""
    """The n and interval that it rests on, and its limits."""
    first: bool = False
    """Whether it is a main finding: one of those that the first screen tells in short."""
    tile: Tile | None = None
    exploratory: bool = False
    """Whether it compares what the study was not made to compare, or tests outside of its one
    corrected family: marked wherever it is shown."""
    brief: Brief | None = None
    """The same in short, for the first screen and the description in MLflow."""
    also: Brief | None = None
    """A second finding in short, where the basis tells one."""
    open: Open | None = None
    """Of what is inconclusive alone: the page has it in the one list of such questions, and not in
    its section."""

    def __str__(self) -> str:
        mark = f"[{EXPLORATORY}] " if self.exploratory else ""
        return f"{mark}{self.claim} {self.basis}".rstrip()


def fitting(*variants: str) -> str:
    """Return the first of the variants that is short enough for a brief, else the last one."""
    # One word is left for the mark of an interim report.
    short = (text for text in variants if len(text.split()) < MOST_WORDS)
    return next(short, variants[-1])


def sentence(text: str) -> str:
    """Return the text with a capital letter in front; k stays k."""
    return text if text.startswith("k = ") else f"{text[0].upper()}{text[1:]}"


def size(contrasts: Iterable[Contrast]) -> float:
    """Return how large the largest conclusive effect is, for Brief; 0 where there is none."""
    return max((abs(row.worse_by) for row in contrasts if row.better is not None), default=0.0)


def nearest_to_answer(contrasts: Iterable[Contrast]) -> Contrast | None:
    """Return the contrast of least p; None where none has an interval."""
    known = [row for row in contrasts if row.effect.has_interval and not math.isnan(row.p)]
    return min(known, key=lambda row: row.p, default=None)


def largest_first(contrasts: Iterable[Contrast]) -> list[Contrast]:
    """Return the contrasts in the order of their effects, the largest first."""
    return sorted(contrasts, key=lambda row: -abs(row.worse_by))


def effect(contrast: Contrast) -> str:
    """Return an effect with its interval, if there is one: × 0.7 [0.5, 0.9], or −3 [−5, −1]."""
    found = contrast.effect
    if math.isnan(found.value):
        return "unknown"
    # A ratio needs no sign, and a difference without one would read as a score.
    is_ratio = contrast.scale == RATIO
    as_text = number if is_ratio else signed
    ends = f" [{as_text(found.low)}, {as_text(found.high)}]" if found.has_interval else ""
    return f"{'× ' if is_ratio else ''}{as_text(found.value)}{ends}"


def wins(contrast: Contrast) -> str:
    """Return in how many runs the first does better, with a comma and a space; '' where unknown."""
    won = contrast.improvement
    if won is None or math.isnan(won.value):
        return ""
    ends = f" [{won.low:.0%}, {won.high:.0%}]" if won.has_interval else ""
    return f"in {won.value:.0%}{ends} of runs, "


def points(difference: Estimate) -> str:
    """Return a difference of shares with its interval: −5 percentage points [−9, −1]."""
    value, low, high = (
        f"{100 * end:+.0f}".replace("-", "−")
        for end in (difference.value, difference.low, difference.high)
    )
    return f"{value} percentage points [{low}, {high}]"


def equal_amount(study: Study) -> str:
    """Return why settings are compared at the amount at which they are."""
    if has_design(study):
        return "where the design compares all its trials"
    return "the most that every trial reached"


def share_change(change: Estimate) -> str:
    """Return a relative change with its interval, if there is one: −40% [−50%, −30%]."""
    value, low, high = (
        f"{end:+.0%}".replace("-", "−") for end in (change.value, change.low, change.high)
    )
    return f"{value} [{low}, {high}]" if change.has_interval else value


def pairs(contrast: Contrast) -> str:
    """Return the n of an effect in matched pairs: 18 pairs on 3 seeds; of a design, 8 points on 3."""
    n = count(contrast.effect.n, contrast.effect.unit.removesuffix("s"))
    return f"{n} on {count(contrast.seeds, 'seed')}" if contrast.effect.n else n


def together(contrasts: Sequence[Contrast]) -> str:
    """Return the clause that intervals need which are corrected for their number.

    It begins with a semicolon; '' for other intervals.
    """
    comparisons = contrasts[0].family.comparisons
    if comparisons < 2 or not any(contrast.effect.has_interval for contrast in contrasts):
        return ""
    return f"; the intervals hold for {comparisons} comparisons together"


def generality(contrasts: Sequence[Contrast]) -> str:
    """Return the sentences about what effects in matched pairs hold for.

    They also say why some have no interval. A space comes before each.
    """
    sentences = ""
    if any(contrast.effect.has_interval for contrast in contrasts):
        sentences += " The intervals hold for other settings and other seeds than these."
    reasons = [
        str(row.no_claim) for row in contrasts if row.no_claim not in (None, NoClaim.NOTHING)
    ]
    if reasons:
        why = "; ".join(dict.fromkeys(reasons))
        sentences += f" Of an effect without an interval nothing is claimed: {why}."
    return sentences


def exploratory(contrasts: Iterable[Contrast]) -> bool:
    """Return whether none of the contrasts is of the primary family."""
    return not any(contrast.family.primary for contrast in contrasts)


def margin(stated: Margin) -> str:
    """Return the effects within a margin: a factor of 0.87 to 1.15, or −0.02 to +0.02."""
    low, high = stated.ends
    if stated.is_ratio:
        return f"a factor of {number(low)} to {number(high)}"
    return f"{signed(low)} to {signed(high)}"


def decision(contrast: Contrast) -> str:
    """Return the decision on a comparison in words.

    It is better, worse, either of them by less than the margin, practically equal or inconclusive.
    """
    small = contrast.within_margin and contrast.decision != PRACTICALLY_EQUAL
    return f"{contrast.decision} by less than the margin" if small else contrast.decision


def within_margin(contrasts: Sequence[Contrast]) -> str:
    """Return the sentences, with a space before each, that effects within the margin need."""
    found = [row for row in contrasts if row.within_margin]
    if not found or (stated := found[0].margin) is None:
        return ""
    sentences = f" The margin, stated before the first trial, is {margin(stated)}."
    if found[0].family.correction == HOLM:
        ends = [
            f"{label(row.first)} [{number(row.simultaneous.low)}, {number(row.simultaneous.high)}]"
            for row in found
        ]
        sentences += f" Within it lie the intervals that hold together: {', '.join(ends)}."
    return sentences


def interval(row: Mapping[str, Any], column: str) -> str:
    """Return the row's `column`, with the interval in column_low and column_high if there is one."""
    return with_interval(Estimate(row[column], row[f"{column}_low"], row[f"{column}_high"]))


def with_interval(estimate: Estimate) -> str:
    """Return the estimate with its interval, if there is one."""
    middle = number(estimate.value)
    if math.isnan(estimate.low):
        return middle
    return f"{middle} [{number(estimate.low)}, {number(estimate.high)}]"


def percent(row: Mapping[str, Any], column: str) -> str:
    """Return the row's share `column` with its interval, if there is one."""
    return share(Estimate(row[column], row[f"{column}_low"], row[f"{column}_high"]))


def share(estimate: Estimate) -> str:
    """Return the share with its interval, if there is one."""
    middle = f"{estimate.value:.0%}"
    if not estimate.has_interval:
        return middle
    return f"{middle} [{estimate.low:.0%}, {estimate.high:.0%}]"


def score_name(study: Study) -> str:
    """Return the label of the measure that decides."""
    return MEASURES[study.objective.measure].label


def unit(study: Study) -> str:
    """Return the unit of the budget in words, for example "generator steps"."""
    return label(study.budget.unit)


def settings(study: Study, trial: Mapping[str, Any], named: Sequence[str] | None = None) -> str:
    """Return the searched settings of a trial in words, without those that did not apply to it.

    named: those that are named, all by default.
    """
    keys = study.searched if named is None else named
    applicable = [key for key in keys if not absent(trial[key])]
    return ", ".join(_setting(key, trial[key]) for key in applicable)


def in_short(study: Study, trial: Mapping[str, Any]) -> str:
    """Return k and the remedies of a trial in brackets, with a space before; '' without either."""
    named = [key for key in ("k", "remedies") if key in study.searched]
    text = settings(study, trial, named)
    return f" ({text})" if text else ""


def _setting(key: str, value: Any) -> str:
    if key == "remedies":
        return "no remedy" if value == selection.NONE else label(value)
    # Learning rates are drawn with many digits; whole numbers such as k are shown in full.
    if isinstance(value, float) and value != int(value):
        return f"{key} = {value:.2g}"
    return f"{key} = {label(value)}"

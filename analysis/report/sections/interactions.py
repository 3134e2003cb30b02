"""Interactions: whether the effect of one setting depends on another."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations

import pandas as pd

from ganstudy.analysis.formatting import absent, between, count, label, number, p_value, signed
from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Brief, Conclusion, Open, Rank, score_name
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, MIN_SEEDS
from ganstudy.analysis.tables.effects.contrasts import RATIO, Contrast
from ganstudy.analysis.tables.effects.interactions import (
    EITHER_WAY,
    MIN_PAIRS,
    MIN_REST,
    HomogeneityRow,
    InteractionRow,
    homogeneity,
    interactions,
)
from ganstudy.analysis.tables.effects.k_by_remedies import k_by_remedies
from ganstudy.analysis.tables.rows import rows_of

TITLE = "Interactions"


def conclusions(results: Results) -> list[Conclusion]:
    """Return how much conclusive effects differ between settings, and the interactions found.

    Where none was found, it says that the data are inconclusive. The joint test of a design's
    factors comes first.
    """
    return [*_joint(results), *_differing(results), *_found(results)]


def _joint(results: Results) -> list[Conclusion]:
    """Return whether a remedy's effect depends on k, in a design that crosses the two."""
    found = results.cached(k_by_remedies, results.whole)
    if found is None:
        return []
    if found.test is None:
        claim = "Whether the effect of a remedy depends on k is not tested:"
        points = count(found.points, "point")
        few = f"{points} of the design {'has' if found.points == 1 else 'have'} all combinations"
        basis = f"it takes {MIN_POINTS} points and {MIN_SEEDS} seeds that differ; {few}."
        return [Conclusion(claim, basis, exploratory=True, open=Open(DEPENDS, takes=basis))]
    test = found.test
    first, second = (number(each) for each in test.degrees)
    joint = (
        f"joint test of the interaction, F({first}, {second}) = {number(test.statistic)}, {p_value(test.p)}, "
        f"{count(test.points, 'point')} on {count(test.seeds, 'seed')}"
    )
    if not found.is_found:
        claim = f"That the effect of a remedy depends on k is not found ({joint})."
        unknown = Open(DEPENDS, observed=joint)
        return [Conclusion(claim, STANDING, exploratory=True, open=unknown)]
    effects = results.contrasts.by_k
    parts = [
        f"{label(row.first)} at {row.at} {phrases.effect(row)}" for row in effects if row.effect.n
    ]
    claim = f"The effect of a remedy depends on k ({joint})."
    basis = f"Against no remedy: {'; '.join(parts)}{phrases.together(effects)}. {AVERAGES}"
    brief = Brief(_most_unlike(effects, score_name(results.study)), Rank.EFFECT)
    return [Conclusion(claim, basis, first=True, exploratory=True, brief=brief)]


def _most_unlike(effects: Iterable[Contrast], name: str) -> str:
    """Return in short what depends on k, with the remedy whose effects at two k lie farthest apart.

    Two effects that are both inconclusive would not show a reader what the joint test found.
    """
    known = [row for row in effects if not math.isnan(row.worse_by)]
    pairs = [
        (one, other)
        for one, other in combinations(known, 2)
        if one.first == other.first and not (one.is_open and other.is_open)
    ]
    if not pairs:
        return "What a remedy does depends on k, though its effect at each k alone is inconclusive."
    one, other = max(pairs, key=lambda pair: abs(pair[0].worse_by - pair[1].worse_by))
    return phrases.fitting(
        f"What {label(one.first)} does depends on k: {name} {phrases.effect(one)} at {one.at}, "
        f"{phrases.effect(other)} at {other.at}.",
        f"What {label(one.first)} does depends on k: its section has the effect at each.",
    )


def _differing(results: Results) -> list[Conclusion]:
    """Return how far each effect of a remedy or of k that was found carries to other settings."""
    found = [row for row in _matched(results) if not row.is_open]
    # An effect that is open has nothing yet that could differ.
    spread = rows_of(HomogeneityRow, homogeneity(results.study, found))
    parts = [_prediction(row, found[0].scale) for row in spread]
    if not parts:
        return []
    claim = f"In a setting that was not tried: {'; '.join(parts)}."
    return [Conclusion(claim, PREDICTED, exploratory=True)]


def _matched(results: Results) -> list[Contrast]:
    """Return the effects of remedies and of k at the budget's own amount."""
    own = own_axis(results.study)
    return [*results.contrasts.remedies, *(row for row in results.contrasts.k if row.axis == own)]


def _prediction(row: HomogeneityRow, scale: str) -> str:
    times, ends = "", [row.effect, row.low, row.high]
    value, low, high = map(signed, ends)
    spread = f"± {number(row.sd_settings)} between settings, {number(row.sd_seeds)} between seeds"
    if scale == RATIO:
        times = "× "
        value, low, high = map(number, ends)
        factors = [number(math.exp(sd)) for sd in (row.sd_settings, row.sd_seeds)]
        spread = f"×/÷ {factors[0]} between settings, {factors[1]} between seeds"
    either = ", so that it may go either way" if row.decision == EITHER_WAY else ""
    return f"{label(row.compared)} {times}{value} [{low}, {high}]{either} ({spread})"


def _found(results: Results) -> list[Conclusion]:
    table = rows_of(InteractionRow, results.cached(interactions, results.study))
    if not table:
        return []
    inconclusive = "Whether any effect rises or falls with another setting is inconclusive:"
    tested = [row for row in table if not absent(row.low)]
    if not tested:
        few = (
            f"it takes {MIN_PAIRS} pairs, or {MIN_REST} configurations more than the model has "
            "coefficients."
        )
        unknown = Open(RISES, takes=few)
        return [Conclusion(inconclusive, few, exploratory=True, open=unknown)]
    together = f"{count(len(tested), 'pair')} of settings tested; the intervals hold together"
    found = [row for row in tested if row.decision == "depends"]
    if not found:
        n = between([row.configurations for row in tested])
        basis = f"{together}, n = {n} pairs or configurations."
        return [Conclusion(inconclusive, basis, exploratory=True, open=Open(RISES, observed=basis))]
    claim = f"Settings depend on each other: {'; '.join(map(_interaction, found))}."
    return [Conclusion(claim, f"{together}.", exploratory=True)]


def _interaction(row: InteractionRow) -> str:
    # A minus sign: a hyphen before a number reads as a dash between two.
    ends = f"{row.correlation:+.2f} [{row.low:+.2f}, {row.high:+.2f}]".replace("-", "−")
    n = f"rank correlation {ends}, n = {row.configurations}"
    first, second = label(row.first), label(row.second)
    if row.kind == "remedy":
        return (
            f"{first} helps {'more' if row.correlation > 0 else 'less'} the larger {second} ({n})"
        )
    how = "suit each other" if row.correlation > 0 else "do not suit each other"
    return f"large {first} and large {second} {how} ({n})"


def blocks(results: Results) -> list[Block]:
    """Return every interaction that was tested."""
    table = results.cached(interactions, results.study)
    differing = homogeneity(results.study, _matched(results))
    return [
        *_by_k(results),
        Table("interactions", table, "Which settings depend on each other", NOTE, folded=True),
        Table("homogeneity", differing, "How much effects differ", DIFFER, folded=True),
    ]


def _by_k(results: Results) -> list[Block]:
    effects = results.contrasts.by_k
    if not effects:
        return []
    frame = pd.DataFrame([row.columns() for row in effects])
    frame = frame.rename(columns={"first": "remedies"})[BY_K_COLUMNS]
    return [Table("remedies_by_k", frame, "Remedies against none at each k", BY_K)]


DEPENDS = "whether the effect of a remedy depends on k"
RISES = "whether any effect rises or falls with another setting"
BY_K_COLUMNS = ["at", "remedies", "effect", "low", "high", "decision", "n", "unit", "seeds"]
BY_K = (
    "Shown since one joint test finds that k and remedies interact. Exploratory: the intervals hold "
    "for all rows together, and for other settings and seeds. A row's decision is about its own k; "
    "that two rows differ does not follow from unlike decisions."
)
STANDING = (
    "The effects of k and of remedies stand as they are, each an average over the other; a small "
    "interaction is not excluded."
)
AVERAGES = "The effects of k and of remedies elsewhere are averages over the other."
PREDICTED = (
    "Remedies against none, with the 95% prediction interval of the effect there, on average over "
    "seeds; in brackets the standard deviation of the effect, without the noise of a single run."
)
DIFFER = (
    "Each remedy against none, and any two k, in matched pairs: what the effect differs between settings and "
    "between seeds (standard deviations, of logarithms for ratios), and the 95% prediction interval "
    "of the effect in a setting that was not tried, each alone."
)


NOTE = (
    "Rank correlations: of a remedy's benefit, pair by pair, with a setting; or of how good the "
    "score is with the product of two settings, beyond the effect of each alone. The intervals "
    "hold for all of them together."
)

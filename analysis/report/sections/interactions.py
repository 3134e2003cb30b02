"""Interactions: whether the effect of one setting depends on another."""

from __future__ import annotations

import math

from ganstudy.analysis.formatting import absent, between, count, label, number, signed
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.contrasts import RATIO
from ganstudy.analysis.tables.interactions import (
    EITHER_WAY,
    MIN_PAIRS,
    MIN_REST,
    HomogeneityRow,
    InteractionRow,
    homogeneity,
    interactions,
)
from ganstudy.analysis.tables.rows import rows_of

TITLE = "Interactions"


def conclusions(results: Results) -> list[Conclusion]:
    """Return how much conclusive effects differ between settings, and the interactions found.

    Where none was found, it says that the data are inconclusive.
    """
    return [*_differing(results), *_found(results)]


def _differing(results: Results) -> list[Conclusion]:
    """Return how far the effect of each remedy that was found carries to other settings."""
    found = [row for row in results.contrasts.remedies if not row.is_open]
    # An effect that is open has nothing yet that could differ.
    spread = rows_of(HomogeneityRow, homogeneity(results.study, found))
    parts = [_prediction(row, found[0].scale) for row in spread]
    if not parts:
        return []
    claim = f"In a setting that was not tried: {'; '.join(parts)}."
    return [Conclusion(claim, PREDICTED, exploratory=True)]


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
    return f"{label(row.remedies)} {times}{value} [{low}, {high}]{either} ({spread})"


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
        return [Conclusion(inconclusive, few, exploratory=True)]
    together = f"{count(len(tested), 'pair')} of settings tested; the intervals hold together"
    found = [row for row in tested if row.decision == "depends"]
    if not found:
        n = between([row.configurations for row in tested])
        basis = f"{together}, n = {n} pairs or configurations."
        return [Conclusion(inconclusive, basis, exploratory=True)]
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
    differing = homogeneity(results.study, results.contrasts.remedies)
    return [
        Table("interactions", table, "Which settings depend on each other", NOTE, folded=True),
        Table("homogeneity", differing, "How much effects differ", DIFFER, folded=True),
    ]


PREDICTED = (
    "Against no remedy, with the 95% prediction interval of its effect there, on average over "
    "seeds; in brackets the standard deviation of the effect, without the noise of a single run."
)
DIFFER = (
    "Each remedy against none in matched pairs: what the effect differs between settings and "
    "between seeds (standard deviations, of logarithms for ratios), and the 95% prediction interval "
    "of its effect in a setting that was not tried, each alone."
)


NOTE = (
    "Rank correlations: of a remedy's benefit, pair by pair, with a setting; or of how good the "
    "score is with the product of two settings, beyond the effect of each alone. The intervals "
    "hold for all of them together."
)

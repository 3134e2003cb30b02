"""Plan sample sizes: how many more pairs or seeds an open contrast needs.

It also says which effects this study could have found at all.

From the very estimate that the report tells, and what its variance is made of: what differs between
pairs of configurations falls with their number alone, what differs between seeds with that of the
seeds (analysis/stats/crossed/design.py). Where the study file states a margin, it is planned from that
alone: how many place the whole interval within it if there is no difference, which is also enough to
find an effect as large as the margin. Else from the observed effect, which is no effect that is
known: the table therefore also says how many it would take if the truth were the interval's far end
(`needed_least`). There is no greatest number then, since the truth may be no difference at all.
"""

from __future__ import annotations

import math
from dataclasses import asdict, astuple, dataclass, fields

import numpy as np
import pandas as pd

from ganstudy.analysis.formatting import count
from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.design import MAX_PAIRS, MAX_SEEDS, Design
from ganstudy.analysis.stats.crossed.effect import NoClaim
from ganstudy.analysis.stats.estimate import NAN
from ganstudy.analysis.stats.power import MAX_UNITS, SampleSize
from ganstudy.analysis.tables.effects.contrast_table import ContrastTable, contrast_table
from ganstudy.analysis.tables.effects.contrasts import BEST, CONFIRMED, RATIO, Contrast, text

TOO_FEW = "too few"
CONCLUSIVE = "conclusive"
INCONCLUSIVE = "inconclusive"
AS_OBSERVED = "if the effect is as observed"
WITHIN_MARGIN = "to place the whole interval within the margin if there is no difference"
"""What a plan assumes: without a margin, and with one."""
ENOUGH = (
    "these are enough to find practical equality, or an effect as large as the margin: the truth may "
    "lie between the two"
)
# With three seeds Student's quantile is 4.3, with six 2.6.
ADVISED_SEEDS = 6
"""Seeds from which on the variance between seeds is known well enough to find most effects."""


@dataclass(frozen=True)
class NeededSampleSize:
    """A contrast, conclusive or not, and what a conclusion takes."""

    question: str
    first: str
    second: str
    at: str
    """Which trials, where the question is about single ones."""
    axis: str
    progress: float
    """Where they are compared."""
    scale: str
    """'ratio' of first to second, or 'difference' (Study.is_ratio says which)."""
    effect: float
    low: float
    high: float
    level: float
    p: float
    """Corrected, as the report tells it."""
    correction: str
    comparisons: int
    n: int
    seeds: int
    """Different ones."""
    unit: str
    """What n and `needed` count: 'pairs' of configurations, or 'seeds' of both."""
    margin: float
    """That of the study file, from which it is planned; NaN where it is the observed effect."""
    detectable: float
    """The smallest effect that these n find with 80% power: a ratio above 1, or a difference."""
    needed: float
    """Units for 80% power if the truth is no difference, and practical equality is to be found; without
    a margin, if it is the observed effect. Of pairs on the present seeds; infinite where no number
    within reach is enough."""
    needed_least: float
    """Units if the truth is an effect as large as the margin; without a margin, the interval's far
    end."""
    seeds_instead: float
    """Seeds in each pair that would do as well as `needed` pairs; infinite where no number would,
    NaN for seeds."""
    pairs_together: float
    seeds_together: float
    """The fewest runs that would do with at least the present pairs and seeds; infinite where none
    within reach would, NaN for seeds."""
    decision: str
    """'conclusive', 'inconclusive', or 'too few' where there is no interval."""
    advice: str


COLUMNS = [field.name for field in fields(NeededSampleSize)]


def needed_sample_sizes(study: Study, contrasts: ContrastTable | None = None) -> pd.DataFrame:
    """Return `sample_sizes` as a table; contrasts: of contrast_table, if they have been made already."""
    contrasts = contrast_table(study) if contrasts is None else contrasts
    return pd.DataFrame(map(asdict, sample_sizes(study, contrasts)), columns=COLUMNS)


def sample_sizes(study: Study, contrasts: ContrastTable) -> list[NeededSampleSize]:
    """Return what a conclusion takes on each question that the study asks, conclusive or not."""
    own = own_axis(study)
    # The other axes of k are views of the same trials, and no further questions.
    return [needed(contrast) for contrast in contrasts.rows if contrast.axis in ("", own)]


def needed(contrast: Contrast) -> NeededSampleSize:
    """Return what a conclusion about a contrast takes."""
    size, effect = contrast.sample_size(), contrast.effect
    decision = CONCLUSIVE if not contrast.is_open else INCONCLUSIVE
    if contrast.is_open and not effect.has_interval:
        decision = TOO_FEW
    with np.errstate(over="ignore"):
        detectable = np.exp(size.detectable) if contrast.scale == RATIO else size.detectable
    together = (NAN, NAN)
    if contrast.matched is not None and not math.isnan(size.needed):
        together = astuple(size.design) if size.design else (math.inf, math.inf)
    return NeededSampleSize(
        question=contrast.question,
        first=text(contrast.first),
        second=text(contrast.second),
        at=contrast.at,
        axis=contrast.axis,
        progress=contrast.amount,
        scale=contrast.scale,
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        level=effect.level,
        p=contrast.p_adjusted,
        correction=contrast.family.correction,
        comparisons=contrast.family.comparisons,
        n=effect.n,
        seeds=contrast.seeds,
        unit=effect.unit,
        margin=NAN if contrast.margin is None else contrast.margin.size,
        detectable=float(detectable),
        needed=size.needed,
        needed_least=size.needed_least,
        seeds_instead=size.seeds_instead,
        pairs_together=together[0],
        seeds_together=together[1],
        decision=decision,
        advice=_advice(contrast, decision, size),
    )


def _advice(contrast: Contrast, decision: str, size: SampleSize) -> str:
    if decision == CONCLUSIVE:
        own = "the search's own seeds, which flatter the winner"
        of = {BEST: own, CONFIRMED: "the fresh seeds"}.get(contrast.question, "these data")
        return f"conclusive by {of}"
    if contrast.no_claim is NoClaim.FEW_SEEDS:
        return f"{contrast.no_claim} say nothing of others: {ADVISED_SEEDS} or more seeds"
    if math.isnan(size.needed):
        return "unknown: these are too few to plan from, or too many of them have no score"
    # Without a margin no equality: an estimate near no effect says nothing of how far the truth may
    # be from it.
    condition = AS_OBSERVED
    if contrast.margin is not None:
        if not _is_missing(contrast, size):
            return ENOUGH
        condition = WITHIN_MARGIN
    if contrast.matched is not None:
        return f"{_more(size.design, contrast)}, {condition}"
    if size.needed > MAX_UNITS:
        return f"more than {MAX_UNITS} fresh seeds of both, {condition}"
    if contrast.question != CONFIRMED:  # those of the search are not fresh
        return f"about {count(math.ceil(size.needed), 'fresh seed')} of both, {condition}"
    more = max(1, math.ceil(size.needed - contrast.effect.n))
    return f"about {count(more, 'more fresh seed')} of both, {condition}"


def _is_missing(contrast: Contrast, size: SampleSize) -> bool:
    """Return whether the plan asks for more than there is."""
    if contrast.matched is not None:
        return size.design != Design(contrast.effect.n, contrast.seeds)
    # Those of the search are not fresh, and tell nothing of the best and the second.
    return size.needed > contrast.effect.n or contrast.question == BEST


def _more(design: Design | None, contrast: Contrast) -> str:
    """Return what is missing to a design."""
    if design is None:
        return f"more than {MAX_PAIRS} pairs of configurations on {MAX_SEEDS} seeds"
    pairs, seeds = design.pairs - contrast.effect.n, design.seeds - contrast.seeds
    if not seeds:
        return f"about {count(max(1, pairs), 'more pair')} of configurations"
    if not pairs:
        return f"about {count(seeds, 'more seed')} of every configuration"
    more = count(pairs, "more pair"), count(seeds, "more seed")
    return f"about {more[0]} of configurations, and {more[1]} of all"

"""Sample size: how many more pairs or seeds an open contrast needs, and which effects this study
could have found at all.

From the very estimate that the report tells, and its standard error: an effect of z_level + z_power
standard errors is found with that power. An effect that was observed is no effect that is known:
the table therefore also says how many it would take if the truth were the interval's far end
(`needed_least`). Where the interval contains no effect there is no greatest number, since the truth
may be no difference at all.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.power import MAX_UNITS
from ganstudy.analysis.tables.contrast_table import ContrastTable, contrast_table
from ganstudy.analysis.tables.contrasts import BEST, CONFIRMED, RATIO, Contrast, text

TOO_FEW = "too few"
CONCLUSIVE = "conclusive"
INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class NeededSampleSize:
    """A contrast, conclusive or not, and what it takes to find its effect."""

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
    unit: str
    """What n and `needed` count: 'pairs' of configurations, or 'seeds' of both."""
    detectable: float
    """The smallest effect that these n find with 80% power: a ratio above 1, or a difference."""
    needed: float
    """Units for 80% power if the truth is the observed effect; infinite beyond 100,000."""
    needed_least: float
    """Units if it is the interval's far end."""
    seeds_instead: float
    """Seeds in each pair that would do as well as `needed` pairs; infinite where no number would,
    NaN for seeds."""
    decision: str
    """'conclusive', 'inconclusive', or 'too few' where there is no interval."""
    advice: str


COLUMNS = [field.name for field in fields(NeededSampleSize)]


def needed_sample_sizes(study: Study, contrasts: ContrastTable | None = None) -> pd.DataFrame:
    """Return one row per question that the study asks, conclusive or not: the fields of
    NeededSampleSize.

    contrasts: those of contrast_table, if they have been made already.
    """
    contrasts = contrast_table(study) if contrasts is None else contrasts
    own = own_axis(study)
    rows = [
        needed(contrast)
        for contrast in contrasts.rows
        # The other axes of k are views of the same trials, and no further questions.
        if contrast.axis in ("", own)
    ]
    return pd.DataFrame(map(asdict, rows), columns=COLUMNS)


def needed(contrast: Contrast) -> NeededSampleSize:
    """Return what it takes to find the effect of a contrast."""
    size, effect = contrast.sample_size(), contrast.effect
    decision = CONCLUSIVE if not contrast.is_open else INCONCLUSIVE
    if contrast.is_open and not effect.has_interval:
        decision = TOO_FEW
    with np.errstate(over="ignore"):
        detectable = np.exp(size.detectable) if contrast.scale == RATIO else size.detectable
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
        unit=effect.unit,
        detectable=float(detectable),
        needed=size.needed,
        needed_least=size.needed_least,
        seeds_instead=size.seeds_instead,
        decision=decision,
        advice=_advice(contrast, decision, size.needed),
    )


def _advice(contrast: Contrast, decision: str, units: float) -> str:
    if decision == CONCLUSIVE:
        own = "the search's own seeds, which flatter the winner"
        of = {BEST: own, CONFIRMED: "the fresh seeds"}.get(contrast.question, "these data")
        return f"conclusive by {of}"
    if math.isnan(units):
        return "too few, or too many diverged, to plan from"
    of_seeds = contrast.effect.unit == "seeds"
    unit = "fresh seeds of both" if of_seeds else "pairs of configurations"
    condition = "if the effect is as observed"
    # No equality: an estimate near no effect says nothing of how far the truth may be from it.
    if units > MAX_UNITS:
        return f"more than {MAX_UNITS} {unit}, {condition}"
    if of_seeds and contrast.question != CONFIRMED:  # those of the search are not fresh
        return f"about {math.ceil(units)} {unit}, {condition}"
    return f"about {max(1, math.ceil(units - contrast.effect.n))} more {unit}, {condition}"

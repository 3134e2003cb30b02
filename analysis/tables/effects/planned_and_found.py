"""What a study promised before its first trial, beside what came out.

Both are the smallest effect that so many of such studies find, simulated as the report analyses:
once from the spread of effects that was planned with, once from the spread that was estimated. The
effects themselves take no part in it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.design import MAX_PAIRS, MAX_SEEDS, Design
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, Variances
from ganstudy.analysis.stats.crossed.power import Effects, made_single_studies, made_studies
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS, NAN
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.analysis.tables.effects.compared_settings import REMEDIES, K
from ganstudy.analysis.tables.effects.contrast_table import ContrastTable
from ganstudy.analysis.tables.effects.contrasts import RATIO, Contrast
from ganstudy.analysis.tables.effects.looks import interim
from ganstudy.trials.results.outlook import Outlook, PlannedEffect
from ganstudy.trials.results.records import Stage, TrialState

SEEDS = "seeds"
"""Unit of comparisons at single configurations."""
PLANNED_COLUMNS = ["setting", "quantity", "planned", "found"]


@dataclass(frozen=True)
class Precision:
    """How finely a study tells the effects of a setting, on the scale of a logarithm for ratios."""

    smallest: float
    """Effect that is found with the outlook's power; NaN where none can be."""
    half_width: float
    """Of an interval: its median over made-up studies, or the mean of those found."""
    sd_pairs: float
    sd_seeds: float
    sd_rest: float
    n: float
    seeds: float
    comparisons: float


@dataclass(frozen=True)
class PlannedAndFound:
    """Precision as planned and as found, and what the planned one would have taken."""

    setting: str
    unit: str
    """Of n, as found: pairs, points or seeds."""
    planned: Precision
    found: Precision
    needed_n: float
    """With the spread found, for the planned precision: pairs or points on as many seeds. NaN where
    it was reached or not planned, infinite where none suffice.
    """
    needed_seeds: float
    """The same in as many pairs or points."""

    @property
    def is_coarser(self) -> bool:
        """Whether the study finds only larger effects than planned."""
        return not math.isnan(self.planned.smallest) and not (
            self.found.smallest <= self.planned.smallest
        )


def planned_and_found(study: Study, contrasts: ContrastTable) -> list[PlannedAndFound]:
    """Return the precision per setting; empty where nothing was planned, or before all is over."""
    outlook = study.outlook
    if outlook is None or interim(study):
        return []
    own = own_axis(study)
    by_setting: dict[str, list[Contrast]] = {
        K: [row for row in contrasts.k if row.axis == own],
        REMEDIES: [*contrasts.remedies, *(row.contrast for row in contrasts.single)],
    }
    for row in contrasts.others:
        by_setting.setdefault(row.question, []).append(row)
    made = [_compare(outlook, each, by_setting.get(each.setting, [])) for each in outlook.effects]
    return [row for row in made if row is not None]


def as_frame(found: Sequence[PlannedAndFound], is_ratio: bool) -> pd.DataFrame:
    """Return one row per setting and quantity, planned and found beside each other.

    Of ratios the smallest effect is a factor below 1 and the interval one to either side; spreads
    are standard deviations, of logarithms for ratios.
    """
    rows = []
    for row in found:
        for each in fields(Precision):
            ends = [getattr(side, each.name) for side in (row.planned, row.found)]
            if is_ratio and each.name in _AS_FACTORS:
                ends = [math.exp(_AS_FACTORS[each.name] * end) for end in ends]
            rows.append((row.setting, _QUANTITIES[each.name].format(n=row.unit), *ends))
    return pd.DataFrame(rows, columns=PLANNED_COLUMNS)


_AS_FACTORS = {"smallest": -1, "half_width": 1}
_QUANTITIES = {
    "smallest": "smallest effect found with the stated power",
    "half_width": "interval, to either side",
    "sd_pairs": "spread between {n}",
    "sd_seeds": "spread between seeds",
    "sd_rest": "spread that is left",
    "n": "{n}",
    "seeds": "seeds",
    "comparisons": "comparisons corrected together",
}


def trials_over(study: Study) -> int:
    """Return how many trials of the design and the search are over."""
    own = study.of_stage(Stage.DESIGN, Stage.SEARCH).trials
    return int(own["state"].ne(TrialState.RUNNING).sum())


def _compare(
    outlook: Outlook, planned: PlannedEffect, contrasts: Sequence[Contrast]
) -> PlannedAndFound | None:
    rows = [row for row in contrasts if row.effect.has_interval]
    scales = {row.scale for row in rows} or {outlook.scale}
    # Scores of 0 or less make differences of what was planned as ratios.
    if not contrasts or scales != {outlook.scale}:
        return None
    promised = _promised(planned)
    if not rows:
        n = max(row.effect.n for row in contrasts)
        seeds = max(row.seeds for row in contrasts)
        parts = (NAN,) * 5
        found = Precision(*parts, n, seeds, contrasts[0].family.comparisons)
        return PlannedAndFound(planned.setting, contrasts[0].effect.unit, promised, found, NAN, NAN)
    made, variances = _made_of(rows)
    n = int(np.median([row.effect.n for row in rows]))
    seeds = int(np.median([row.seeds for row in rows]))
    effects = made(n, seeds)
    found = Precision(
        smallest=NAN if effects is None else effects.smallest(outlook.power),
        half_width=float(np.mean([_half_width(row) for row in rows])),
        sd_pairs=math.sqrt(variances.pairs),
        sd_seeds=math.sqrt(variances.seeds),
        sd_rest=math.sqrt(variances.rest),
        n=n,
        seeds=seeds,
        comparisons=rows[0].family.comparisons,
    )
    row = PlannedAndFound(planned.setting, rows[0].effect.unit, promised, found, NAN, NAN)
    if not row.is_coarser:
        return row

    def enough(n: int, seeds: int) -> bool:
        effects = made(n, seeds)
        return effects is not None and effects.smallest(outlook.power) <= promised.smallest

    # By seed, both numbers are one.
    by_seed = row.unit == SEEDS
    needed_n = NAN if by_seed else _fewest(lambda more: enough(more, seeds), n, MAX_PAIRS)
    needed_seeds = _fewest(lambda more: enough(n, more), seeds, MAX_SEEDS)
    return PlannedAndFound(row.setting, row.unit, promised, found, needed_n, needed_seeds)


def _promised(planned: PlannedEffect) -> Precision:
    variances = Variances(*(sd**2 for sd in (planned.sd_pairs, planned.sd_seeds, planned.sd_rest)))
    level = bonferroni_level(planned.comparisons)
    effects = _made(planned.unit, variances, level, planned.n, planned.seeds)
    return Precision(
        smallest=NAN if planned.smallest is None else planned.smallest,
        half_width=NAN if effects is None else float(np.median(effects.half_widths)),
        sd_pairs=planned.sd_pairs,
        sd_seeds=planned.sd_seeds,
        sd_rest=planned.sd_rest,
        n=planned.n,
        seeds=planned.seeds,
        comparisons=planned.comparisons,
    )


def _made_of(rows: Sequence[Contrast]) -> tuple[Callable[[int, int], Effects | None], Variances]:
    """Return what makes studies of (n, seeds) with the mean spread of some effects, and that."""
    matched = [row.matched.variances for row in rows if row.matched and row.matched.variances]
    if matched:
        variances = Variances(
            *(
                float(np.mean([getattr(each, name) for each in matched]))
                for name in ("pairs", "seeds", "rest")
            )
        )
    else:
        # Single configurations by seed: what differs between seeds is all that there is.
        differences = [row.differences for row in rows if row.differences is not None]
        variances = Variances(0.0, 0.0, float(np.mean([d.var(ddof=1) for d in differences])))
    level = bonferroni_level(rows[0].family.comparisons)
    return partial(_made, rows[0].effect.unit, variances, level), variances


def _made(unit: str, variances: Variances, level: float, n: int, seeds: int) -> Effects | None:
    if unit == SEEDS:
        return made_single_studies(variances, seeds, level)
    fewest = MIN_POINTS if unit == "points" else MIN_CONFIGURATIONS
    return made_studies(variances, Design(n, seeds), level, fewest)


def _half_width(row: Contrast) -> float:
    low, high = row.effect.low, row.effect.high
    return (math.log(high) - math.log(low) if row.scale == RATIO else high - low) / 2


def _fewest(enough: Callable[[int], bool], present: int, most: int) -> float:
    """Return the fewest from `present` to `most` that are enough; infinite where none is."""
    candidates = range(present, most + 1)
    found = bisect_left(candidates, True, key=enough)
    return float(candidates[found]) if found < len(candidates) else math.inf

"""How often a study finds what its claim was planned for, by its own statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, Variances
from ganstudy.analysis.stats.crossed.power import made_studies
from ganstudy.analysis.stats.estimate import NAN
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.claimed import Criterion
from ganstudy.trials.results.outlook import Outlook
from ganstudy.trials.results.records import Stage

STATED, OF_OUTLOOK = "stated in the file", "of the study's outlook"


@dataclass(frozen=True)
class Planned:
    """What made-up studies of the planned size find."""

    effect: float
    """As the file has it."""
    power: float
    """How often a true effect of that size is found."""
    equal: float
    """How often no effect is found to lie within the margin; NaN without one."""
    points: int
    seeds: int
    source: str
    """Of the spread that it was planned with."""


@dataclass(frozen=True)
class Sizes:
    """Of a study: points, seeds, and comparisons that are corrected together."""

    points: int
    seeds: int
    comparisons: int


def planned_power(criterion: Criterion, study: Study, comparisons: int) -> Planned | None:
    """Return what was planned for a criterion; None where no effect was, or no spread is known."""
    points = study.of_stage(Stage.DESIGN).trials.get("point")
    count = 0 if points is None else int(points.dropna().nunique())
    sizes = Sizes(count, len(study.planned_seeds), comparisons)
    return power_of(criterion, study.spec, study.outlook, sizes)


def power_of(
    criterion: Criterion, spec: Mapping[str, Any], outlook: Outlook | None, sizes: Sizes
) -> Planned | None:
    """Return what a study of that file and size finds; outlook: as it is before the first trial."""
    objective = spec.get("objective") or {}
    measure = objective.get("minimize") or objective.get("maximize") or "fid"
    found = _variances(criterion, measure, outlook)
    if criterion.effect is None or found is None:
        return None
    variances, source = found
    design = Design(sizes.points, sizes.seeds)
    level = bonferroni_level(sizes.comparisons)
    made = made_studies(variances, design, level, MIN_POINTS)
    size = abs(math.log(criterion.effect)) if criterion.is_ratio else criterion.effect
    margin = objective.get("margin") if criterion.measure == measure else criterion.margin
    equal = NAN
    if made is not None and margin is not None:
        equal = made.equal(math.log1p(margin) if criterion.is_ratio else margin)
    power = 0.0 if made is None else made.power(size)
    return Planned(criterion.effect, power, equal, sizes.points, sizes.seeds, source)


def _variances(
    criterion: Criterion, measure: str, outlook: Outlook | None
) -> tuple[Variances, str] | None:
    if criterion.spread is not None:
        pairs, seeds, rest = criterion.spread
        return Variances(pairs**2, seeds**2, rest**2), STATED
    scale = "ratio" if MEASURES[measure].is_ratio else "difference"
    if outlook is None or not criterion.is_in_table(measure) or outlook.scale != scale:
        return None
    for each in outlook.effects:
        if each.setting == criterion.setting and each.unit == "points":
            parts = (each.sd_pairs, each.sd_seeds, each.sd_rest)
            return Variances(*(sd**2 for sd in parts)), OF_OUTLOOK
    return None

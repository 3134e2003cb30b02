"""The verdicts on a study's claim: one per criterion, from the one table of contrasts.

A contrast is that of the table. A level is a mean over settings and seeds, both random, held
against a bound that stood in the study file before the first trial.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import compared_scores, own_axis
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import CrossedMean, NoClaim, crossed_mean, crossed_share
from ganstudy.analysis.stats.estimate import NAN, Estimate, Ints, Scores
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.analysis.stats.power import SampleSize, pairs_needed
from ganstudy.analysis.tables.effects.claim_power import Planned, planned_power
from ganstudy.analysis.tables.effects.claimed_contrasts import frame_of, group_of, with_objective
from ganstudy.analysis.tables.effects.contrast_table import ContrastTable
from ganstudy.analysis.tables.effects.contrasts import RATIO, Contrast, Family, claim_family, text
from ganstudy.analysis.tables.effects.looks import held_back, interim
from ganstudy.trials.results.claimed import LOWER, Claim, Criterion

LEVEL = "level"
"""Scale of a criterion that holds a mean against a bound."""


class Verdict(StrEnum):
    """What a study says of a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    NO_EFFECT = "practically no effect"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, eq=False)
class Decided:
    """One criterion of a claim with its estimate and its verdict."""

    criterion: Criterion
    verdict: Verdict
    effect: Estimate
    """Of a contrast the first value against the second; of a level its mean."""
    scale: str
    """ratio, difference or level."""
    none: float
    """No effect, or the bound."""
    seeds: int = 0
    axis: str = ""
    amount: float = NAN
    reason: str = ""
    """Why there is no interval; '' where there is one."""
    contrast: Contrast | None = None
    """In the table of contrasts; None of a level."""
    primary: bool = False
    comparisons: int = 1
    """Corrected together."""
    planned: Planned | None = None
    """None where the file plans no effect, or with nothing known of its spread."""
    size: SampleSize | None = None
    """What a conclusion takes."""
    sign_p: float = NAN
    """Of a level without any spread, which has no interval: two-sided, of an exact sign test of the
    points; NaN elsewhere."""
    left_out: int = 0
    """Seeds that have no value of a level's measure, or no verdict."""


def claim_verdicts(study: Study, contrasts: ContrastTable) -> list[Decided]:
    """Return the verdicts on the study's claim; empty where it makes none or is not over."""
    claim = Claim.of_spec(study.spec)
    if claim is None or interim(study) or study.trials.empty:
        return []
    made = []
    for criterion in claim.decided_by:
        decided = _decided(study, claim, criterion, contrasts)
        planned = planned_power(criterion, study, decided.comparisons)
        primary = decided.primary and not held_back(study)
        made.append(replace(decided, planned=planned, primary=primary))
    return made


def _decided(study: Study, claim: Claim, criterion: Criterion, contrasts: ContrastTable) -> Decided:
    if not criterion.is_contrast:
        return _level(study, criterion, claim_family(study, claim))
    row = contrast_of(study, criterion, contrasts)
    if row is None:
        scale, none = (RATIO, 1.0) if criterion.is_ratio else ("difference", 0.0)
        why = "no trials with both values have what is compared"
        primary = claim_family(study, claim).primary
        return replace(_unknown(criterion, scale, none, why), primary=primary)
    none = 1.0 if row.scale == RATIO else 0.0
    return Decided(
        criterion=criterion,
        verdict=verdict_on(row, criterion.says),
        effect=row.effect,
        scale=row.scale,
        none=none,
        seeds=row.seeds,
        axis=row.axis,
        amount=row.amount,
        reason=str(row.no_claim or ""),
        contrast=row,
        primary=row.family.primary,
        comparisons=row.family.comparisons,
        size=row.sample_size(),
    )


def contrast_of(study: Study, criterion: Criterion, contrasts: ContrastTable) -> Contrast | None:
    """Return the row of the table of contrasts that a criterion names, its value first."""
    if not criterion.is_in_table(study.objective.measure):
        return contrasts.claimed.get(criterion)
    rows = contrasts.remedies if criterion.setting == "remedies" else contrasts.k
    axis = criterion.axis or own_axis(study)
    pair = {text(criterion.value), text(criterion.against)}
    for row in rows:
        if row.axis == axis and {text(row.first), text(row.second)} == pair:
            return row if text(row.first) == text(criterion.value) else row.reversed()
    return None


def verdict_on(row: Contrast, says: str) -> Verdict:
    """Return the verdict on a contrast.

    With a margin an effect as large as the margin can be excluded: wholly, or in the claimed
    direction alone.
    """
    effect, none = row.simultaneous, 1.0 if row.scale == RATIO else 0.0
    if row.within_margin:
        return Verdict.NO_EFFECT
    low, high = (effect.low, effect.high) if says == LOWER else (-effect.high, -effect.low)
    none = none if says == LOWER else -none
    # Without an interval both ends are NaN, which compare as false.
    if high < none:
        return Verdict.HOLDS
    too_small = False
    if row.margin is not None:
        ends = row.margin.ends
        too_small = low >= (ends[0] if says == LOWER else -ends[1])
    return Verdict.DOES_NOT_HOLD if low > none or too_small else Verdict.INCONCLUSIVE


def _level(study: Study, criterion: Criterion, family: Family) -> Decided:
    bound = _bound(study, criterion)
    values, points, amount, axis = _values(study, criterion)
    level = bonferroni_level(family.comparisons)
    if not values.size or math.isnan(bound):
        why = "real images have no such score" if math.isnan(bound) else "no trial has such a value"
        return replace(_unknown(criterion, LEVEL, bound, why), primary=family.primary)
    if np.isnan(values).all():
        whose = f" that is {' or '.join(criterion.of)}" if criterion.of else ""
        none = replace(
            _unknown(criterion, LEVEL, bound, f"no seed{whose} has such a value"),
            primary=family.primary,
        )
        return replace(none, comparisons=family.comparisons, axis=axis, amount=amount)
    mean = crossed_mean(values - bound, level, points)
    effect = _mean_level(criterion, values, mean, (bound, level, points))
    sign = criterion.sign
    low, high = sorted((sign * (effect.low - bound), sign * (effect.high - bound)))
    sign_p, reason = NAN, "" if effect.has_interval else str(mean.no_claim or "")
    if mean.no_claim is NoClaim.NO_SPREAD and not effect.has_interval:
        # The mean of equal values, without what subtracting the bound rounds away.
        effect = replace(effect, value=float(np.nanmax(values)))
        sign_p, reason = 2.0 ** (1 - effect.n), "all values are the same"
        if sign_p <= 1 - level:
            low = high = sign * (effect.value - bound)
    verdict = Verdict.INCONCLUSIVE
    if high < 0:
        verdict = Verdict.HOLDS
    elif low > 0:
        verdict = Verdict.DOES_NOT_HOLD
    return Decided(
        criterion=criterion,
        verdict=verdict,
        effect=effect,
        scale=LEVEL,
        none=bound,
        seeds=mean.seeds,
        axis=axis,
        amount=amount,
        reason=reason,
        sign_p=sign_p,
        primary=family.primary,
        comparisons=family.comparisons,
        size=pairs_needed(mean, family.comparisons),
        left_out=int(np.isnan(values).sum()),
    )


def _mean_level(
    criterion: Criterion, values: Scores, mean: CrossedMean, at: tuple[float, float, Ints | None]
) -> Estimate:
    """Return the level with its interval: of a mean, or of a share, which ends at 0 and 1."""
    bound, level, points = at
    if criterion.share is not None:
        return crossed_share(values, level, points)
    found = mean.comparison.effect
    return replace(found, value=found.value + bound, low=found.low + bound, high=found.high + bound)


def _bound(study: Study, criterion: Criterion) -> float:
    if criterion.than is not None:
        return criterion.than
    real = study.floor.get(str(criterion.measure), NAN)
    return float(criterion.of_real or NAN) * real


def _values(study: Study, criterion: Criterion) -> tuple[Scores, Ints | None, float, str]:
    """Return ([C, S] values, NaN where a seed takes no part, [C] points, amount, axis)."""
    study = compared_trials(study)
    if criterion.measure is not None and criterion.measure in study.evaluations:
        study = with_objective(study, criterion.measure)
    elif criterion.measure is not None:
        return np.empty((0, 0)), None, NAN, ""
    kept = set(study.trials["number"])
    if criterion.setting is not None:
        kept = groups(study, criterion.setting).get(
            group_of(study, criterion.setting, criterion.value), set()
        )
    frame = frame_of(study, criterion) if criterion.share else compared_scores(study)
    frame = frame.only(kept)
    values = frame.failed if criterion.share else frame.sign * frame.scores
    values = np.where(np.isfinite(values), values, np.nan)
    if criterion.of and frame.verdicts is not None:
        wanted = np.isin(frame.verdicts.astype(str), criterion.of)
        values = np.where(wanted, values, np.nan)
    points = study.trials.set_index("number").reindex(frame.numbers).get("point")
    known = points is not None and len(points) > 0 and bool(points.notna().all())
    of = points.to_numpy(dtype=np.int64) if points is not None and known else None
    return values, of, frame.amount, frame.axis


def _unknown(criterion: Criterion, scale: str, none: float, why: str) -> Decided:
    return Decided(criterion, Verdict.INCONCLUSIVE, Estimate(NAN), scale, none, reason=why)


def claim_frame(decided: list[Decided]) -> pd.DataFrame:
    """Return one row per criterion of a claim."""
    return pd.DataFrame([_columns(each) for each in decided])


def _columns(decided: Decided) -> dict[str, object]:
    of, planned = decided.criterion, decided.planned
    margin = None if decided.contrast is None else decided.contrast.margin
    return {
        "what": of.measure or f"share of seeds: {of.share}",
        "setting": of.setting or "",
        "value": "" if of.value is None else text(of.value),
        "against": "" if of.against is None else text(of.against),
        "of": ", ".join(of.of),
        "axis": decided.axis,
        "amount": decided.amount,
        "says": of.says,
        "scale": decided.scale,
        "no_effect_or_bound": decided.none,
        "margin": NAN if margin is None else margin.size,
        **decided.effect.columns("estimate"),
        "level": decided.effect.level,
        "n": decided.effect.n,
        "unit": decided.effect.unit,
        "seeds": decided.seeds,
        "comparisons": decided.comparisons,
        "primary": decided.primary,
        "planned_effect": NAN if of.effect is None else of.effect,
        "planned_power": NAN if planned is None else planned.power,
        "needed_points": NAN if decided.size is None else decided.size.needed,
        "verdict": decided.verdict.value,
    }

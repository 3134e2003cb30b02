"""Effect of a setting on the score and on failed seeds: each of its values against one of them.

Configurations are matched on their other settings (analysis/stats/matching.py) and paired by seed
(analysis/stats/crossed/matched_effect.py). The intervals of a table are simultaneous: Bonferroni over its
family of comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.tables.effects.compared_settings import REMEDIES
from ganstudy.analysis.tables.effects.contrasts import RATIO, Contrast, Family
from ganstudy.analysis.tables.effects.matched_contrasts import matched_contrasts, remedy_contrasts
from ganstudy.analysis.tables.rows import table_of


@dataclass(frozen=True)
class EffectRow:
    """The effect of one value of a setting against a baseline, in matched pairs."""

    group: Any
    configurations: int
    control_configurations: int
    pairs: int
    seeds: int
    difference: float
    low: float
    high: float
    ratio: Estimate
    decision: str
    p: float
    improvement: Estimate
    failed_difference: float
    failed_low: float
    failed_high: float
    failed_decision: str
    axis: str
    progress: float
    comparisons: int
    matching: str
    matched_on: str
    distance: float


def remedy_effects(study: Study, contrasts: Sequence[Contrast] | None = None) -> pd.DataFrame:
    """Compare every set of remedies with none, at the amount that all trials reached.

    remedies, then the columns of setting_effects. contrasts: those of matched_contrasts, if they
    have been made already.
    """
    made = remedy_contrasts(study) if contrasts is None else contrasts
    return table_of(EffectRow, map(_row, made), REMEDIES)


def setting_effects(
    study: Study, setting: str, baseline: Any = None, axis: str | None = None
) -> pd.DataFrame:
    """Compare each value of `setting` (thirds of a range) with `baseline`, the first where None.

    setting; configurations and control_configurations, of the arms at the amount compared at; pairs
    (n of every estimate) and seeds (different ones, on which both sides of a pair were trained);

    ratio: of the score to the baseline's, geometric mean over pairs and seeds, with ratio_low and
    ratio_high; NaN unless factors mean something (Study.is_ratio);

    difference: of the objective in its own direction, with low and high; where there is a ratio,
    what that comes to at the baseline's median score; else of the pairs themselves;

    decision: better or worse where the interval excludes no effect, else inconclusive; p: of no
    effect, times the comparisons; NaN without pairs;

    improvement: P(a seed does better with the value than the same seed with the baseline) and failed_difference:
    of the probability that a seed collapses, cycles or diverges, each with low and high;
    failed_decision: fewer, more or inconclusive;

    axis, progress: what was equal, and how much of it; comparisons: in the table; the intervals are
    simultaneous, and hold for other settings and other seeds than the study's: pairs and seeds are
    both samples. An interval is NaN below six pairs or three seeds;

    matching: "exact" (pairs agree in all of matched_on, separated by "; ") or "nearest", with " +
    regression" where the rest was predicted and taken out; distance: median of the pairs', standard
    deviations per setting.
    """
    study = compared_trials(study)
    by_value = groups(study, setting) if setting in study.trials else {}
    if not by_value or (baseline is not None and baseline not in by_value):
        return table_of(EffectRow, [], setting)
    baseline = next(iter(by_value)) if baseline is None else baseline
    pairs = [(value, baseline) for value in by_value if value != baseline]
    family = Family(f"{setting} against {baseline}", len(pairs))
    made = matched_contrasts(study, setting, family, pairs, axis)
    return table_of(EffectRow, map(_row, made), setting)


def _row(contrast: Contrast) -> EffectRow:
    difference, ratio = _effect(contrast)
    failed = contrast.failed or Estimate(NAN)
    return EffectRow(
        group=contrast.first,
        configurations=contrast.configurations[0],
        control_configurations=contrast.configurations[1],
        pairs=contrast.effect.n,
        seeds=contrast.seeds,
        difference=difference.value,
        low=difference.low,
        high=difference.high,
        ratio=ratio,
        decision=contrast.decision,
        p=contrast.p_adjusted,
        improvement=contrast.improvement or Estimate(NAN),
        failed_difference=failed.value,
        failed_low=failed.low,
        failed_high=failed.high,
        failed_decision=failed.decide("fewer", "more"),
        axis=contrast.axis,
        progress=contrast.amount,
        comparisons=contrast.family.comparisons,
        matching=contrast.matching,
        matched_on="; ".join(contrast.matched_on),
        distance=contrast.distance,
    )


def _effect(contrast: Contrast) -> tuple[Estimate, Estimate]:
    """Return the effect as (difference, ratio); NaN for a ratio that means nothing."""
    effect, control = contrast.effect, contrast.second_score
    if contrast.scale != RATIO:
        return effect, Estimate(NAN)
    if not np.isfinite(control):
        return Estimate(NAN), effect
    # The difference in the measure's own units depends on where one starts: at the baseline's
    # median.
    value, low, high = (
        control * (factor - 1) for factor in (effect.value, effect.low, effect.high)
    )
    return Estimate(value, low, high), effect

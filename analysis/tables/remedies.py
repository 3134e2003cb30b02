"""Effect of a setting on the score and on failed seeds: each of its values against one of them.

Configurations are matched on their other settings (analysis/stats/matching.py) and paired by seed
(analysis/stats/matched_effect.py). The intervals of a table are simultaneous: Bonferroni over its
family of comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.tables.contrasts import RATIO, REMEDIES, Contrast, Family
from ganstudy.analysis.tables.matched_contrasts import matched_contrasts, remedy_contrasts

EFFECT_COLUMNS = [
    "configurations",
    "control_configurations",
    "pairs",
    "seeds",
    "difference",
    "low",
    "high",
    "ratio",
    "ratio_low",
    "ratio_high",
    "decision",
    "p",
    "improvement",
    "improvement_low",
    "improvement_high",
    "failed_difference",
    "failed_low",
    "failed_high",
    "failed_decision",
    "axis",
    "progress",
    "comparisons",
    "matching",
    "matched_on",
    "distance",
]


def remedy_effects(study: Study, contrasts: Sequence[Contrast] | None = None) -> pd.DataFrame:
    """Compare every set of remedies with none, at the amount that all trials reached.

    remedies, then the columns of setting_effects. contrasts: those of matched_contrasts, if they
    have been made already.
    """
    rows = remedy_contrasts(study) if contrasts is None else contrasts
    return _frame(rows, REMEDIES)


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
        return _frame([], setting)
    baseline = next(iter(by_value)) if baseline is None else baseline
    pairs = [(value, baseline) for value in by_value if value != baseline]
    family = Family(f"{setting} against {baseline}", len(pairs))
    return _frame(matched_contrasts(study, setting, family, pairs, axis), setting)


def _frame(contrasts: Sequence[Contrast], setting: str) -> pd.DataFrame:
    rows = [{setting: contrast.first, **_row(contrast)} for contrast in contrasts]
    return pd.DataFrame(rows, columns=[setting, *EFFECT_COLUMNS])


def _row(contrast: Contrast) -> dict[str, Any]:
    better = contrast.improvement or Estimate(NAN)
    failed = contrast.failed or Estimate(NAN)
    return {
        "configurations": contrast.configurations[0],
        "control_configurations": contrast.configurations[1],
        "pairs": contrast.effect.n,
        "seeds": contrast.seeds,
        **_effect(contrast),
        "decision": contrast.decision,
        "p": contrast.p_adjusted,
        **better.columns("improvement"),
        "failed_difference": failed.value,
        "failed_low": failed.low,
        "failed_high": failed.high,
        "failed_decision": failed.decide("fewer", "more"),
        "axis": contrast.axis,
        "progress": contrast.amount,
        "comparisons": contrast.family.comparisons,
        "matching": contrast.matching,
        "matched_on": "; ".join(contrast.matched_on),
        "distance": contrast.distance,
    }


def _effect(contrast: Contrast) -> dict[str, float]:
    """Return the columns difference and ratio with their ends."""
    effect, control = contrast.effect, contrast.second_score
    if contrast.scale != RATIO:
        ends = {"difference": effect.value, "low": effect.low, "high": effect.high}
        return ends | Estimate(NAN).columns("ratio")
    # The difference in the measure's own units depends on where one starts: at the baseline's
    # median.
    differences = {
        name: control * (factor - 1) if np.isfinite(control) else NAN
        for name, factor in (
            ("difference", effect.value),
            ("low", effect.low),
            ("high", effect.high),
        )
    }
    return differences | effect.columns("ratio")

"""Effect of a setting on the score and on failed seeds: each of its values against one of them.

Configurations are matched on their other settings (analysis/stats/matching.py) and paired by seed
(analysis/stats/paired.py). The intervals of a table are simultaneous: Bonferroni over its
comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import (
    NONE,
    SEED,
    ComparedScores,
    compared_scores,
    groups,
    search_stage,
)
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate, Floats, Scores
from ganstudy.analysis.stats.matching import Pairs, coordinates, covariate_adjustment, match
from ganstudy.analysis.stats.multiplicity import bonferroni, bonferroni_level
from ganstudy.analysis.stats.order_statistics import median_over_seeds
from ganstudy.analysis.stats.paired import (
    difference_of_proportions,
    pair_differences,
    probability_of_improvement,
    signed_rank,
)

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


@dataclass(frozen=True)
class Arms:
    """One value of a setting against another, matched and paired; smaller scores are better."""

    pairs: Pairs
    numbers: tuple[set[int], set[int]]
    """Of the trials of either arm."""
    treated: Scores
    control: Scores
    """[P, S], logarithms where factors are compared, less what the other settings explain."""
    treated_failed: Scores
    control_failed: Scores
    control_median: float
    """Of the control side's configurations in the pairs, in the measure's own units."""
    settings: pd.DataFrame
    """[P] of the treated side: every searched setting."""
    matching: str
    matched_on: list[str]

    @property
    def differences(self) -> Floats:
        """[P] of the pairs: treated minus control, median over common seeds."""
        return pair_differences(self.treated, self.control)


def remedy_effects(study: Study) -> pd.DataFrame:
    """Compare every set of remedies with none, at the amount that all trials reached.

    remedies, then the columns of setting_effects.
    """
    if "remedies" not in study.searched:
        return pd.DataFrame(columns=["remedies", *EFFECT_COLUMNS])
    return setting_effects(study, "remedies", NONE)


def setting_effects(
    study: Study, setting: str, baseline: Any = None, axis: str | None = None
) -> pd.DataFrame:
    """Compare each value of `setting` (thirds of a range) with `baseline`, the first where None.

    setting; configurations and control_configurations, of the arms at the amount compared at; pairs
    (n of every estimate) and seeds (of the treated side in them);

    ratio: of the score to the baseline's, Hodges and Lehmann's median of the pairs' ratios, with
    ratio_low and ratio_high; NaN unless factors mean something (Study.is_ratio);

    difference: of the objective in its own direction, with low and high; where there is a ratio,
    what that comes to at the baseline's median score; else of the pairs themselves;

    decision: better or worse where the interval excludes no effect, else inconclusive; p: of no
    effect, times the comparisons; NaN without pairs;

    improvement: P(a seed does better with the value than with the baseline) and failed_difference:
    of the probability that a seed collapses, cycles or diverges, each with low and high;
    failed_decision: fewer, more or inconclusive;

    axis, progress: what was equal, and how much of it; comparisons: in the table; the intervals are
    simultaneous. An interval is NaN where so few pairs cannot keep that promise: fewer than six,
    seven for two or three comparisons, eight for four to six;

    matching: "exact" (pairs agree in all of matched_on, separated by "; ") or "nearest", with " +
    regression" where the rest was predicted and taken out; distance: median of the pairs', standard
    deviations per setting.
    """
    study = search_stage(study)
    empty = pd.DataFrame(columns=[setting, *EFFECT_COLUMNS])
    if setting not in study.trials:
        return empty
    frame, by_value = compared_scores(study, axis), groups(study, setting)
    if not by_value or (baseline is not None and baseline not in by_value):
        return empty
    baseline = next(iter(by_value)) if baseline is None else baseline
    others = [value for value in by_value if value != baseline]
    matcher, rows = Matcher(study, frame, setting), []
    for value in others:
        arms = matcher.arms(by_value[value], by_value[baseline])
        rows.append({setting: value, **_row(study, frame, arms, len(others))})
    return pd.DataFrame(rows, columns=[setting, *EFFECT_COLUMNS])


def _row(study: Study, frame: ComparedScores, arms: Arms, comparisons: int) -> dict[str, Any]:
    # Bonferroni and not Holm: intervals are what readers see, and Holm has none.
    level = bonferroni_level(comparisons)
    compared = signed_rank(arms.differences, level)
    better = probability_of_improvement(arms.treated, arms.control, level)
    failed = difference_of_proportions(arms.treated_failed, arms.control_failed, level)
    return {
        "configurations": len(frame.only(arms.numbers[0]).numbers),
        "control_configurations": len(frame.only(arms.numbers[1]).numbers),
        "pairs": compared.effect.n,
        "seeds": int((~np.isnan(arms.treated)).sum()),
        **_effect(compared.effect, study, arms.control_median),
        "decision": compared.effect.decide("better", "worse"),
        "p": bonferroni(compared.p, comparisons),
        **better.columns("improvement"),
        "failed_difference": failed.value,
        "failed_low": failed.low,
        "failed_high": failed.high,
        "failed_decision": failed.decide("fewer", "more"),
        "axis": frame.axis,
        "progress": frame.amount,
        "comparisons": comparisons,
        "matching": arms.matching,
        "matched_on": "; ".join(arms.matched_on),
        "distance": arms.pairs.distance,
    }


def _effect(effect: Estimate, study: Study, control: float) -> dict[str, float]:
    """Return the columns difference and ratio with their ends; `control` is the baseline's score."""
    if not study.is_ratio:
        shown = effect.in_direction(study.objective.sign)
        ends = {"difference": shown.value, "low": shown.low, "high": shown.high}
        return ends | Estimate(NAN).columns("ratio")
    # The difference in the measure's own units depends on where one starts: at the baseline's
    # median.
    ratio = effect.as_ratio()
    differences = {
        name: control * (factor - 1) if np.isfinite(control) else NAN
        for name, factor in (("difference", ratio.value), ("low", ratio.low), ("high", ratio.high))
    }
    return differences | ratio.columns("ratio")


class Matcher:
    """Matching of the trials of `frame` on every searched setting but `setting` and what depends on
    it.
    """

    def __init__(self, study: Study, frame: ComparedScores, setting: str) -> None:
        table = study.trials.set_index("number").loc[frame.numbers]
        self._frame = frame
        self._settings = table[study.searched]
        self._matched_on = [name for name in study.searched if matchable(table[name], setting)]
        self._points = coordinates(table[self._matched_on])
        # Logarithms: a remedy that halves a FID does so at good and poor configurations alike.
        self._scores = np.log(frame.scores) if study.is_ratio else frame.scores
        medians = median_over_seeds(self._scores)
        # Once, of all configurations without regard to arms, so that no comparison has an
        # adjustment that suits it.
        self._adjustment = covariate_adjustment(self._points, medians)

    def arms(self, treated: set[int], control: set[int]) -> Arms:
        """Match the trials `treated` with the trials `control`."""
        first, second = (
            np.flatnonzero(np.isin(self._frame.numbers, list(arm))) for arm in (treated, control)
        )
        # Anew for each pair of arms, so that a comparison does not depend on those before it.
        rng = np.random.default_rng(SEED)
        pairs = match(self._points[first], self._points[second], len(self._matched_on), rng)
        one, other = first[pairs.treated], second[pairs.control]
        # Exact matches need no adjustment: it would separate them, since each is predicted without
        # itself.
        adjusted = bool(self._adjustment.any()) and not pairs.exact
        scores = self._scores - self._adjustment[:, None] if adjusted else self._scores
        control_median, matching = NAN, ""
        if len(one):
            control_median = float(np.median(median_over_seeds(self._frame.scores[other])))
            matching = "exact" if pairs.exact else "nearest"
            matching += " + regression" if adjusted else ""
        return Arms(
            pairs=pairs,
            numbers=(treated, control),
            treated=scores[one],
            control=scores[other],
            treated_failed=self._frame.failed[one],
            control_failed=self._frame.failed[other],
            control_median=control_median,
            settings=self._settings.iloc[one].reset_index(drop=True),
            matching=matching,
            matched_on=self._matched_on,
        )


def matchable(values: pd.Series, setting: str) -> bool:
    """Return whether pairs can be alike in a setting: it is not the one compared (nor a remedy's
    switch where remedies are), every configuration has it, and it varies.
    """
    name = str(values.name)
    # The switch of a remedy says what its label says, and would forbid every pair.
    switch = setting == "remedies" and set(values.map(str)) <= {"True", "False"}
    return name != setting and not switch and not bool(values.isna().any()) and values.nunique() > 1

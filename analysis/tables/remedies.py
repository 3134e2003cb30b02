"""What a setting does to the score and to the seeds that are lost: each of its values against one
of them.

Configurations are matched on their other settings (analysis/stats/matching.py) and paired by seed
(analysis/stats/paired.py). All intervals of a table hold together: Bonferroni over its comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable import Compared, compared, is_ratio, search_stage
from ganstudy.analysis.frames.selection import NONE, SEED, groups, objective, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import LEVEL, NAN, Scores, over_seeds
from ganstudy.analysis.stats.matching import Pairs, coordinates, explained, match
from ganstudy.analysis.stats.paired import (
    Paired,
    difference_of_shares,
    pair_differences,
    probability_of_improvement,
    signed_rank,
)

COLUMNS = [
    *(
        "configurations",
        "control_configurations",
        "pairs",
        "seeds",
        "difference",
        "low",
        "high",
        "ratio",
        "ratio_low",
    ),
    *(
        "ratio_high",
        "verdict",
        "p",
        "improvement",
        "improvement_low",
        "improvement_high",
        "lost_difference",
    ),
    *(
        "lost_low",
        "lost_high",
        "lost_verdict",
        "axis",
        "progress",
        "comparisons",
        "matching",
        "matched_on",
        "distance",
    ),
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
    treated_lost: Scores
    control_lost: Scores
    control_median: float
    """Of the control side's configurations in the pairs, in the measure's own units."""
    settings: pd.DataFrame
    """[P] of the treated side: every searched setting."""
    matching: str
    matched_on: list[str]

    @property
    def differences(self) -> Scores:
        """[P]"""
        return pair_differences(self.treated, self.control)


def remedy_effects(study: Study) -> pd.DataFrame:
    """Every set of remedies against none, at the amount that all trials reached.

    remedies, then the columns of setting_effects.
    """
    if "remedies" not in searched(study):
        return pd.DataFrame(columns=["remedies", *COLUMNS])
    return setting_effects(study, "remedies", NONE)


def setting_effects(
    study: Study, setting: str, baseline: Any = None, axis: str | None = None
) -> pd.DataFrame:
    """Each value of `setting` (thirds of a range) against `baseline`, the first one where None.

    setting; configurations and control_configurations, of the arms at the amount compared at; pairs
    (n of every estimate) and seeds (of the treated side in them);

    ratio: of the score to the baseline's, Hodges and Lehmann's median of the pairs' ratios, with
    ratio_low and ratio_high; NaN unless factors mean something (comparable.is_ratio);

    difference: of the objective in its own direction, with low and high; where there is a ratio,
    what that comes to at the baseline's median score; else of the pairs themselves;

    verdict: better or worse where the interval excludes none, else open; p: of no effect, times the
    comparisons;

    improvement: P(a seed does better with the value than with the baseline) and lost_difference: of
    the probability that a seed collapses, cycles or diverges, each with low and high; lost_verdict:
    fewer, more or open;

    axis, progress: what was equal, and how much of it; comparisons: in the table; the intervals
    hold for all of them. An interval is NaN where so few pairs cannot keep that promise: fewer than
    six, seven for two or three comparisons, eight for four to six;

    matching: "exact" (pairs agree in all of matched_on, separated by "; ") or "nearest", with " +
    regression" where the rest was predicted and taken out; distance: median of the pairs', standard
    deviations per setting.
    """
    study = search_stage(study)
    empty = pd.DataFrame(columns=[setting, *COLUMNS])
    if setting not in study.trials:
        return empty
    frame, by_value = compared(study, axis), groups(study, setting)
    if not by_value or (baseline is not None and baseline not in by_value):
        return empty
    baseline = next(iter(by_value)) if baseline is None else baseline
    others = [value for value in by_value if value != baseline]
    level = 1 - (1 - LEVEL) / max(1, len(others))
    matcher, rows = Matcher(study, frame, setting), []
    for value in others:
        arms = matcher.arms(by_value[value], by_value[baseline])
        rows.append({setting: value, **_row(study, frame, arms, level, len(others))})
    return pd.DataFrame(rows, columns=[setting, *COLUMNS])


def _row(
    study: Study, frame: Compared, arms: Arms, level: float, comparisons: int
) -> dict[str, Any]:
    _, sign = objective(study)
    effect = signed_rank(arms.differences, level)
    better = probability_of_improvement(arms.treated, arms.control, level)
    lost = difference_of_shares(arms.treated_lost, arms.control_lost, level)
    return {
        "configurations": len(frame.only(arms.numbers[0]).numbers),
        "control_configurations": len(frame.only(arms.numbers[1]).numbers),
        "pairs": effect.pairs,
        "seeds": int((~np.isnan(arms.treated)).sum()),
        **_effect(effect, is_ratio(study), arms.control_median, sign),
        "verdict": "better" if effect.high < 0 else "worse" if effect.low > 0 else "open",
        "p": min(1.0, effect.p * comparisons),
        "improvement": better.value,
        "improvement_low": better.low,
        "improvement_high": better.high,
        "lost_difference": lost.value,
        "lost_low": lost.low,
        "lost_high": lost.high,
        "lost_verdict": "fewer" if lost.high < 0 else "more" if lost.low > 0 else "open",
        "axis": frame.axis,
        "progress": frame.amount,
        "comparisons": comparisons,
        "matching": arms.matching,
        "matched_on": "; ".join(arms.matched_on),
        "distance": arms.pairs.distance,
    }


def _effect(effect: Paired, ratio: bool, control: float, sign: int) -> dict[str, float]:
    value, low, high = effect.value, effect.low, effect.high
    if not ratio:
        ends = (low, high) if sign > 0 else (-high, -low)
        none = {"ratio": NAN, "ratio_low": NAN, "ratio_high": NAN}
        return {"difference": sign * value, "low": ends[0], "high": ends[1], **none}
    factors = [float(np.exp(end)) for end in (value, low, high)]
    differences = [control * (factor - 1) if np.isfinite(control) else NAN for factor in factors]
    return {
        **dict(zip(("difference", "low", "high"), differences, strict=True)),
        **dict(zip(("ratio", "ratio_low", "ratio_high"), factors, strict=True)),
    }


class Matcher:
    """Matches trials of `frame` on every searched setting but `setting` and what depends on it."""

    def __init__(self, study: Study, frame: Compared, setting: str) -> None:
        table = study.trials.set_index("number").loc[frame.numbers]
        self._frame = frame
        self._settings = table[searched(study)]
        self._asked = [name for name in searched(study) if matchable(table[name], setting)]
        self._points = coordinates(table[self._asked])
        self._scores = np.log(frame.scores) if is_ratio(study) else frame.scores
        self._rest = (
            explained(self._points, over_seeds(self._scores)) if len(table) else np.empty(0)
        )

    def arms(self, treated: set[int], control: set[int]) -> Arms:
        """The trials `treated` against the trials `control`."""
        first, second = (
            np.flatnonzero(np.isin(self._frame.numbers, list(arm))) for arm in (treated, control)
        )
        rng = np.random.default_rng(SEED)
        pairs = match(self._points[first], self._points[second], len(self._asked), rng)
        one, other = first[pairs.treated], second[pairs.control]
        # Twins need no regression: it would tell them apart, since each is predicted without
        # itself.
        rest = np.zeros(len(self._rest)) if pairs.exact else self._rest
        scores = self._scores - rest[:, None]
        control_median = (
            float(np.median(over_seeds(self._frame.scores[other]))) if len(other) else NAN
        )
        matching = (
            ("exact" if pairs.exact else "nearest") + (" + regression" if rest.any() else "")
            if len(one)
            else ""
        )
        return Arms(
            pairs,
            (treated, control),
            scores[one],
            scores[other],
            self._frame.lost[one],
            self._frame.lost[other],
            control_median,
            self._settings.iloc[one].reset_index(drop=True),
            matching,
            self._asked,
        )


def matchable(values: pd.Series, setting: str) -> bool:
    """Whether pairs can be alike in a setting: it is not the one compared (nor a remedy's switch
    where remedies are), every configuration has it, and it varies."""
    name = str(values.name)
    switch = setting == "remedies" and set(values.map(str)) <= {"True", "False"}
    return name != setting and not switch and not bool(values.isna().any()) and values.nunique() > 1

"""Whether one setting decides what another one does: k and remedy, learning rate and remedy, k and
learning rates.

Everything here is a rank correlation between -1 and 1: of a remedy's benefit, pair by pair, with a
setting; or of the score with the product of two settings beyond what either does alone. All
intervals of a table hold together.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.stats import rankdata, t

from ganstudy.analysis.frames.comparable import Compared, compared, search_stage
from ganstudy.analysis.frames.selection import NONE, groups, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import LEVEL, NAN, Scores
from ganstudy.analysis.stats.matching import coordinates
from ganstudy.analysis.tables.remedies import Arms, Matcher, matchable

MIN_PAIRS = 12
"""Below this a rank correlation's interval spans nearly everything, and says nothing."""
MIN_REST = 20
"""Configurations beyond the number of coefficients of the model that two settings' product is
tested in.
"""
COLUMNS = [
    *(
        "kind",
        "first",
        "second",
        "correlation",
        "low",
        "high",
        "p",
        "verdict",
        "configurations",
        "seeds",
    ),
    *("comparisons", "axis", "progress"),
]


def interactions(study: Study) -> pd.DataFrame:
    """Every remedy with every setting that has an order, and every two such settings with each
    other.

    kind: "remedy" (first: the remedies, second: a setting): rank correlation of the benefit, what
    the remedy takes off the score of its matched pair without remedy, with the setting: above 0 it
    helps more (or harms less) the larger the setting; or "settings": partial correlation of the
    score's goodness with the product of the two, given all settings and their squares: above 0
    large values suit each other;

    low and high (NaN where n does not allow an interval: below twelve pairs, or fewer than 20
    configurations more than the model has coefficients); p (of none, times comparisons); verdict:
    "depends" where the interval excludes 0, else "open"; configurations (pairs, for a remedy),
    seeds; comparisons, for which all intervals hold together; axis, progress.
    """
    study = search_stage(study)
    frame = compared(study)
    if not len(frame.numbers):
        return pd.DataFrame(columns=COLUMNS)
    ordered = _ordered(study, frame)
    cases = [*_remedy_cases(study, frame, ordered), *_setting_cases(study, frame, ordered)]
    comparisons = sum(
        not math.isnan(_interval(correlation, degrees, LEVEL, factor)[0])
        for *_, correlation, degrees, factor in cases
    )
    rows = []
    for kind, first, second, configurations, seeds, correlation, degrees, factor in cases:
        low, high = _interval(correlation, degrees, 1 - (1 - LEVEL) / max(1, comparisons), factor)
        p = (
            min(1.0, _p(correlation, degrees, factor) * max(1, comparisons))
            if not math.isnan(low)
            else NAN
        )
        verdict = "depends" if low > 0 or high < 0 else "open"
        told = (
            correlation,
            low,
            high,
            p,
            verdict,
            configurations,
            seeds,
            comparisons,
            frame.axis,
            frame.amount,
        )
        rows.append((kind, first, second, *told))
    return pd.DataFrame(rows, columns=COLUMNS)


Case = tuple[str, str, str, int, int, float, int, float]
"""kind, first, second, configurations, seeds, correlation, degrees of freedom (0: no interval),
variance factor.
"""


def _ordered(study: Study, frame: Compared) -> list[str]:
    """Searched settings with an order that every compared configuration has."""
    table = study.trials.set_index("number").loc[frame.numbers]
    numeric = [name for name in searched(study) if pd.api.types.is_numeric_dtype(table[name])]
    return [
        name
        for name in numeric
        if not pd.api.types.is_bool_dtype(table[name]) and matchable(table[name], "")
    ]


def _remedy_cases(study: Study, frame: Compared, ordered: list[str]) -> list[Case]:
    by_label = groups(study, "remedies") if "remedies" in searched(study) else {}
    control = by_label.pop(NONE, set())
    matcher, cases = Matcher(study, frame, "remedies"), []
    for label, treated in by_label.items():
        arms = matcher.arms(treated, control)
        for name in ordered:
            if name in arms.settings and arms.settings[name].nunique() > 1:
                cases.append(("remedy", str(label), name, *_benefit(arms, name)))
    return cases


def _benefit(arms: Arms, name: str) -> tuple[int, int, float, int, float]:
    pairs, seeds = len(arms.treated), int((~np.isnan(arms.treated)).sum())
    correlation = _pearson(
        rankdata(-arms.differences), rankdata(arms.settings[name].to_numpy(dtype=float))
    )
    enough = pairs >= MIN_PAIRS and not math.isnan(correlation)
    # Bonett & Wright 2000: the variance of Fisher's z of a rank correlation.
    return pairs, seeds, correlation, pairs - 3 if enough else 0, 1 + correlation**2 / 2


def _setting_cases(study: Study, frame: Compared, ordered: list[str]) -> list[Case]:
    settings = study.trials.set_index("number").loc[frame.numbers, searched(study)]
    points = {name: coordinates(settings[[name]])[:, 0] for name in ordered}
    every = [name for name in searched(study) if matchable(settings[name], "")]
    if len(points) < 2:
        return []
    squares = [points[name] ** 2 for name in ordered if settings[name].nunique() > 2]
    additive = np.column_stack([np.ones(len(settings)), coordinates(settings[every]), *squares])
    goodness = _normal(-frame.medians)
    seeds = int((~np.isnan(frame.scores)).sum())
    basis = np.linalg.svd(additive, full_matrices=False)
    kept = basis[0][:, basis[1] > 1e-9 * basis[1][0]]
    rest = len(settings) - kept.shape[1]
    cases = []
    for one, other in itertools.combinations(ordered, 2):
        product = points[one] * points[other]
        correlation = _pearson(
            *(values - kept @ (kept.T @ values) for values in (goodness, product))
        )
        enough = rest >= MIN_REST and not math.isnan(correlation)
        cases.append(
            (
                "settings",
                one,
                other,
                len(settings),
                seeds,
                correlation,
                rest - 2 if enough else 0,
                1.0,
            )
        )
    return cases


def _normal(values: Scores) -> Scores:
    quantiles = (rankdata(values) - 0.375) / (len(values) + 0.25)
    return np.array([NormalDist().inv_cdf(q) for q in quantiles])


def _pearson(first: Scores, second: Scores) -> float:
    first, second = first - first.mean(), second - second.mean()
    size = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / size if size > 1e-9 else NAN


def _interval(correlation: float, degrees: int, level: float, factor: float) -> tuple[float, float]:
    """Fisher's z; NaN where `degrees` is 0. Student's quantile for the normal one: n is small."""
    if not degrees:
        return NAN, NAN
    z = math.atanh(max(-1 + 1e-9, min(1 - 1e-9, correlation)))
    half = float(t.ppf((1 + level) / 2, degrees)) * math.sqrt(factor / degrees)
    return math.tanh(z - half), math.tanh(z + half)


def _p(correlation: float, degrees: int, factor: float) -> float:
    z = math.atanh(max(-1 + 1e-9, min(1 - 1e-9, abs(correlation))))
    return 2 * float(t.sf(z / math.sqrt(factor / degrees), degrees))

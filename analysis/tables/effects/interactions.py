"""Estimate whether one setting decides what another one does.

Examples are k and remedy, learning rate and remedy, k and learning rates.

Everything here is a rank correlation between -1 and 1: of a remedy's benefit, pair by pair, with a
setting; or of the score with the product of two settings beyond what either does alone. The
intervals of a table are simultaneous.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ganstudy.analysis.frames.compared_scores import ComparedScores, compared_scores
from ganstudy.analysis.frames.designed import compared_trials, factors, has_design, is_fraction
from ganstudy.analysis.frames.selection import NONE, groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.correlation import (
    fisher_interval,
    fisher_p,
    normal_scores,
    pearson,
)
from ganstudy.analysis.stats.crossed.heterogeneity import effect_in_a_new_setting
from ganstudy.analysis.stats.estimate import NAN, Comparison, Estimate, Floats, Ints
from ganstudy.analysis.stats.matching import coordinates
from ganstudy.analysis.stats.multiplicity import bonferroni, bonferroni_level
from ganstudy.analysis.tables.effects.compared_settings import REMEDIES, K
from ganstudy.analysis.tables.effects.contrasts import Contrast, in_units, text
from ganstudy.analysis.tables.effects.k_by_remedies import k_by_remedies
from ganstudy.analysis.tables.effects.matched_arms import Arms, Matcher, matchable
from ganstudy.analysis.tables.rows import table_of

# A guess, above the ten at which the coverage of rank correlations is simulated.
MIN_PAIRS = 12
"""Below this a rank correlation's interval spans nearly everything, and says nothing."""
# A guess: a correlation of what is left needs about as many as any other here.
MIN_REST = 20
"""Configurations beyond the number of coefficients of the model that two settings' product is
tested in.
"""
EITHER_WAY, SAME_DIRECTION = "either way", "same direction"
"""Whether an effect may go against its mean in a new setting."""


@dataclass(frozen=True)
class InteractionRow:
    """Whether the effect of one setting depends on another."""

    kind: str
    first: str
    second: str
    correlation: float
    low: float
    high: float
    p: float
    decision: str
    configurations: int
    seeds: int
    comparisons: int
    axis: str
    progress: float


def interactions(study: Study) -> pd.DataFrame:
    """Estimate the interactions of remedies with settings, and of settings with each other.

    Only settings that have an order take part.

    kind: "remedy" (first: the remedies, second: a setting): rank correlation of the benefit, what
    the remedy takes off the score of its matched pair without remedy, with the setting: above 0 it
    helps more (or harms less) the larger the setting; or "settings": partial correlation of the
    score's goodness with the product of the two, given all settings and their squares: above 0
    large values suit each other;

    low and high (NaN where n does not allow an interval: below twelve pairs, or fewer than 20
    configurations more than the model has coefficients); p (of none, times comparisons);
    decision: "depends" where the interval excludes 0, else "inconclusive"; configurations (pairs,
    for a remedy; points, where a setting of a design is no factor), seeds; comparisons, over which
    the intervals are simultaneous; axis, progress.

    Of a fraction of a design's combinations, interactions of factors are left out. Of a design that crosses
    k and remedies, remedies are compared with k only where its joint test
    finds that they interact (analysis/tables/effects/k_by_remedies.py).
    """
    joint = k_by_remedies(study)
    study = compared_trials(study)
    frame = compared_scores(study)
    if not len(frame.numbers):
        return table_of(InteractionRow, [])
    ordered = _ordered(study, frame)
    cases = [*_remedy_cases(study, frame, ordered), *_setting_cases(study, frame, ordered)]
    if is_fraction(study):
        # Two factors together are confounded with a third.
        confounded = {REMEDIES, *factors(study)}
        cases = [case for case in cases if not _factors_of(case) <= confounded]
    if joint is not None and not joint.is_found:
        cases = [case for case in cases if (case.kind, case.second) != ("remedy", K)]
    # A case without an interval can find nothing, so that it is no comparison.
    comparisons = sum(case.degrees > 0 for case in cases)
    level = bonferroni_level(comparisons)
    return table_of(
        InteractionRow, [_interaction_row(case, frame, level, comparisons) for case in cases]
    )


def _interaction_row(
    case: Case, frame: ComparedScores, level: float, comparisons: int
) -> InteractionRow:
    estimate, p = case.estimate(level), NAN
    if estimate.has_interval:
        p = bonferroni(fisher_p(case.correlation, case.degrees, case.factor), comparisons)
    return InteractionRow(
        kind=case.kind,
        first=case.first,
        second=case.second,
        correlation=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p=p,
        decision=estimate.decide("depends", "depends"),
        configurations=case.configurations,
        seeds=case.seeds,
        comparisons=comparisons,
        axis=frame.axis,
        progress=frame.amount,
    )


@dataclass(frozen=True)
class Case:
    """A correlation that shows an interaction."""

    kind: str
    """"remedy" or "settings"."""
    first: str
    second: str
    configurations: int
    seeds: int
    correlation: float
    degrees: int
    """Of freedom; 0 where n does not allow an interval."""
    factor: float = 1.0
    """Of the variance of Fisher's z."""

    def estimate(self, level: float) -> Estimate:
        """Return the correlation with its interval."""
        low, high = fisher_interval(self.correlation, self.degrees, level, self.factor)
        return Estimate(self.correlation, low, high, level, self.configurations)


def _factors_of(case: Case) -> set[str]:
    return {REMEDIES if case.kind == "remedy" else case.first, case.second}


@dataclass(frozen=True)
class HomogeneityRow:
    """How much the effect of remedies or of k differs between settings and between seeds."""

    compared: str
    effect: float
    sd_settings: float
    sd_seeds: float
    low: float
    high: float
    decision: str
    pairs: int
    seeds: int


def homogeneity(study: Study, contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """Estimate how much effects in matched pairs differ between settings and seeds.

    Those without an interval are left out.

    compared: a set of remedies (with none), or two values of k; effect (as in the contrasts: a
    factor for ratios); sd_settings, sd_seeds: standard deviation of the effect over settings and
    over seeds, noise of the single run apart (of the logarithm for ratios); low and high: the 95%
    prediction interval of the effect in a setting that was not tried, alone; decision: "either way"
    where that contains no effect, "same direction" where it does not; pairs, seeds.
    """
    found = []
    for row in contrasts:
        if row.matched is None or row.matched.variances is None or not row.effect.has_interval:
            continue
        new = effect_in_a_new_setting(row.matched)
        shown = in_units(Comparison(new, NAN, ""), study)[1]
        found.append(
            HomogeneityRow(
                compared=_compared(row),
                effect=shown.value,
                sd_settings=math.sqrt(row.matched.variances.pairs),
                sd_seeds=math.sqrt(row.matched.variances.seeds),
                low=shown.low,
                high=shown.high,
                decision=EITHER_WAY if new.low <= 0 <= new.high else SAME_DIRECTION,
                pairs=row.effect.n,
                seeds=row.seeds,
            )
        )
    return table_of(HomogeneityRow, found)


def _compared(row: Contrast) -> str:
    return (
        f"k = {text(row.first)} against {text(row.second)}" if row.question == K else str(row.first)
    )


def _ordered(study: Study, frame: ComparedScores) -> list[str]:
    """Return the searched settings with an order that every compared configuration has."""
    table = study.trials.set_index("number").loc[frame.numbers]
    numeric = [name for name in study.searched if pd.api.types.is_numeric_dtype(table[name])]
    return [
        name
        for name in numeric
        if not pd.api.types.is_bool_dtype(table[name]) and matchable(table[name])
    ]


def _remedy_cases(study: Study, frame: ComparedScores, ordered: list[str]) -> list[Case]:
    by_label = groups(study, "remedies") if "remedies" in study.searched else {}
    control = by_label.pop(NONE, set())
    matcher, cases = Matcher(study, frame, "remedies"), []
    for label, treated in by_label.items():
        arms = matcher.arms(treated, control)
        for name in ordered:
            if name in arms.settings and arms.settings[name].nunique() > 1:
                cases.append(_benefit(arms, str(label), name))
    return cases


def _benefit(arms: Arms, remedy: str, setting: str) -> Case:
    """Correlate what a remedy takes off the score of its matched pair with a setting."""
    settings = arms.settings[setting].to_numpy(dtype=float)
    # Ranks: a pair of which one side diverged differs by infinity.
    ranks = rankdata(-arms.differences)
    if arms.points is not None and is_by_point(settings, arms.points):
        # Pairs of a point share its setting, and what else is special about it.
        by_point = pd.DataFrame({"ranks": ranks, "settings": settings}).groupby(arms.points).mean()
        ranks, settings = (by_point[name].to_numpy() for name in ("ranks", "settings"))
    pairs = len(ranks)
    correlation = pearson(ranks, rankdata(settings))
    enough = pairs >= MIN_PAIRS and not math.isnan(correlation)
    return Case(
        kind="remedy",
        first=remedy,
        second=setting,
        configurations=pairs,
        seeds=int((~np.isnan(arms.treated)).sum()),
        correlation=correlation,
        degrees=pairs - 3 if enough else 0,
        # Bonett & Wright 2000: the variance of Fisher's z of a rank correlation.
        factor=1 + correlation**2 / 2,
    )


def is_by_point(settings: Floats, points: Ints) -> bool:
    """Return whether a setting of a design has one value at each point: it is no factor."""
    return bool((pd.Series(settings).groupby(points).nunique() <= 1).all())


def _setting_cases(study: Study, frame: ComparedScores, ordered: list[str]) -> list[Case]:
    settings = study.trials.set_index("number").loc[frame.numbers, study.searched]
    points = {name: coordinates(settings[[name]])[:, 0] for name in ordered}
    every = [name for name in study.searched if matchable(settings[name])]
    if len(points) < 2:
        return []
    # Of two related settings, a curve in one looks like their product. A setting with two values
    # has no curve: its square is the setting again.
    squares = [points[name] ** 2 for name in ordered if settings[name].nunique() > 2]
    additive = np.column_stack([np.ones(len(settings)), coordinates(settings[every]), *squares])
    goodness = normal_scores(-frame.medians)
    # Singular vectors, as the columns depend on each other: those of a setting without order sum to
    # a constant.
    basis = np.linalg.svd(additive, full_matrices=False)
    kept = basis[0][:, basis[1] > 1e-9 * basis[1][0]]
    rest = len(settings) - kept.shape[1]
    table, cases = study.trials.set_index("number").loc[frame.numbers], []
    by_point = set()
    if has_design(study):
        where = table["point"].to_numpy(dtype=np.int64)
        by_point = {name for name in ordered if is_by_point(points[name], where)}
    for one, other in itertools.combinations(ordered, 2):
        product = points[one] * points[other]
        # What the additive model leaves of either.
        left = [values - kept @ (kept.T @ values) for values in (goodness, product)]
        correlation = pearson(*left)
        enough = rest >= MIN_REST and not math.isnan(correlation)
        # Of a design they have as many values together as there are points, not configurations.
        enough = enough and not {one, other} <= by_point
        cases.append(
            Case(
                kind="settings",
                first=one,
                second=other,
                configurations=len(settings),
                seeds=frame.num_seeds,
                correlation=correlation,
                # n - 3 less the other columns: the constant is among `kept`.
                degrees=rest - 2 if enough else 0,
            )
        )
    return cases

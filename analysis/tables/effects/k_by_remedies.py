"""Whether the effect of a remedy depends on k, in a design that crosses the two.

One joint test comes first. Where it finds nothing, the effects of k and of remedies stand, each
averaged over the other; where it does, the effects at each k are shown as exploratory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ganstudy.analysis.frames.compared_scores import compared_scores
from ganstudy.analysis.frames.designed import compared_trials, has_design, is_fraction
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, MIN_SEEDS
from ganstudy.analysis.stats.crossed.joint_interaction import JointTest, joint_interaction
from ganstudy.analysis.stats.estimate import Floats
from ganstudy.analysis.stats.multiplicity import ALPHA
from ganstudy.analysis.tables.effects.compared_settings import REMEDIES, K
from ganstudy.analysis.tables.effects.contrasts import Contrast, Family, couples, text
from ganstudy.analysis.tables.effects.matched_contrasts import matched_contrasts

BY_K = "remedies at each k"
"""Question, as the table of contrasts names it."""


@dataclass(frozen=True)
class Interaction:
    """The joint test of k and remedies in a design."""

    test: JointTest | None
    """None where too few points or seeds have all combinations."""
    points: int
    """Points of the design that have all of them."""

    @property
    def is_found(self) -> bool:
        """Whether the effect of a remedy depends on k."""
        return self.test is not None and self.test.p < ALPHA


def k_by_remedies(study: Study) -> Interaction | None:
    """Test whether k and remedies interact; None where no design crosses the two in all combinations.

    A diverged seed counts as the worst score of all. Points at which a combination lacks a seed are
    left out.
    """
    if not has_design(study) or is_fraction(study):
        return None
    study = compared_trials(study)
    values = [groups(study, name) if name in study.searched else {} for name in (K, REMEDIES)]
    if min(map(len, values)) < 2:
        return None
    table = _table(study, [list(each.values()) for each in values])
    if len(table) < MIN_POINTS or table.shape[1] < MIN_SEEDS:
        return Interaction(None, len(table))
    test = joint_interaction(table)
    # Without any spread there is no test.
    return Interaction(None if math.isnan(test.p) else test, len(table))


def effects_by_k(study: Study) -> list[Contrast]:
    """Compare every set of remedies with none at each k; exploratory, and corrected together."""
    study = compared_trials(study)
    by_k, pairs = groups(study, K), couples(study, REMEDIES)
    family = Family(BY_K, len(by_k) * len(pairs))
    made = []
    for value, numbers in by_k.items():
        part = study.only(study.trials["number"].isin(numbers))
        made += [
            replace(row, question=BY_K, at=f"k = {text(value)}")
            for row in matched_contrasts(part, REMEDIES, family, pairs)
        ]
    return made


def _table(study: Study, values: list[list[set[int]]]) -> Floats:
    """Return scores [P, S, A, B], logarithms of ratios, of the points that have all of them."""
    frame = compared_scores(study)
    scores = np.log(frame.scores) if study.is_ratio else frame.scores
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return np.empty((0, 0, 1, 1))
    scores = np.where(np.isinf(scores), finite.max(), scores)
    points = study.trials.set_index("number").loc[frame.numbers, "point"].to_numpy(dtype=np.int64)
    labels = np.unique(points)
    cells = {
        (p, a, b): np.flatnonzero((points == point) & np.isin(frame.numbers, list(first & second)))
        for p, point in enumerate(labels)
        for a, first in enumerate(values[0])
        for b, second in enumerate(values[1])
    }
    # All combinations of other factors, over which the mean is taken.
    twins = max(map(len, cells.values()))
    made = np.full((len(labels), len(frame.seeds), *map(len, values)), np.nan)
    for (p, a, b), own in cells.items():
        if len(own) == twins:
            made[p, :, a, b] = scores[own].mean(axis=0)
    whole: Floats = made[np.isfinite(made).all(axis=(1, 2, 3))]
    return whole

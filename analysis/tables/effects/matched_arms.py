"""Arms of a comparison: the configurations of two values of a setting, matched on the other settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import SEED, ComparedScores
from ganstudy.analysis.frames.designed import is_fraction
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Floats, Ints, Scores
from ganstudy.analysis.stats.matching import Pairs, coordinates, covariate_adjustment, match
from ganstudy.analysis.stats.order_statistics import median_over_seeds
from ganstudy.analysis.stats.paired import pair_differences
from ganstudy.analysis.stats.run_order import run_places


@dataclass(frozen=True)
class Arms:
    """One value of a setting against another, matched and paired; smaller scores are better."""

    pairs: Pairs
    numbers: tuple[set[int], set[int]]
    """Of the trials of either arm."""
    treated: Scores
    control: Scores
    """[P, S], logarithms where factors are compared, less what the other settings explain."""
    treated_places: Scores
    """[P, S] in the order that knows failure, 1 the best of all compared runs; by their scores alone
    where verdicts do not compare.
    """
    control_places: Scores
    treated_failed: Scores
    control_failed: Scores
    control_median: float
    """Of the control side's configurations in the pairs, in the measure's own units."""
    settings: pd.DataFrame
    """[P] of the treated side: every searched setting."""
    matching: str
    matched_on: list[str]
    points: Ints | None = None
    """[P] of a design: where the pair was trained. None elsewhere."""

    @property
    def differences(self) -> Floats:
        """[P] of the pairs: treated minus control, median over common seeds."""
        return pair_differences(self.treated, self.control)


class Matcher:
    """Matching of the trials of `frame` on every searched setting but the one that is compared.

    That is `setting`; what depends on it is left out as well.
    """

    def __init__(self, study: Study, frame: ComparedScores, setting: str) -> None:
        table = study.trials.set_index("number").loc[frame.numbers]
        self._frame = frame
        designed = "point" in table and len(table) > 0 and bool(table["point"].notna().all())
        self._design_points = table["point"].to_numpy(dtype=np.int64) if designed else None
        self._settings = table[study.searched]
        self._matched_on = matched_settings(study, table, setting)
        self._points = coordinates(table[self._matched_on])
        # Logarithms: a remedy that halves a FID does so at good and poor configurations alike.
        self._scores = np.log(frame.scores) if study.is_ratio else frame.scores
        medians = median_over_seeds(self._scores)
        # Once, of all configurations without regard to arms, so that no comparison has an
        # adjustment that suits it.
        self._adjustment = covariate_adjustment(self._points, medians)
        self._places: dict[bool, Scores] = {}
        self._twins = None
        self._balanced = False
        if designed:
            crossed = _crossed(table, self._matched_on, setting)
            if is_fraction(study):
                kept = _balanced(table, crossed, setting)
                self._balanced = kept != crossed
                self._matched_on = [n for n in self._matched_on if n in kept or n not in crossed]
                crossed = kept
            self._twins = table[["point", *crossed]]

    def arms(self, treated: set[int], control: set[int]) -> Arms:
        """Match the trials `treated` with the trials `control`."""
        first, second = (
            np.flatnonzero(np.isin(self._frame.numbers, list(arm))) for arm in (treated, control)
        )
        # Anew for each pair of arms, so that a comparison does not depend on those before it.
        rng = np.random.default_rng(SEED)
        if self._twins is not None:
            pairs = _twins(self._twins.iloc[first], self._twins.iloc[second])
        else:
            pairs = match(self._points[first], self._points[second], len(self._matched_on), rng)
        one, other = first[pairs.treated], second[pairs.control]
        # Exact matches need no adjustment: it would separate them, since each is predicted without
        # itself.
        adjusted = bool(self._adjustment.any()) and not pairs.exact
        scores = self._adjusted(adjusted)
        control_median, matching = NAN, ""
        if len(one):
            control_median = float(np.median(median_over_seeds(self._frame.scores[other])))
            matching = "exact" if pairs.exact else "nearest"
            matching = "balanced" if self._balanced else matching
            matching += " + regression" if adjusted else ""
        return Arms(
            pairs=pairs,
            numbers=(treated, control),
            treated=scores[one],
            control=scores[other],
            treated_places=self._placed(adjusted)[one],
            control_places=self._placed(adjusted)[other],
            treated_failed=self._frame.failed[one],
            control_failed=self._frame.failed[other],
            control_median=control_median,
            settings=self._settings.iloc[one].reset_index(drop=True),
            matching=matching,
            matched_on=self._matched_on,
            points=None if self._design_points is None else self._design_points[one],
        )

    def _adjusted(self, adjusted: bool) -> Scores:
        """Return the scores, less what the other settings explain if that is wanted."""
        return self._scores - self._adjustment[:, None] if adjusted else self._scores

    def _placed(self, adjusted: bool) -> Scores:
        """Return the places [C, S] of all runs."""
        if adjusted not in self._places:
            # Verdicts of unlike evaluations would fail whoever has trained for longer.
            compare = not np.isnan(self._frame.failed).all()
            verdicts = self._frame.verdicts if compare else None
            self._places[adjusted] = run_places(self._adjusted(adjusted), verdicts)
        return self._places[adjusted]


def _crossed(table: pd.DataFrame, names: list[str], setting: str) -> list[str]:
    """Return those of the settings that a design crosses with `setting`: they vary within a point.

    The point says all others, of which a trial may have another value only where its value of
    `setting` has no use for them: a VAE has no learning rate of a discriminator.
    """
    if setting not in table:
        return names
    blocks = table.groupby(["point", setting], dropna=False)
    return [name for name in names if (blocks[name].nunique(dropna=False) > 1).any()]


def _balanced(table: pd.DataFrame, crossed: list[str], setting: str) -> list[str]:
    """Return those of the crossed settings in which pairs of a fraction can be alike.

    They are added as long as every value of `setting` still occurs with each of their combinations at a
    point. The other factors have all of their values equally often on both sides of a point's pairs, so
    that their effects cancel in its mean.
    """
    kept: list[str] = []
    for name in crossed:
        alike = table.groupby(["point", *kept, name], dropna=False)[setting].nunique()
        at_point = table.groupby("point")[setting].nunique()
        if (alike == at_point.reindex(alike.index.get_level_values("point")).to_numpy()).all():
            kept.append(name)
    return kept


def _twins(treated: pd.DataFrame, control: pd.DataFrame) -> Pairs:
    """Return the pairs of a design: the same point, and the same in every other setting of the tables.

    A configuration may be in several, where a factor belongs to one side alone.
    """
    one, other = (side.assign(row=np.arange(len(side))) for side in (treated, control))
    pairs = one.merge(other, on=[*treated.columns], suffixes=("", "_control"))
    return Pairs(
        treated=pairs["row"].to_numpy(dtype=np.int64),
        control=pairs["row_control"].to_numpy(dtype=np.int64),
        distance=0.0 if len(pairs) else NAN,
        exact=True,
    )


def matched_settings(study: Study, table: pd.DataFrame, setting: str) -> list[str]:
    """Return the searched settings in which pairs are to be alike: all but the compared one.

    Where remedies are compared, their switches are left out too. table: the compared trials.
    """
    # The switch of a remedy says what its label says, and would forbid every pair.
    switches = {name for name in study.searched if setting == "remedies" and study.is_switch(name)}
    left_out = {setting, *switches}
    return [name for name in study.searched if name not in left_out and matchable(table[name])]


def matchable(values: pd.Series) -> bool:
    """Return whether pairs can be alike in a setting: every trial has it, and it varies."""
    return not bool(values.isna().any()) and values.nunique() > 1

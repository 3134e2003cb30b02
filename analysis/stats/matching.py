"""Which configuration of one arm is compared with which of the other, so that they differ in the
arm alone.

Of a grid every configuration has a twin. Elsewhere the nearest settings must do, one to one, and
what remains of their difference is taken out by a regression of the scores on the settings, if it
predicts any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from ganstudy.analysis.stats.intervals import Scores

LOG_FROM = 10.0
"""A positive setting whose largest value is this many times its smallest is taken on a log scale."""
UNLIKE = 2.0
"""Distance of two values of a setting without order, in standard deviations of a setting with
order.
"""
FARTHEST = 1.0
"""Root mean square distance per setting, in standard deviations; two configurations at random are
1.4 apart.
"""
MOST_IN_AN_ARM = 1000
"""More configurations than this are drawn from at random: pairing takes the cube of their number."""
MIN_FOR_REGRESSION = 20
FOLDS = 10
MIN_SKILL = 0.05
"""Share of the variance that a prediction must explain of configurations it has not seen."""
MOST_CURVED = 6
"""Settings of which the regression knows squares and products."""


@dataclass(frozen=True)
class Pairs:
    """Rows of the two arms that belong together."""

    treated: NDArray[np.int64]
    control: NDArray[np.int64]
    distance: float
    """Median over the pairs of the root mean square distance per setting, in standard deviations;
    NaN without any.
    """
    exact: bool
    """Whether the two of each pair agree in every setting that was matched."""


def coordinates(settings: pd.DataFrame) -> NDArray[np.float64]:
    """[C, D]: settings as numbers whose distances mean something, log where LOG_FROM says so, in
    standard deviations.

    A setting that is missing anywhere (it belongs to one remedy alone) or never changes is left
    out; one without order becomes a column per value.
    """
    columns: list[NDArray[np.float64]] = []
    for name in settings:
        values = settings[name]
        if values.isna().any() or values.nunique() < 2:
            continue
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            numbers = values.to_numpy(dtype=float)
            if numbers.min() > 0 and numbers.max() >= LOG_FROM * numbers.min():
                numbers = np.log(numbers)
            columns.append(((numbers - numbers.mean()) / numbers.std())[:, None])
        else:
            columns.append(
                pd.get_dummies(values.astype(str)).to_numpy(dtype=float) * UNLIKE / np.sqrt(2)
            )
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(settings), 0))


def match(
    treated: NDArray[np.float64],
    control: NDArray[np.float64],
    settings: int,
    rng: np.random.Generator,
) -> Pairs:
    """One to one, by the least sum of squared distances (Rosenbaum 1989); pairs farther apart than
    FARTHEST are left out. The scores have no say in it.

    treated, control: coordinates [T, D] and [C, D]; settings: how many settings the D columns stand
    for.
    """
    first, second = _at_most(len(treated), rng), _at_most(len(control), rng)
    if not settings:
        n = min(len(first), len(second))
        return Pairs(
            rng.permutation(first)[:n],
            rng.permutation(second)[:n],
            0.0 if n else float("nan"),
            True,
        )
    squared = cdist(treated[first], control[second], "sqeuclidean") / settings
    rows, columns = linear_sum_assignment(squared)
    near = squared[rows, columns] <= FARTHEST**2
    distances = np.sqrt(squared[rows[near], columns[near]])
    exact = bool(len(distances)) and bool(distances.max() < 1e-9)
    return Pairs(
        first[rows[near]],
        second[columns[near]],
        float(np.median(distances)) if len(distances) else float("nan"),
        exact,
    )


def _at_most(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    everything = np.arange(count)
    return (
        everything
        if count <= MOST_IN_AN_ARM
        else np.sort(rng.choice(everything, MOST_IN_AN_ARM, replace=False))
    )


def explained(points: NDArray[np.float64], scores: Scores) -> Scores:
    """What the settings predict of each score [C], from other configurations alone; zeros where
    that explains nothing.

    Arms are not among the settings, and no configuration takes part in its own prediction: if the
    arms do the same, what is left after the prediction is as exchangeable as the scores were, and a
    comparison of it as honest (Rosenbaum 2002, covariance adjustment in randomised experiments).
    Diverged configurations are predicted from the others.
    """
    known = np.isfinite(scores)
    none: Scores = np.zeros(len(scores))
    if known.sum() < MIN_FOR_REGRESSION or not points.shape[1]:
        return none
    features = points
    if points.shape[1] <= MOST_CURVED:
        features = PolynomialFeatures(2, include_bias=False).fit_transform(points)
    features = StandardScaler().fit_transform(features)
    predicted, trivial = np.empty(len(scores)), np.empty(len(scores))
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(features):
        seen = seen[known[seen]]
        model = RidgeCV(np.logspace(-1, 4, 11)).fit(features[seen], scores[seen])
        predicted[unseen], trivial[unseen] = model.predict(features[unseen]), scores[seen].mean()
    error = float(((scores - predicted)[known] ** 2).sum())
    reference = float(((scores - trivial)[known] ** 2).sum())
    return predicted if error < (1 - MIN_SKILL) * reference else none

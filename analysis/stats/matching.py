"""Match configurations of two arms, so that those compared differ in the arm alone.

Of a grid every configuration has an exact match. Elsewhere the nearest settings must do, one to one, and
what remains of their difference is taken out by a regression of the scores on the settings, if it
predicts any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ganstudy.analysis.stats.estimate import NAN, Floats, Ints

# A guess: settings that span a decade, such as learning rates, act by factors.
LOG_FROM = 10.0
"""A positive setting whose largest value is this many times its smallest is taken on a log scale."""
# A guess: unlike networks or losses should part two configurations more than a usual difference of
# two numbers (1.4), yet not forbid every pair.
UNLIKE = 2.0
"""Distance of two values of a setting without order, in standard deviations of a setting with
order.
"""
# A guess, with some room below what chance gives: farther pairs would compare settings, not arms.
MAX_DISTANCE = 1.0
"""Root mean square distance per setting, in standard deviations; two configurations at random are
1.4 apart.
"""
MAX_IN_AN_ARM = 1000
"""More configurations than this are drawn from at random: pairing takes the cube of their number."""
# A guess: ten folds leave out two configurations each.
MIN_FOR_REGRESSION = 20
FOLDS = 10
"""Of cross-validation over configurations."""
# A guess: the skill of a useless regression scatters about 0, and must not pass for one that helps.
MIN_SKILL = 0.05
"""Share of the variance that a prediction must explain of configurations it has not seen."""
# Six settings have 27 terms (6 squares, 15 products): more than tens of configurations can bear.
MAX_CURVED = 6
"""Settings of which the regression knows squares and products."""


@dataclass(frozen=True)
class Pairs:
    """Rows of the two arms that belong together."""

    treated: Ints
    control: Ints
    distance: float
    """Median over the pairs of the root mean square distance per setting, in standard deviations;
    NaN without any.
    """
    exact: bool
    """Whether the two of each pair agree in every setting that was matched."""


def coordinates(settings: pd.DataFrame) -> Floats:
    """Return the settings as numbers [C, D] whose distances mean something.

    They are logarithms where LOG_FROM says so, and in standard deviations.

    A setting that is missing anywhere (it belongs to one remedy alone) or never changes is left
    out; one without order becomes a column per value.
    """
    columns: list[Floats] = []
    for name in settings:
        values = settings[name]
        if values.isna().any() or values.nunique() < 2:
            continue
        # pandas takes bool for numeric.
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            numbers = values.to_numpy(dtype=float)
            if numbers.min() > 0 and numbers.max() >= LOG_FROM * numbers.min():
                numbers = np.log(numbers)
            columns.append(((numbers - numbers.mean()) / numbers.std())[:, None])
        else:
            columns.append(
                # Two unlike values differ in two columns, by sqrt(2) before scaling: UNLIKE in all.
                pd.get_dummies(values.astype(str)).to_numpy(dtype=float) * UNLIKE / np.sqrt(2)
            )
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(settings), 0))


def match(
    treated: Floats,
    control: Floats,
    settings: int,
    rng: np.random.Generator,
) -> Pairs:
    """Match the two arms one to one, by the least sum of squared distances (Rosenbaum 1989).

    Pairs farther apart than MAX_DISTANCE are left out.

    treated, control: coordinates [T, D] and [C, D]; settings: how many settings the D columns
    represent. Scores take no part: matching on outcomes would bias the comparison.
    """
    first, second = _sample(len(treated), rng), _sample(len(control), rng)
    if not settings:
        n = min(len(first), len(second))
        return Pairs(
            rng.permutation(first)[:n],
            rng.permutation(second)[:n],
            0.0 if n else NAN,
            True,
        )
    # The mean over settings, so that MAX_DISTANCE means the same for any number of them.
    squared = cdist(treated[first], control[second], "sqeuclidean") / settings
    # All pairs at once: matching greedily leaves the last ones with partners far away.
    rows, columns = linear_sum_assignment(squared)
    near = squared[rows, columns] <= MAX_DISTANCE**2
    distances = np.sqrt(squared[rows[near], columns[near]])
    exact = bool(len(distances)) and bool(distances.max() < 1e-9)
    return Pairs(
        first[rows[near]],
        second[columns[near]],
        float(np.median(distances)) if len(distances) else NAN,
        exact,
    )


def _sample(count: int, rng: np.random.Generator) -> Ints:
    everything = np.arange(count)
    return (
        everything
        if count <= MAX_IN_AN_ARM
        else np.sort(rng.choice(everything, MAX_IN_AN_ARM, replace=False))
    )


def covariate_adjustment(points: Floats, scores: Floats) -> Floats:
    """Return what the settings predict of each score [C], by cross-validated ridge regression.

    It is zeros where they explain nothing.

    Arms are not among the settings, and no configuration takes part in its own prediction: if the
    arms do the same, what is left after the prediction is as exchangeable as the scores were, and a
    comparison of it as honest (Rosenbaum 2002, covariance adjustment in randomised experiments).
    Diverged configurations are predicted from the others.
    """
    # Here: `ganstudy check` matches without it, and need not wait for the import.
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    known = np.isfinite(scores)
    none: Floats = np.zeros(len(scores))
    if known.sum() < MIN_FOR_REGRESSION or not points.shape[1]:
        return none
    features = points
    if points.shape[1] <= MAX_CURVED:
        features = PolynomialFeatures(2, include_bias=False).fit_transform(points)
    features = StandardScaler().fit_transform(features)
    predicted, trivial = np.empty(len(scores)), np.empty(len(scores))
    # Shuffled, since trials are in the order in which a sampler went through the space; with a
    # fixed state, so that a report made twice has the same numbers.
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(features):
        seen = seen[known[seen]]
        # From nearly least squares to nearly the mean alone: cross-validation chooses among
        # penalties.
        model = RidgeCV(np.logspace(-1, 4, 11)).fit(features[seen], scores[seen])
        predicted[unseen], trivial[unseen] = model.predict(features[unseen]), scores[seen].mean()
    error = float(((scores - predicted)[known] ** 2).sum())
    reference = float(((scores - trivial)[known] ** 2).sum())
    return predicted if error < (1 - MIN_SKILL) * reference else none

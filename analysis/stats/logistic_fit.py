"""Fit the probability that a seed trains on the learning rates, and how well that predicts.

A fit says something only where it predicts configurations that it has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import PolynomialFeatures

from ganstudy.analysis.stats.estimate import LEVEL, Estimate, Floats
from ganstudy.analysis.stats.matching import FOLDS

# A guess: the fit has six coefficients, and ten folds leave out two configurations each.
MIN_FOR_FIT = 20
"""Configurations."""


@dataclass(frozen=True)
class Fit:
    """Logistic regression of whether a seed trains on the learning rates."""

    skill: Estimate
    """1 - Brier score / that of the mean alone, on configurations left out of the fit: 0 is no
    skill, 1 perfect.
    """
    predicted: Floats
    """[C] probability that a seed of the configuration trains, from the others alone."""
    at: Floats
    """[P] the same at the asked points, from all configurations."""


def fit(rates: Floats, trained: Floats, at: Floats, seed: int = 0) -> Fit | None:
    """Fit a logistic regression of the share of seeds that train [C] on the learning rates.

    Its terms are a quadratic of the log rates [C, 2].

    Ten-fold cross-validation over configurations. The interval of the skill is Student's, of the
    configurations' gains against the mean. None below MIN_FOR_FIT configurations, or where every
    seed trains, or none. seed: of the folds.
    """
    if len(rates) < MIN_FOR_FIT or trained.min() == trained.max():
        return None
    centre, spread = rates.mean(axis=0), rates.std(axis=0) + 1e-12
    # Squares and the product: the region that trains is bounded on all sides, and may be slanted.
    curve = PolynomialFeatures(2, include_bias=False)
    points: Floats = curve.fit_transform((rates - centre) / spread)
    asked: Floats = curve.transform((at - centre) / spread)
    predicted, trivial = np.empty(len(rates)), np.empty(len(rates))
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=seed).split(points):
        trivial[unseen] = trained[seen].mean()
        predicted[unseen] = _probabilities(points[seen], trained[seen], points[unseen])
    # By configuration, since the seeds of one share their fate. The Brier score is least for the
    # true probabilities, so that no fit gains by exaggerating.
    gains = (trained - trivial) ** 2 - (trained - predicted) ** 2
    reference = float(((trained - trivial) ** 2).mean())
    half = (
        float(t.ppf((1 + LEVEL) / 2, len(gains) - 1))
        * float(gains.std(ddof=1))
        / np.sqrt(len(gains))
    )
    value = float(gains.mean())
    low, high = (value - half) / reference, (value + half) / reference
    skill = Estimate(value / reference, low, high, n=len(rates))
    return Fit(skill, predicted, _probabilities(points, trained, asked))


def _probabilities(points: Floats, trained: Floats, asked: Floats) -> Floats:
    """Return the fitted probabilities at the asked points.

    Every configuration counts as one seed that trained and one that did not, weighted by their
    shares.
    """
    outcomes = np.repeat([1, 0], len(trained))
    weights = np.concatenate([trained, 1 - trained])
    # LogisticRegression refuses a single outcome, as a fold may have.
    if not (weights[outcomes == 1].sum() and weights[outcomes == 0].sum()):
        return np.full(len(asked), trained.mean())
    # C is scikit-learn's default: without a penalty, outcomes that a line separates have no fit.
    model = LogisticRegression(C=1.0, max_iter=1000).fit(
        np.concatenate([points, points]), outcomes, sample_weight=weights
    )
    probabilities: Floats = model.predict_proba(asked)[:, 1]
    return probabilities

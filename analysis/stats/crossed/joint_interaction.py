"""One test of the interaction of two crossed factors whose points and seeds are both random.

y[p, s, a, b] = (what a, b, p and s do otherwise) + interaction_ab + point_pab + seed_sab + rest. Of
each point and seed the (A - 1)(B - 1) contrasts of the interaction are taken, so that nothing but
the interaction and its own variation is left. Their mean square is divided by the variance that
points and seeds together give it, a quasi-F ratio (Winer, Brown & Michels 1991, chapter 5.16) with
Satterthwaite's degrees of freedom. Contrasts of unlike variance have fewer of both, by the factor of
Box (1954): the smaller of its estimates from the three sums of squares, which knows the rest best,
and from the three mean squares, in which points and seeds count as they do in the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert
from scipy.special import fdtrc

from ganstudy.analysis.stats.crossed.effect import NEGLIGIBLE
from ganstudy.analysis.stats.estimate import NAN, Floats

Table = NDArray[np.float64]


@dataclass(frozen=True)
class JointTest:
    """The test of no interaction on average over points and seeds."""

    statistic: float
    """Quasi-F; NaN where nothing varies."""
    degrees: tuple[float, float]
    p: float
    points: int
    seeds: int


def joint_interaction(table: Table) -> JointTest:
    """Test the interaction of the last two axes of [P, S, A, B], all finite; P and S of at least 2."""
    points, seeds, first, second = table.shape
    left, right = helmert(first), helmert(second)
    contrasts = np.einsum("psij,ui,vj->psuv", table, left, right).reshape(points, seeds, -1)
    mean = contrasts.mean(axis=(0, 1))
    by_point, by_seed = contrasts.mean(axis=1) - mean, contrasts.mean(axis=0) - mean
    rest = contrasts - mean - by_point[:, None] - by_seed
    sums = [
        seeds * by_point.T @ by_point,
        points * by_seed.T @ by_seed,
        np.einsum("psi,psj->ij", rest, rest),
    ]
    degrees = np.array([points - 1, seeds - 1, (points - 1) * (seeds - 1)], dtype=float)
    of_points, of_seeds, of_rest = (
        float(np.trace(each)) / n for each, n in zip(sums, degrees, strict=True)
    )
    effect = points * seeds * float(mean @ mean)
    # Never below the variance that either points or seeds alone give.
    error = max(of_points, of_seeds, of_points + of_seeds - of_rest)
    if error <= NEGLIGIBLE * float((contrasts**2).mean()):
        return JointTest(NAN, (NAN, NAN), NAN, points, seeds)
    mean_squares = np.sum([each / n for each, n in zip(sums, degrees, strict=True)], axis=0)
    independent = min(_independent(np.sum(sums, axis=0)), _independent(mean_squares))
    squares = np.array([of_points, of_seeds, of_rest]) ** 2 / (degrees * independent)
    # Each alone where it is the largest, and all three where their sum is.
    parts = {of_points: squares[0], of_seeds: squares[1]}
    below = error**2 / parts.get(error, squares.sum())
    statistic = effect / error
    p = float(fdtrc(independent, below, statistic))
    return JointTest(statistic, (independent, float(below)), p, points, seeds)


def _independent(products: Floats) -> float:
    """Return as how many contrasts of one variance these count (Box 1954): between 1 and all."""
    return float(np.trace(products) ** 2 / (products**2).sum())

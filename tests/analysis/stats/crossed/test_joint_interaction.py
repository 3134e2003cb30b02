"""The joint test of two factors' interaction: against closed forms, and simulated size and power."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.crossed.effect import crossed_mean
from ganstudy.analysis.stats.crossed.joint_interaction import joint_interaction

RNG = 20261130


def made(
    rng: np.random.Generator,
    shape: tuple[int, int, int, int],
    parts: tuple[float, float, float] = (0.2, 0.1, 0.28),
    unlike: bool = False,
    collapsed: float = 0.0,
    planted: float = 0.0,
) -> np.ndarray:
    """Tables [P, S, A, B] without interaction on average, but for `planted` in one combination.

    parts: standard deviations of an arm between points, between seeds, and of the rest. Beside
    them stand effects of either factor at each point, which are no interaction. unlike: the first
    remedy (none) varies nowhere, the last three times as much as the others.
    """
    points, seeds, first, second = shape
    of_point, of_seed, rest = parts
    scale = np.ones(second)
    if unlike:
        scale[0], scale[-1] = 0.0, 3.0
    table = of_point * scale * rng.normal(size=(points, 1, first, second))
    table = table + of_seed * scale * rng.normal(size=(1, seeds, first, second))
    table = table + rest * rng.normal(size=shape)
    table = table + 0.38 * scale * rng.normal(size=(points, 1, 1, second))
    table = table + 0.2 * rng.normal(size=(points, 1, first, 1))
    table = table + 0.16 * rng.normal(size=(1, seeds, 1, second))
    table = table + np.log(4) * (rng.random(shape) < collapsed)
    table[..., -1, -1] += planted
    return table


def share(repeats: int, seed: int, shape: tuple[int, int, int, int], **kind) -> float:
    rng = np.random.default_rng(seed)
    return float(
        np.mean([joint_interaction(made(rng, shape, **kind)).p < 0.05 for _ in range(repeats)])
    )


def test_two_by_two_is_the_f_of_one_contrast() -> None:
    """Where points alone differ, the quasi-F is the square of Student's t over points."""
    rng = np.random.default_rng(3)
    table = made(rng, (8, 3, 2, 2), (2.0, 0.0, 0.1))
    of_points = (table[..., 0, 0] - table[..., 0, 1] - table[..., 1, 0] + table[..., 1, 1]).mean(1)
    exact = stats.ttest_1samp(of_points, 0.0)
    found = joint_interaction(table)
    both = joint_interaction(table - table.mean(axis=(2, 3), keepdims=True))
    assert found.statistic == pytest.approx(both.statistic), "what is no interaction takes no part"
    assert found.statistic == pytest.approx(exact.statistic**2, rel=0.02)
    assert found.p == pytest.approx(exact.pvalue, rel=0.05)


def test_it_agrees_with_the_analysis_of_variance_by_hand() -> None:
    """Mean squares of all terms by least squares over dummies (a full model of the table)."""
    rng = np.random.default_rng(5)
    shape = (5, 4, 3, 3)
    table = made(rng, shape)
    axes = (0, 1, 2, 3)

    def effect(of: tuple[int, ...]) -> np.ndarray:
        """The part of the table that belongs to the interaction of some axes, by inclusion-exclusion."""
        total = np.zeros(shape)
        for size in range(len(of) + 1):
            for kept in itertools.combinations(of, size):
                others = tuple(axis for axis in axes if axis not in kept)
                total = total + (-1) ** (len(of) - size) * table.mean(axis=others, keepdims=True)
        return total

    squares = {of: float((effect(of) ** 2).sum()) for of in ((2, 3), (0, 2, 3), (1, 2, 3), axes)}
    contrasts, points, seeds = 4, 4, 3
    of_points = squares[0, 2, 3] / (contrasts * points)
    of_seeds = squares[1, 2, 3] / (contrasts * seeds)
    rest = squares[axes] / (contrasts * points * seeds)
    error = max(of_points, of_seeds, of_points + of_seeds - rest)
    found = joint_interaction(table)
    assert found.statistic == pytest.approx(squares[2, 3] / contrasts / error)
    first, second = found.degrees
    assert found.p == pytest.approx(float(stats.f.sf(found.statistic, first, second)))
    assert 1 <= first <= contrasts


def test_nothing_that_varies_is_no_test() -> None:
    table = np.add.outer(np.zeros((4, 3)), np.arange(6.0).reshape(2, 3))
    assert np.isnan(joint_interaction(table).p)


@pytest.mark.parametrize("points, seeds", [(4, 3), (8, 6)])
def test_an_interaction_that_is_none_is_seldom_found(points: int, seeds: int) -> None:
    # 600 designs: a true 10% would pass in fewer than 1 of 100 such tests.
    for kind in ({}, {"unlike": True}):
        assert share(600, RNG, (points, seeds, 3, 3), **kind) <= 0.075


def test_a_planted_interaction_is_found() -> None:
    few, many = (share(300, RNG, (8, s, 3, 3), planted=-1.2) for s in (3, 6))
    assert few > 0.5 and many > 0.7
    # A table by p of crossed_mean for one contrast alone: not another answer.
    table = made(np.random.default_rng(1), (8, 6, 2, 2), planted=-3.0)
    one = table[..., 0, 0] - table[..., 0, 1] - table[..., 1, 0] + table[..., 1, 1]
    assert joint_interaction(table).p < 0.01 > crossed_mean(one).comparison.p

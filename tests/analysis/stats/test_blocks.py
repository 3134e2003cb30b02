"""Effects of a design: pairs of one point are one difference, and the unit is the point."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, NoClaim, crossed_mean, crossed_wins
from ganstudy.analysis.stats.crossed.matched_effect import matched_effect, matched_failures

POINTS, OTHERS, SEEDS = 6, 3, 6


def arms(rng: np.random.Generator, points: int = POINTS, effect: float = 0.0):
    """Two arms over `points` points, OTHERS values of the other factor and SEEDS seeds, as [pairs, S].

    What an arm does at a point, whatever the other factor, has the largest variance, as measured on
    a grid of 72 configurations of digits (0.38 over settings, 0.16 over seeds, 0.28 the rest).
    """
    sides = []
    for sign in (-0.5, 0.5):
        parts = (
            0.38 / np.sqrt(2) * rng.normal(size=(points, 1, 1)),
            0.16 / np.sqrt(2) * rng.normal(size=(1, 1, SEEDS)),
            0.28 / np.sqrt(2) * rng.normal(size=(points, OTHERS, SEEDS)),
        )
        sides.append((sum(parts) + sign * effect).reshape(points * OTHERS, SEEDS))
    return (*sides, np.repeat(np.arange(points), OTHERS))


def test_the_effect_is_that_of_the_means_by_point() -> None:
    """By hand: the means over the other factor, analysed as if they were all there is."""
    treated, control, points = arms(np.random.default_rng(1))
    made = matched_effect(treated, control, points=points)
    means = (treated - control).reshape(POINTS, OTHERS, SEEDS).mean(axis=1)
    alone = crossed_mean(means)
    assert made.comparison.effect.value == pytest.approx(alone.comparison.effect.value)
    assert made.comparison.effect.low == pytest.approx(alone.comparison.effect.low)
    assert made.comparison.p == pytest.approx(alone.comparison.p)
    effect = made.comparison.effect
    assert (effect.n, effect.unit) == (POINTS, "points")


def test_the_order_of_the_pairs_does_not_matter() -> None:
    treated, control, points = arms(np.random.default_rng(2))
    order = np.random.default_rng(0).permutation(len(points))
    one = matched_effect(treated, control, points=points).comparison
    other = matched_effect(treated[order], control[order], points=points[order]).comparison
    assert one.p == pytest.approx(other.p) and one.effect.low == pytest.approx(other.effect.low)


def test_a_missing_run_leaves_the_mean_of_the_others() -> None:
    treated, control, points = arms(np.random.default_rng(3))
    treated[0, 0] = np.nan
    found = crossed_mean(treated - control, points=points)
    means = (treated - control).reshape(POINTS, OTHERS, SEEDS)
    expected = np.nanmean(means, axis=1).mean()
    assert found.comparison.effect.value == pytest.approx(expected)
    treated[:OTHERS, 0] = np.nan
    gap = crossed_mean(treated - control, points=points)
    assert gap.cells == POINTS * SEEDS - 1


def test_few_points_carry_no_claim() -> None:
    treated, control, points = arms(np.random.default_rng(4), MIN_POINTS - 1)
    made = matched_effect(treated, control, points=points)
    assert made.no_claim is NoClaim.FEW_POINTS and not made.comparison.effect.has_interval
    assert not crossed_wins(treated, control, points=points).has_interval
    treated, control, points = arms(np.random.default_rng(4), MIN_POINTS)
    assert matched_effect(treated, control, points=points).comparison.effect.has_interval


def test_wins_and_failures_are_counted_by_point() -> None:
    treated, control, points = arms(np.random.default_rng(5))
    wins = crossed_wins(treated, control, points=points)
    assert wins.value == pytest.approx((treated < control).mean()) and wins.n == POINTS
    lost = (treated > 0.2).astype(float), (control > 0.2).astype(float)
    failures = matched_failures(*lost, points=points)
    assert failures.value == pytest.approx(lost[0].mean() - lost[1].mean())
    assert failures.n == POINTS


def test_false_findings_are_rare_by_point_and_frequent_by_pair() -> None:
    """A remedy that does nothing on average, 4 points: a rate of 10% would show in 96% of such tests.

    400 designs: at most 28 findings; a rate of 10% gives so few with a probability of 2.4%.
    """
    rng = np.random.default_rng(6)
    found = np.zeros(2, dtype=int)
    for _ in range(400):
        treated, control, points = arms(rng, MIN_POINTS)
        found += [
            matched_effect(treated, control, points=by).comparison.p < 0.05 for by in (points, None)
        ]
    assert found[0] <= 28
    assert found[1] > 40, "pairs that share a point are no independent evidence"

"""Effects over pairs, against scipy's tests and by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats import paired
from ganstudy.analysis.stats.paired import (
    difference_of_proportions,
    pair_differences,
    probability_of_improvement,
    signed_rank,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("n", [6, 9, 20, 45])
def test_p_is_wilcoxons_exact_one(rng, n):
    differences = rng.normal(0.3, 1, size=n)
    assert signed_rank(differences).p == pytest.approx(
        stats.wilcoxon(differences, mode="exact").pvalue, rel=1e-9
    )


def test_p_of_many_pairs_is_the_normal_approximation(rng):
    differences = rng.normal(0.1, 1, size=150)
    reference = stats.wilcoxon(differences, mode="asymptotic", correction=True).pvalue
    assert signed_rank(differences).p == pytest.approx(reference, rel=1e-6)
    assert paired._means_outside(0.025, 61) == pytest.approx(
        np.searchsorted(paired._cumulative(61), 0.025), abs=1
    )


def test_effect_is_hodges_and_lehmanns(rng):
    """Of 1, 2, 6 the pairs' means are 1, 1.5, 2, 3.5, 4, 6."""
    assert signed_rank(np.array([1.0, 2.0, 6.0])).effect.value == 2.75


def test_interval_of_six_pairs_is_all_of_them_and_that_of_five_is_none(rng):
    differences = rng.normal(size=6)
    six = signed_rank(differences).effect
    assert (six.low, six.high) == (differences.min(), differences.max())
    assert math.isnan(signed_rank(differences[:5]).effect.low)


def test_more_comparisons_need_more_pairs():
    """All of n on one side has p = 2 / 2^n: 1/32 of six, 1/128 of eight."""
    assert math.isnan(signed_rank(np.arange(1.0, 7), level=1 - 0.05 / 2).effect.low)
    assert signed_rank(np.arange(1.0, 9), level=1 - 0.05 / 6).effect.low == 1.0
    assert math.isnan(signed_rank(np.arange(1.0, 9), level=1 - 0.05 / 7).effect.low)


def test_interval_excludes_no_effect_exactly_where_p_is_small(rng):
    for _ in range(300):
        n = int(rng.integers(6, 70))
        found = signed_rank(np.round(rng.normal(0.35, 1, size=n), 1))
        effect = found.effect
        assert (effect.low > 0 or effect.high < 0) == (found.p <= 0.05), found


def test_a_pair_in_which_one_side_diverged_is_the_largest_difference_and_both_is_none():
    treated = np.array([[1.0, np.inf, np.inf], [np.inf] * 3, [2.0, 3.0, 9.0]])
    control = np.array([[2.0, 2.0, np.inf], [5.0, 5.0, 5.0], [2.0, 2.0, 2.0]])
    assert pair_differences(treated, control).tolist() == [0.0, np.inf, 1.0]
    assert pair_differences(np.full((1, 3), np.inf), np.full((1, 3), np.inf)).tolist() == [0.0]
    found = signed_rank(np.array([-np.inf, -1.0, -2.0, -1.0, -2.0, -1.0])).effect
    assert (found.value, found.low, found.high) == (-1.5, -2.0, -1.0)


def test_seeds_are_paired_where_both_sides_have_them():
    treated, control = np.array([[1.0, 5.0, np.nan]]), np.array([[np.nan, 3.0, 9.0]])
    assert pair_differences(treated, control).tolist() == [2.0]
    assert pair_differences(treated[:, [0, 2]], control[:, [0, 2]]).tolist() == [-8.0]


def test_a_seeds_own_luck_cancels(rng):
    luck = 100 * rng.normal(size=(1, 5))
    treated, control = rng.normal(size=(9, 5)), rng.normal(size=(9, 5))
    assert pair_differences(treated + luck, control + luck) == pytest.approx(
        pair_differences(treated, control)
    )


def test_probability_of_improvement_is_mann_whitneys_over_pairs(rng):
    treated, control = rng.normal(-1, 1, size=(8, 4)), rng.normal(size=(8, 4))
    treated[0, 0] = control[0, 0] = np.inf
    expected = [
        stats.mannwhitneyu(c, t).statistic / 16 for t, c in zip(treated, control, strict=True)
    ]
    found = probability_of_improvement(treated, control)
    assert found.value == pytest.approx(np.mean(expected))
    assert 0.5 < found.low < found.value < found.high < 1
    assert math.isnan(probability_of_improvement(treated[:5], control[:5]).low)


def test_difference_of_shares_is_newcombes():
    """His example of independent shares: 56 of 70 against 48 of 80, 0.0524 to 0.3339; here with 70 on both sides."""
    first, second = np.repeat([1.0, 0.0], [56, 14]), np.repeat([1.0, 0.0], [42, 28])
    crossed = np.random.default_rng(1).permutation(second)
    found = difference_of_proportions(first[:, None], crossed[:, None])
    low, high = ((stats.binomtest(n, 70).proportion_ci(method="wilson")) for n in (56, 42))
    assert found.value == pytest.approx(0.2)
    expected = (
        0.2 - math.hypot(0.8 - low.low, high.high - 0.6),
        0.2 + math.hypot(low.high - 0.8, 0.6 - high.low),
    )
    assert (found.low, found.high) == pytest.approx(expected)


def test_a_shared_fate_narrows_the_difference_of_shares():
    lost = np.repeat([1.0, 0.0], [20, 20])
    apart = difference_of_proportions(lost[:, None], np.tile([1.0, 0.0], 20)[:, None])
    together = difference_of_proportions(lost[:, None], lost[:, None])
    assert together.value == apart.value == 0
    assert together.high - together.low < 0.6 * (apart.high - apart.low)


def test_nothing_is_compared_with_nothing():
    assert math.isnan(signed_rank(np.empty(0)).effect.value)
    assert probability_of_improvement(np.empty((0, 3)), np.empty((0, 3))).n == 0
    assert math.isnan(difference_of_proportions(np.empty((0, 3)), np.empty((0, 3))).low)

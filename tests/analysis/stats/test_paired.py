"""Differences of pairs, by counting."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.stats.paired import pair_differences


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_pair_in_which_one_side_diverged_is_infinite_and_both_is_none():
    treated = np.array([[1.0, np.inf, np.inf], [np.inf] * 3, [2.0, 3.0, 9.0]])
    control = np.array([[2.0, 2.0, np.inf], [5.0, 5.0, 5.0], [2.0, 2.0, 2.0]])
    assert pair_differences(treated, control).tolist() == [0.0, np.inf, 1.0]
    assert pair_differences(np.full((1, 3), np.inf), np.full((1, 3), np.inf)).tolist() == [0.0]


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

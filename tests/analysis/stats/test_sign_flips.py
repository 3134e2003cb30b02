"""The exact test of two arms on the same seeds: against enumeration by hand, and SciPy's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ganstudy.analysis.stats.run_order import run_places
from ganstudy.analysis.stats.sign_flips import improved_share, sign_flip_test


def enumerated(treated: np.ndarray, control: np.ndarray) -> float:
    """Two-sided p by listing every way of swapping the arms."""
    d = treated - control
    sums = [np.dot(signs, d) for signs in itertools.product((1, -1), repeat=len(d))]
    return float(np.mean([abs(total) >= abs(d.sum()) - 1e-9 for total in sums]))


def test_three_seeds_by_hand() -> None:
    """Places 1, 2, 6 against 3, 5, 4: differences -2, -3, +2, sum -3. Of the eight sums +-2 +-3 +-2, which are
    +-7, +-3 (twice each) and +-1, the six from 3 on are as far.
    """
    found = sign_flip_test(np.array([1.0, 2.0, 6.0]), np.array([3.0, 5.0, 4.0]))
    assert (found.statistic, found.p) == (-3.0, 6 / 8)
    best = sign_flip_test(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    assert (best.statistic, best.p) == (-9.0, 2 / 8), "the smallest there is for three"


@pytest.mark.parametrize("seed", range(6))
def test_eight_seeds_as_scipys_permutation_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = run_places(rng.normal(size=(2, 8)) - [[0.3 * seed], [0.0]])
    treated, control = places

    def statistic(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        return (one - other).sum(axis=axis)

    expected = stats.permutation_test(
        (treated, control),
        statistic,
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    found = sign_flip_test(treated, control)
    assert found.statistic == expected.statistic
    assert found.p == pytest.approx(expected.pvalue, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9))
def test_ties_and_all_as_enumerated(pairs: list[tuple[int, int]]) -> None:
    """Scores with many ties, within and between pairs: places are halves."""
    treated, control = run_places(np.array(pairs, dtype=float).T)
    assert sign_flip_test(treated, control).p == pytest.approx(
        enumerated(treated, control), abs=1e-12
    )
    turned = sign_flip_test(control, treated)
    assert turned.p == sign_flip_test(treated, control).p
    assert turned.statistic == -sign_flip_test(treated, control).statistic


def test_many_seeds_take_no_enumeration() -> None:
    """2^200 swaps; the normal approximation is close there."""
    rng = np.random.default_rng(0)
    treated, control = run_places(np.stack([rng.normal(-0.2, 1, 200), rng.normal(0, 1, 200)]))
    found, d = sign_flip_test(treated, control), treated - control
    z = abs(d.sum()) / np.sqrt((d**2).sum())
    assert found.p == pytest.approx(2 * stats.norm.sf(z), rel=0.05)


def test_every_p_value_is_as_likely_as_it_says() -> None:
    """Under swaps that do not matter: P(p <= x) <= x at every x that can be."""
    rng = np.random.default_rng(1)
    scores = rng.standard_cauchy((2000, 2, 7))
    p = np.array([sign_flip_test(*run_places(pair)).p for pair in scores])
    for x in (2 / 128, 0.05, 0.2, 0.5):
        assert (p <= x).mean() <= x + 3 * np.sqrt(x * (1 - x) / len(p))


def test_improvement_counts_ties_as_halves_and_its_interval_holds_either_way() -> None:
    found = improved_share(np.array([1.0, 2.0, 5.0, 7.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    low = stats.binomtest(2, 4).proportion_ci(method="exact").low
    high = stats.binomtest(3, 4).proportion_ci(method="exact").high
    assert found.value == 2.5 / 4
    assert (found.low, found.high) == pytest.approx((low, high))
    assert np.isnan(improved_share(np.empty(0), np.empty(0)).value)

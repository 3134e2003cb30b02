"""Intervals of proportions, against scipy's and by counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.proportions import binomial_proportion, proportion_over_configurations


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)


def test_share_is_wilsons_interval_at_the_number_of_configurations():
    """Against scipy's own, and its known values: 0 of 10 gives z^2 / (10 + z^2) = 27.75% at the top."""
    for lost in (0, 3, 5, 7, 10):
        estimate = proportion_over_configurations(np.array([3] * lost + [0] * (10 - lost)), 3)
        reference = stats.binomtest(lost, 10).proportion_ci(0.95, method="wilson")
        assert estimate.value == pytest.approx(lost / 10)
        assert (estimate.low, estimate.high) == pytest.approx(
            (reference.low, reference.high), abs=1e-12
        )
    assert proportion_over_configurations(np.zeros(10, dtype=np.int64), 3).high == pytest.approx(
        0.2775328, abs=1e-6
    )


def test_share_next_to_nothing_begins_where_poissons_does():
    """Brown, Cai & DasGupta: -ln(0.95) / n for one of n, and the other way round for all but one."""
    one = proportion_over_configurations(np.array([1] + [0] * 9), 1)
    assert one.low == pytest.approx(-math.log(0.95) / 10)
    other = proportion_over_configurations(np.array([0] + [1] * 9), 1)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low))


def test_seeds_that_do_not_share_their_fate_count_for_more_than_one():
    """Ten configurations of which each loses one of three seeds speak for more than ten, and at most for thirty."""
    alike = proportion_over_configurations(np.array([1] * 10), 3)
    apart = proportion_over_configurations(np.array([3, 0, 0, 3, 0, 0, 3, 0, 0, 1]), 3)
    assert alike.value == apart.value == pytest.approx(1 / 3)
    thirty = stats.binomtest(10, 30).proportion_ci(0.95, method="wilson")
    assert (
        thirty.high - thirty.low - 1e-9 <= alike.high - alike.low < 0.75 * (apart.high - apart.low)
    )


def test_share_takes_numbers_of_seeds_that_differ():
    assert proportion_over_configurations(
        np.array([1, 3, 0]), np.array([1, 3, 2])
    ).value == pytest.approx(2 / 3)


def test_share_of_one_configurations_seeds_is_clopper_and_pearsons():
    for lost, seeds in ((0, 3), (1, 3), (3, 3), (4, 10)):
        estimate = binomial_proportion(lost, seeds)
        reference = stats.binomtest(lost, seeds).proportion_ci(0.95, method="exact")
        assert (estimate.low, estimate.high) == pytest.approx(
            (reference.low, reference.high), abs=1e-12
        )


def test_share_counts_configurations_and_not_seeds():
    by_seeds = proportion_over_configurations(np.array([3, 3, 0, 0]), 3)
    assert by_seeds == proportion_over_configurations(np.array([1, 1, 0, 0]), 1)
    assert by_seeds.n == 4


def test_share_covers_where_seeds_of_a_configuration_share_their_fate(rng):
    """All seeds or none of a configuration are lost, 30% of configurations. Found: 95.2%."""
    truth, covered = 0.3, 0
    for _ in range(2000):
        estimate = proportion_over_configurations(3 * (rng.random(12) < truth).astype(np.int64), 3)
        covered += estimate.low <= truth <= estimate.high
    assert 0.93 <= covered / 2000 <= 0.98


@pytest.mark.parametrize("configurations", [6, 12, 24, 60])
def test_share_covers_at_every_truth_where_seeds_of_a_configuration_share_their_fate(
    configurations,
):
    """By counting, not by simulation. Least found: 90.8%, at 6 and a share of 0.44; on average 95.3% to 96.4%."""
    numbers = np.arange(configurations + 1)
    estimates = [
        proportion_over_configurations(np.repeat([1, 0], [n, configurations - n]), 1)
        for n in numbers
    ]
    low, high = np.array([[e.low, e.high] for e in estimates]).T
    truths = np.linspace(0.001, 0.5, 300)
    covered = [
        stats.binom.pmf(numbers, configurations, p)[(low <= p) & (p <= high)].sum() for p in truths
    ]
    assert min(covered) >= 0.90 and np.mean(covered) >= 0.95


def test_no_configuration_has_no_proportion():
    assert math.isnan(proportion_over_configurations(np.array([], dtype=np.int64), 3).value)

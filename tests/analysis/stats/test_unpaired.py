"""Difference of two groups' medians: its ends by hand, and how often it is told where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.order_statistics import median
from ganstudy.analysis.stats.unpaired import difference_of_medians


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)


def group(rng, configurations, luck, shift=0.0):
    """Scores [C, S] on seeds that bring `luck` to all configurations."""
    centres = shift + 0.5 * rng.normal(size=(configurations, 1))
    return centres + luck + 0.3 * rng.normal(size=(configurations, len(luck)))


def test_ends_are_those_of_both_medians_and_of_the_seeds_together(rng):
    """Seeds: SciPy's Welch interval of the medians by seed, as wide again as medians are."""
    one, other = group(rng, 9, rng.normal(size=4)), group(rng, 14, rng.normal(size=5), shift=1.0)
    found = difference_of_medians(one, other, same_seeds=False)
    first, second = median(np.median(one, axis=1)), median(np.median(other, axis=1))
    assert found.value == first.value - second.value and found.n == 9
    test = stats.ttest_ind(np.median(one, axis=0), np.median(other, axis=0), equal_var=False)
    ends = test.confidence_interval(0.95)
    seeds = (ends.high - ends.low) / 2 * math.sqrt(math.pi / 2)
    low = math.sqrt((first.value - first.low) ** 2 + (second.high - second.value) ** 2 + seeds**2)
    high = math.sqrt((first.high - first.value) ** 2 + (second.value - second.low) ** 2 + seeds**2)
    assert (found.low, found.high) == pytest.approx((found.value - low, found.value + high))


def test_the_luck_of_the_same_seeds_cancels(rng):
    luck = np.array([-3.0, 0.0, 4.0])
    one, other = group(rng, 12, luck), group(rng, 12, luck)
    calm = difference_of_medians(one - luck, other - luck, same_seeds=True)
    found = difference_of_medians(one, other, same_seeds=True)
    # Medians over seeds choose the seed of middling luck, so that the ends move a little.
    assert found.high - found.low < 2 * (calm.high - calm.low)
    apart = difference_of_medians(one, other, same_seeds=False)
    assert apart.high - apart.low > 5 * (found.high - found.low)


@pytest.mark.parametrize("luck", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("seeds", [3, 10])
def test_alike_groups_on_unlike_seeds_are_told_apart_in_at_most_five_percent(rng, luck, seeds):
    """Up to 28% where configurations alone are units. Of 400 at 5%, 99.9% of simulations find at most 8.75%."""
    told = 0
    for _ in range(400):
        one, other = (group(rng, 24, rng.normal(0, luck, seeds)) for _ in range(2))
        found = difference_of_medians(one, other, same_seeds=False)
        told += found.low > 0 or found.high < 0
    assert told / 400 <= 0.0875


def test_alike_groups_that_react_to_the_same_seeds_differently_are_told_apart_seldom(rng):
    told = 0
    for _ in range(400):
        common = rng.normal(0, 0.3, 3)
        one, other = (group(rng, 40, common + rng.normal(0, 0.2, 3)) for _ in range(2))
        found = difference_of_medians(one, other, same_seeds=True)
        told += found.low > 0 or found.high < 0
    assert told / 400 <= 0.0875


def test_a_large_difference_is_told(rng):
    found = difference_of_medians(
        group(rng, 24, np.zeros(3), shift=-1.0), group(rng, 24, np.zeros(3)), same_seeds=True
    )
    assert found.low < -1 < found.high < 0


@pytest.mark.parametrize(("configurations", "seeds"), [(5, 3), (12, 2), (12, 1), (0, 3)])
def test_too_few_configurations_or_seeds_on_either_side_give_no_interval(
    rng, configurations, seeds
):
    few, many = group(rng, configurations, np.zeros(seeds)), group(rng, 12, np.zeros(3))
    for sides in ((few, many), (many, few)):
        found = difference_of_medians(*sides, same_seeds=False)
        assert math.isfinite(found.value) == bool(configurations)
        assert math.isnan(found.low) and math.isnan(found.high) and found.n == configurations


def test_divergence_that_reaches_the_median_of_configurations_gives_no_interval(rng):
    one, other = group(rng, 12, np.zeros(3)), group(rng, 12, np.zeros(3))
    one[:3] = np.inf
    assert difference_of_medians(one, other, same_seeds=True).has_interval
    one[:7, 0] = np.inf  # on the first seed alone
    assert not difference_of_medians(one, other, same_seeds=True).has_interval
    found = difference_of_medians(np.full((6, 3), np.inf), np.full((6, 3), np.inf), same_seeds=True)
    assert math.isnan(found.value) and not found.has_interval


def test_missing_seeds_are_left_out(rng):
    one, other = group(rng, 12, np.zeros(4)), group(rng, 12, np.zeros(4))
    one[0, 1:] = np.nan
    found = difference_of_medians(one, other, same_seeds=True)
    middle = np.median([one[0, 0], *np.median(one[1:], axis=1)])
    assert found.value == middle - np.median(np.median(other, axis=1)) and found.has_interval

"""The intraclass correlation, on scores whose truth is planted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganstudy.analysis.stats.correlation import intraclass_correlation, is_crossed


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)


def test_share_of_variance_between_configurations_is_the_intraclass_correlation(rng):
    """0.8 planted, on configurations many enough to meet it; seeds that are bad for all are set apart."""
    centres = math.sqrt(0.8) * rng.normal(size=(2000, 1))
    scores = centres + math.sqrt(0.2) * rng.normal(size=(2000, 4)) + np.array([0.0, 3.0, -2.0, 5.0])
    found = intraclass_correlation(scores)
    assert found.value == pytest.approx(0.8, abs=0.02)
    missing = scores - np.array([0.0, 3.0, -2.0, 5.0])
    missing[rng.random(missing.shape) < 0.3] = np.nan
    assert intraclass_correlation(missing).value == pytest.approx(0.8, abs=0.03)


def test_share_of_variance_is_told_with_an_interval_from_twelve_configurations_on(rng):
    assert math.isnan(intraclass_correlation(rng.normal(size=(11, 3))).low)
    found = intraclass_correlation(rng.normal(size=(12, 3)))
    assert found.low == 0 <= found.value <= found.high < 1
    assert intraclass_correlation(np.repeat(rng.normal(size=(12, 1)), 3, axis=1)).low > 0.99
    assert math.isnan(intraclass_correlation(rng.normal(size=(20, 1))).value)


def test_a_monotone_change_of_the_scores_and_divergence_leave_the_share_of_variance_what_it_is(rng):
    scores = rng.normal(size=(20, 1)) + rng.normal(size=(20, 3))
    diverged = np.exp(scores)
    diverged[diverged == diverged.max(axis=0)] = np.inf
    assert intraclass_correlation(diverged) == intraclass_correlation(scores)


def test_the_common_luck_of_shared_seeds_is_in_neither_part_and_of_unlike_seeds_within(rng):
    """Variances: configurations 1, luck of a seed 4, rest 0.25. ICC(3,1) is 1 / 1.25 whatever the luck;
    ICC(1) is 1 / 5.25 (where every configuration has seeds of its own)."""
    configurations, seeds = 1000, 4
    own = rng.normal(size=(configurations, 1))
    rest = 0.5 * rng.normal(size=(configurations, seeds))
    shared = own + 2 * rng.normal(size=seeds) + rest
    assert is_crossed(shared)
    assert intraclass_correlation(shared).value == pytest.approx(0.8, abs=0.05)
    table = np.full((configurations, configurations * 2), np.nan)
    for row in range(configurations):
        table[row, 2 * row : 2 * row + 2] = own[row] + 2 * rng.normal(size=2) + rest[row, :2]
    assert not is_crossed(table)
    assert intraclass_correlation(table).value == pytest.approx(1 / 5.25, abs=0.12)

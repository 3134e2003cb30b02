"""Interquartile means over configurations that share their seeds, and over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from ganstudy.analysis.stats import bootstrap
from ganstudy.analysis.stats.bootstrap import (
    interquartile_mean,
    interquartile_mean_of_configurations,
    interquartile_mean_of_seeds,
)

BETWEEN, WITHIN = 0.5, 0.3


@pytest.fixture
def rng():
    return np.random.default_rng(20240611)


def draw(rng, configurations, luck=(0.0, 0.0, 0.0)):
    """Two-level normal scores [C, S] on seeds that bring `luck` to all configurations."""
    centres = BETWEEN * rng.normal(size=(configurations, 1))
    return centres + luck + WITHIN * rng.normal(size=(configurations, len(luck)))


def truth_on_seeds(luck):
    """Interquartile mean of the mixture of a normal distribution per seed, by quadrature."""
    spread = math.hypot(BETWEEN, WITHIN)
    parts = [stats.norm(seed, spread) for seed in luck]

    def cdf(x):
        return np.mean([part.cdf(x) for part in parts])

    low, high = (optimize.brentq(lambda x, p=p: cdf(x) - p, -9, 9) for p in (0.25, 0.75))
    total, _ = integrate.quad(lambda x: x * np.mean([part.pdf(x) for part in parts]), low, high)
    return total / 0.5


@pytest.mark.parametrize("configurations", [6, 24])
@pytest.mark.parametrize("luck", [(0.0, 0.0, 0.0), (-0.4, 0.1, 0.5)])
def test_interval_over_configurations_covers_the_truth_on_these_seeds(
    rng, monkeypatch, configurations, luck
):
    """Of 400 at a true coverage of 94%, 99.9% of all simulations cover at least 90%."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 500)
    truth, covered = truth_on_seeds(luck), 0
    for _ in range(400):
        found = interquartile_mean_of_configurations(draw(rng, configurations, luck), rng)
        covered += found.low <= truth <= found.high
    assert covered / 400 >= 0.90


def test_what_a_seed_does_to_all_configurations_moves_the_interval_and_does_not_widen_it(rng):
    """It is the same in every configuration; intervals that hold on these seeds know nothing of it."""
    scores = draw(rng, 12)
    here, there = (
        interquartile_mean_of_configurations(scores + shift, np.random.default_rng(0))
        for shift in (0.0, 3.0)
    )
    assert there.value - here.value == pytest.approx(3)
    assert there.low - here.low == there.high - here.high == pytest.approx(3)


def test_a_quarter_of_diverged_scores_makes_the_upper_end_infinite(rng):
    scores = draw(rng, 12)
    scores[:3] = np.inf
    found = interquartile_mean_of_configurations(scores, rng)
    assert math.isfinite(found.value) and math.isfinite(found.low) and found.high == np.inf


def test_no_configuration_gives_no_value(rng):
    found = interquartile_mean_of_configurations(np.empty((0, 3)), rng)
    assert found.n == 0 and math.isnan(found.value)


def test_same_generator_gives_the_same_interval(rng):
    scores = draw(rng, 8)
    first, second = (
        interquartile_mean_of_configurations(scores, np.random.default_rng(3)) for _ in range(2)
    )
    assert first == second


def test_interquartile_mean_is_the_mean_of_the_middle_half(rng):
    scores = rng.normal(size=(5, 12))
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=1))
    assert interquartile_mean(np.array([0.0, 4.0, 100.0])) == pytest.approx(
        (0 / 4 + 4 + 100 / 4) / 1.5
    )
    assert interquartile_mean(np.array([1.0, 2.0, 3.0, np.inf])) == 2.5
    assert interquartile_mean(np.array([1.0, 2.0, np.inf, np.inf])) == np.inf


def test_interquartile_means_have_intervals_from_six_on(rng):
    few, enough = draw(rng, 5), draw(rng, 6)
    assert math.isnan(interquartile_mean_of_configurations(few, rng).low)
    assert math.isnan(interquartile_mean_of_seeds(few[:, 0], rng).low)
    for estimate in (
        interquartile_mean_of_configurations(enough, rng),
        interquartile_mean_of_seeds(enough[:, 0], rng),
    ):
        assert estimate.low < estimate.value < estimate.high
    assert interquartile_mean_of_configurations(few, rng).value == pytest.approx(
        interquartile_mean(few.ravel())
    )

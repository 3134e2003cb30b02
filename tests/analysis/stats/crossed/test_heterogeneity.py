"""Effects in settings to come: against the textbook interval, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.crossed.effect import crossed_mean
from ganstudy.analysis.stats.crossed.heterogeneity import effect_in_a_new_setting


def test_without_seeds_and_noise_it_is_the_prediction_interval_of_a_normal_sample():
    """mean ± t[n - 1] s sqrt(1 + 1 / n), of pairs that all seeds agree on."""
    effects = np.random.default_rng(1).normal(-0.5, 0.4, size=14)
    found = effect_in_a_new_setting(crossed_mean(np.repeat(effects[:, None], 5, axis=1)))
    half = stats.t.ppf(0.975, 13) * effects.std(ddof=1) * math.sqrt(1 + 1 / 14)
    assert found.value == pytest.approx(effects.mean())
    assert (found.low, found.high) == pytest.approx((effects.mean() - half, effects.mean() + half))


@pytest.mark.parametrize(("pairs", "seeds"), [(12, 3), (18, 6)])
def test_the_effect_in_a_new_setting_is_inside_as_often_as_promised(pairs, seeds):
    """Components of a grid of digits. Of 400 at 94%, 99.9% of all simulations hold at least 90%."""
    rng, inside = np.random.default_rng(2), 0
    for _ in range(400):
        differences = 0.38 * rng.normal(size=(pairs, 1)) + 0.16 * rng.normal(size=seeds)
        found = effect_in_a_new_setting(
            crossed_mean(differences + 0.28 * rng.normal(size=(pairs, seeds)))
        )
        inside += found.low <= 0.38 * rng.normal() <= found.high
    assert inside / 400 >= 0.90


def test_it_is_wider_than_the_interval_of_the_mean_unless_settings_agree():
    rng = np.random.default_rng(3)
    alike = crossed_mean(0.1 * rng.normal(size=(12, 6)) + 0.2 * rng.normal(size=6))
    unlike = crossed_mean(rng.normal(size=(12, 1)) + 0.1 * rng.normal(size=(12, 6)))
    new, mean = effect_in_a_new_setting(unlike), unlike.comparison.effect
    assert new.low < mean.low and mean.high < new.high
    assert alike.variances is not None
    if not alike.variances.pairs:
        assert effect_in_a_new_setting(alike) == alike.comparison.effect


def test_no_claim_about_the_mean_is_none_about_a_new_setting():
    assert not effect_in_a_new_setting(crossed_mean(np.ones((12, 2)))).has_interval

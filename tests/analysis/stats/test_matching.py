"""Which configurations are paired, and what the other settings explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.stats import matching
from ganstudy.analysis.stats.matching import coordinates, covariate_adjustment, match


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_of_a_grid_every_configuration_meets_its_twin(rng):
    settings = pd.DataFrame({"k": [1.0, 2.0, 5.0] * 2, "lr_d": [1e-4, 1e-3, 1e-2] * 2})
    points = coordinates(settings)
    shuffled = rng.permutation(3)
    pairs = match(points[:3], points[3:][shuffled], 2, rng)
    assert pairs.exact and pairs.distance == 0
    assert shuffled[pairs.control].tolist() == pairs.treated.tolist()


def test_distances_are_on_a_log_scale_for_rates(rng):
    points = coordinates(pd.DataFrame({"lr_d": [1e-4, 1e-3, 1e-2, 1e-1]}))
    assert np.ptp(np.diff(points[:, 0])) < 1e-9


def test_the_sum_of_distances_is_least_and_far_ones_are_left_out(rng):
    treated, control = np.array([[0.0], [0.4], [9.0]]), np.array([[0.5], [-0.1], [0.6]])
    pairs = match(treated, control, 1, rng)
    assert sorted(zip(pairs.treated.tolist(), pairs.control.tolist(), strict=True)) == [
        (0, 1),
        (1, 0),
    ]
    assert pairs.distance == pytest.approx(0.1) and not pairs.exact


def test_what_only_some_configurations_have_or_all_share_is_not_matched():
    settings = pd.DataFrame(
        {"ha.weight": [0.1, np.nan, 0.2], "loss": ["hinge"] * 3, "k": [1, 2, 5]}
    )
    assert coordinates(settings).shape == (3, 1)


def test_settings_without_order_match_themselves_first(rng, monkeypatch):
    monkeypatch.setattr(matching, "MAX_DISTANCE", 2.0)
    settings = pd.DataFrame(
        {"loss": ["hinge", "wasserstein", "wasserstein", "hinge"], "k": [1.0, 2.0, 1.2, 1.8]}
    )
    points = coordinates(settings)
    pairs = match(points[:2], points[2:], 2, rng)
    assert dict(zip(pairs.treated.tolist(), pairs.control.tolist(), strict=True)) == {0: 1, 1: 0}


def test_nothing_to_match_on_pairs_at_random(rng):
    pairs = match(np.zeros((5, 0)), np.zeros((3, 0)), 0, rng)
    assert len(pairs.treated) == len(set(pairs.treated)) == 3 and pairs.exact


def test_large_arms_are_drawn_from(rng, monkeypatch):
    monkeypatch.setattr(matching, "MAX_IN_AN_ARM", 10)
    pairs = match(rng.normal(size=(50, 1)), rng.normal(size=(40, 1)), 1, rng)
    assert len(pairs.treated) <= 10 and len(set(pairs.control)) == len(pairs.control)


def test_settings_explain_what_they_explain_and_noise_nothing(rng):
    points = rng.normal(size=(80, 2))
    curved = points[:, 0] ** 2 - points[:, 1] + 0.2 * rng.normal(size=80)
    curved[3] = np.inf
    rest = curved - covariate_adjustment(points, curved)
    assert np.isinf(rest[3]) and np.std(np.delete(rest, 3)) < 0.3 * np.std(np.delete(curved, 3))
    assert not covariate_adjustment(points, rng.normal(size=80)).any()
    assert not covariate_adjustment(points[:15], curved[:15]).any()


def test_no_configuration_predicts_itself(rng):
    points = rng.normal(size=(60, 2))
    scores = 3 * points[:, 0] + rng.normal(size=60)
    changed = scores.copy()
    changed[10] += 3
    before, after = covariate_adjustment(points, scores), covariate_adjustment(points, changed)
    assert before[10] == after[10] and (before != after).any()

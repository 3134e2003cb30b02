"""Planned designs: monotone, minimal, and found as often as planned."""

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.crossed.design import MAX_PAIRS, Design, Question, detectable
from ganstudy.analysis.stats.crossed.effect import Variances, crossed_mean

MEASURED = Variances(0.38**2, 0.162**2, 0.279**2)


def question(effect, variances=MEASURED, level=0.95):
    return Question(variances, math.log(effect), level, 0.8)


def test_detectable_is_a_t_quantile_and_a_normal_one():
    parts = Variances(0.4, 0.0, 0.0).of_mean(10, 5)
    right = (stats.t.ppf(0.975, 9) + stats.norm.ppf(0.8)) * math.sqrt(0.4 / 10)
    assert detectable(parts, 0.95, 0.8) == pytest.approx(right)


@pytest.mark.parametrize("effect", [0.5, 0.6, 0.7, 0.8])
def test_plans_are_the_smallest_that_find_the_effect(effect):
    asked = question(effect)
    for seeds in (3, 6, 10, 20):
        pairs = asked.fewest_pairs(seeds)
        if math.isinf(pairs):
            assert not asked.is_found(Design(MAX_PAIRS, seeds))
            continue
        assert asked.is_found(Design(int(pairs), seeds))
        assert pairs == 6 or not asked.is_found(Design(int(pairs) - 1, seeds))
        enough = asked.fewest_seeds(int(pairs))
        assert enough <= seeds
        assert enough == 3 or not asked.is_found(Design(int(pairs), int(enough) - 1))


def test_more_pairs_do_not_replace_seeds():
    """Of three seeds not even a thousand pairs find 0.7; ten seeds do in fourteen."""
    asked = question(0.7)
    assert math.isinf(asked.fewest_pairs(3))
    assert asked.fewest_pairs(10) == 14
    planned = asked.cheapest(Design(18, 3))
    assert planned.seeds > 3
    assert asked.is_found(planned)


def test_where_seeds_do_not_matter_pairs_are_asked_for_and_the_other_way_round():
    by_pairs = question(0.7, Variances(0.38**2, 0.0, 1e-6)).cheapest(Design(8, 6))
    assert by_pairs.seeds == 6
    assert by_pairs.pairs > 8
    by_seeds = question(0.7, Variances(0.0, 0.38**2, 1e-6)).cheapest(Design(8, 6))
    assert by_seeds.pairs == 8
    assert by_seeds.seeds > 6
    assert by_pairs.pairs == by_seeds.seeds


def test_no_cheaper_design_finds_the_effect():
    asked, present = question(0.75), Design(8, 6)
    planned = asked.cheapest(present)
    for pairs in range(present.pairs, 200):
        for seeds in range(present.seeds, 40):
            if pairs * seeds < planned.runs:
                assert not asked.is_found(Design(pairs, seeds))


def test_an_effect_of_nothing_is_never_found():
    assert question(1.0).cheapest(Design(8, 6)) is None
    assert math.isinf(question(1.0).fewest_pairs(100))


@pytest.mark.parametrize(("effect", "seeds"), [(0.6, 4), (0.6, 6), (0.7, 10), (0.8, 20)])
def test_planned_designs_find_the_effect_about_as_often_as_planned(effect, seeds):
    """80% is planned; the approximation is allowed 70% to 90%."""
    pairs, rng, found = int(question(effect).fewest_pairs(seeds)), np.random.default_rng(1), 0
    for _ in range(400):
        table = 0.38 * rng.normal(size=(pairs, 1)) + 0.162 * rng.normal(size=(1, seeds))
        table = table + 0.279 * rng.normal(size=(pairs, seeds)) + math.log(effect)
        found += crossed_mean(table).comparison.effect.high < 0
    assert 0.70 <= found / 400 <= 0.90

"""Practical equality: what an interval says against a margin, and how often it says so wrongly."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from ganstudy.analysis.stats.crossed.design import Design, Question
from ganstudy.analysis.stats.crossed.effect import Variances
from ganstudy.analysis.stats.crossed.matched_effect import matched_effect
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.analysis.stats.power import _power_within, pairs_needed, seeds_needed
from ganstudy.analysis.stats.subset_means import symmetric_interval

EDGE = math.log(1.15)


@pytest.mark.parametrize(
    ("margin", "low", "high"),
    [
        (Margin(0.15, is_ratio=True), 1 / 1.15, 1.15),
        (Margin(0.02, is_ratio=False), -0.02, 0.02),
        (Margin(1.0, is_ratio=True), 0.5, 2.0),
    ],
)
def test_the_whole_interval_has_to_lie_within_the_margin(margin, low, high):
    assert margin.encloses(Estimate(1.0, low, high))
    assert margin.encloses(Estimate(high, high, high)), "the ends belong to it"
    assert not margin.encloses(Estimate(1.0, low - 1e-9, high))
    assert not margin.encloses(Estimate(1.0, low, high + 1e-9))
    for ends in ((math.nan, math.nan), (low, math.inf), (-math.inf, high), (low, math.nan)):
        assert not margin.encloses(Estimate(1.0, *ends)), ends


def drawn(rng, effect, pairs=12, seeds=6, between=0.05):
    """Differences of logarithms [P, S] of arms that pairs, seeds and the rest set apart."""
    shift = effect + between * rng.normal(size=(pairs, 1)) + 0.02 * rng.normal(size=(1, seeds))
    return shift + 0.06 * rng.normal(size=(pairs, seeds))


@pytest.mark.parametrize("comparisons", [1, 3])
def test_an_effect_at_the_margins_edge_is_called_equal_in_at_most_a_twentieth_of_studies(
    comparisons,
):
    """Of 400 studies a true rate of 10% passes once in ten thousand; no difference is found, so
    that the studies could have said it.
    """
    rng, margin, level = np.random.default_rng(5), Margin(0.15, True), bonferroni_level(comparisons)

    def rate(effect):
        made = [matched_effect(drawn(rng, effect), np.zeros((12, 6)), level) for _ in range(400)]
        return np.mean([margin.encloses(one.comparison.effect.as_ratio()) for one in made])

    assert rate(EDGE) <= 0.05 and rate(-EDGE) <= 0.05
    assert rate(0.0) > 0.7


def test_the_power_of_equality_by_seed_is_that_of_an_integral():
    """P(|mean| <= margin - t s / sqrt(n)) by SciPy's quadrature over the variance."""
    for margin, n, alpha in ((1.0, 12, 0.05), (0.5, 40, 0.05), (2.0, 6, 0.05 / 3)):
        t = stats.t.isf(alpha / 2, n - 1)

        def inner(v, margin=margin, n=n, t=t):
            room = (margin - t * math.sqrt(v / (n - 1) / n)) * math.sqrt(n)
            return max(0.0, 2 * stats.norm.cdf(room) - 1) * stats.chi2.pdf(v, n - 1)

        right, _ = integrate.quad(inner, 0, (n - 1) * n * (margin / t) ** 2)
        assert _power_within(margin, n, alpha) == pytest.approx(right, abs=2e-3)


def test_seeds_for_a_margin_are_those_that_find_it_and_no_fewer():
    d = np.array([-1.0, 0.0, 1.0]) + 40  # standard deviation 1; the effect itself has no say
    made = seeds_needed(d, margin=1.0)
    n = int(made.needed)
    assert _power_within(1.0, n, 0.05) >= 0.8 > _power_within(1.0, n - 1, 0.05)
    assert made.needed_least == 10, "an effect of one standard deviation (Cohen 1988)"
    rng = np.random.default_rng(8)
    draws = rng.normal(size=(4000, n))
    half = stats.t.ppf(0.975, n - 1) * draws.std(axis=1, ddof=1) / math.sqrt(n)
    assert np.mean(np.abs(draws.mean(axis=1)) + half <= 1) == pytest.approx(0.8, abs=0.06)
    assert seeds_needed(d, comparisons=3, margin=1.0).needed > n


def test_a_design_for_a_margin_finds_no_difference_and_the_margins_edge():
    """0.8 of both, by simulation; planned from the variances alone."""
    variances = Variances(pairs=0.2**2, seeds=0.02**2, rest=0.06**2)
    question = Question(variances, EDGE, 0.95, 0.8, is_margin=True)
    pairs = int(question.fewest_pairs(6))
    assert pairs > 6 and not question.is_found(Design(pairs - 1, 6))
    t_pairs, t_seeds = stats.t.ppf(0.975, pairs - 1), stats.t.ppf(0.975, 5)
    parts = [0.2**2 / pairs, 0.02**2 / 6, 0.06**2 / (6 * pairs)]
    half = math.sqrt(t_pairs**2 * parts[0] + t_seeds**2 * (parts[1] + parts[2]))
    assert half + stats.norm.ppf(0.9) * math.sqrt(sum(parts)) <= EDGE

    rng = np.random.default_rng(9)
    margin = Margin(0.15, True)

    def found(effect):
        return [
            matched_effect(
                drawn(rng, effect, pairs, between=0.2), np.zeros((pairs, 6))
            ).comparison.effect
            for _ in range(300)
        ]

    equal = np.mean([margin.encloses(one.as_ratio()) for one in found(0.0)])
    worse = np.mean([one.low > 0 for one in found(EDGE)])
    assert equal > 0.7 and worse > 0.7


def test_a_plan_for_a_margin_does_not_know_the_observed_effect():
    rng = np.random.default_rng(10)
    d = drawn(rng, 0.0, between=0.2)
    plans = [pairs_needed(matched_effect(d + shift, 0 * d), 2, EDGE) for shift in (0, 0.3)]
    assert plans[0].needed == plans[1].needed and plans[0].design == plans[1].design
    assert plans[0].needed > plans[0].needed_least


@pytest.mark.parametrize("n", [6, 9, 11])
def test_the_interval_by_seed_holds_what_sign_flips_of_the_mean_do_not_refuse(n):
    """By all 2^n flips, a hair inside and outside of either end."""
    d = np.random.default_rng(n).standard_t(2, size=n)
    flips = np.array(list(itertools.product([1, -1], repeat=n)))
    found = symmetric_interval(d, 0.95)

    def p(centre, side):
        sums = flips @ (side * (d - centre))
        return float((sums >= sums[0] - 1e-12).mean())

    for end, side in ((found.low, 1), (found.high, -1)):
        assert p(end - side * 1e-9, side) <= 0.025 < p(end + side * 1e-9, side)
    assert found.level >= 0.95 > found.level - 2**-n * 2
    assert not symmetric_interval(d[:5], 0.95).has_interval, "2 / 2^5 is more than 0.05"
    assert not symmetric_interval(np.append(d, np.inf)).has_interval


def test_of_many_seeds_random_subsets_do_and_come_to_students():
    d = np.random.default_rng(1).normal(0.3, 1.0, size=80)
    found, half = symmetric_interval(d, 0.95), stats.t.ppf(0.975, 79) * stats.sem(d)
    assert found.low == pytest.approx(d.mean() - half, abs=0.03)
    assert found.high == pytest.approx(d.mean() + half, abs=0.03)


def test_the_interval_by_seed_covers_where_differences_are_heavy_tailed_and_bimodal():
    rng, covered = np.random.default_rng(12), []
    for _ in range(1000):
        d = 0.2 + rng.choice([-3.0, 3.0, 0.0], 8, p=[0.15, 0.15, 0.7]) + 0.1 * rng.standard_t(2, 8)
        found = symmetric_interval(d, 0.95)
        covered.append(found.low <= 0.2 <= found.high)
    assert np.mean(covered) == pytest.approx(1 - 2 * 6 / 256, abs=0.02)

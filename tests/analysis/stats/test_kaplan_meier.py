"""Kaplan-Meier curves and log-rank tests against scipy's, and by simulation with seeds that share their fate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats import log_rank as test_module
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.stats.kaplan_meier import (
    MAX_TIMES,
    MIN_FOR_MEAN,
    kaplan_meier,
)
from ganstudy.analysis.stats.log_rank import log_rank, residuals

EVALUATIONS = np.arange(1.0, 11.0)
SCALE, SHAPE = 8.0, 1.2
LOST_EARLY, LOST_LATE = 2.0, 10.0


def truth(time, scale=SCALE):
    """Share of seeds not lost by `time`, of the model that `fates` draws from."""
    return math.exp(-((time / scale) ** SHAPE))


def fates(rng, configurations, seeds=3, shared=0.5, scale=SCALE, pruned=0.3):
    """Times, whether lost, configuration: Weibull times seen at evaluations, of seeds whose normal scores correlate by
    `shared`; a share of the configurations is pruned at a random evaluation, whatever their fate."""
    common = rng.normal(size=(configurations, 1))
    own = rng.normal(size=(configurations, seeds))
    u = stats.norm.cdf(math.sqrt(shared) * common + math.sqrt(1 - shared) * own)
    lost_at = np.ceil(scale * (-np.log(u)) ** (1 / SHAPE))
    stops = rng.random((configurations, 1)) < pruned
    end = np.where(stops, rng.integers(2, 10, (configurations, 1)), 10) * np.ones((1, seeds))
    happened = lost_at <= end
    return (
        np.minimum(lost_at, end).ravel(),
        happened.ravel(),
        np.repeat(np.arange(configurations), seeds),
    )


@pytest.fixture
def rng():
    return np.random.default_rng(20240712)


# Against scipy


def test_curve_is_that_of_scipy(rng):
    for _ in range(20):
        times, happened, unit = fates(rng, 15)
        reference = stats.ecdf(
            stats.CensoredData(uncensored=times[happened], right=times[~happened])
        ).sf
        curve = kaplan_meier(times, happened, unit, EVALUATIONS)
        np.testing.assert_allclose(curve.survival, reference.evaluate(curve.times), atol=1e-12)
        assert curve.at_risk[0] == 45 and curve.events.sum() == happened.sum()


def test_variance_of_single_seeds_is_greenwoods(rng):
    times, happened, unit = fates(rng, 200, seeds=1)
    curve = kaplan_meier(times, happened, unit)
    at_risk, died = curve.at_risk, curve.events
    greenwood = curve.survival**2 * np.cumsum(died / (at_risk * (at_risk - died)))
    np.testing.assert_allclose((curve.influence**2).sum(axis=0), greenwood, rtol=1e-9)


def test_log_rank_of_single_seeds_is_that_of_scipy(rng):
    """scipy divides the excess by its hypergeometric standard error, the permutation by its own, which is close."""
    for _ in range(5):
        times, happened, unit = fates(rng, 80, seeds=1)
        group = rng.integers(0, 2, 80)
        samples = [
            stats.CensoredData(
                uncensored=times[happened & (group == g)], right=times[~happened & (group == g)]
            )
            for g in (0, 1)
        ]
        reference = stats.logrank(*samples)
        test = log_rank(times, happened, unit, group, rng)
        assert test.method == "permutation"
        assert test.statistic == pytest.approx(reference.statistic**2, rel=0.15, abs=0.02)
        assert test.p == pytest.approx(reference.pvalue, abs=0.04)


def test_excess_is_observed_minus_expected_of_three_groups_by_hand():
    """Three seeds, lost at 1 and 2, watched to 2: hazards 1/3 and 1/2."""
    times, happened = np.array([1.0, 2.0, 2.0]), np.array([True, True, False])
    np.testing.assert_allclose(residuals(times, happened), [1 - 1 / 3, 1 - 5 / 6, -5 / 6])
    assert residuals(times, happened).sum() == pytest.approx(0.0)


# What it means


def test_a_seed_that_never_has_the_event_stays_at_risk():
    times, happened = np.array([1.0, 2.0, np.inf, np.inf]), np.array([True, True, False, False])
    curve = kaplan_meier(times, happened, np.arange(4))
    np.testing.assert_allclose(curve.survival, [0.75, 0.5])
    assert curve.at_risk.tolist() == [4, 3]
    assert curve.median_time().value == 2.0
    assert (
        kaplan_meier(times, np.array([True, False, False, False]), np.arange(4)).median_time().value
        == math.inf
    )


def test_restricted_mean_is_the_area_under_the_curve():
    curve = kaplan_meier(np.array([1.0, 3.0]), np.array([True, True]), np.arange(2))
    assert curve.restricted_mean(4.0).value == pytest.approx(1 + 0.5 * 2)
    assert curve.restricted_mean(2.0).value == pytest.approx(1 + 0.5)


def test_seeds_that_share_their_fate_are_no_more_evidence_than_one_of_them(rng):
    times, happened, unit = fates(rng, 30, seeds=1)
    one = kaplan_meier(times, happened, unit)
    copied = kaplan_meier(*(np.repeat(values, 5) for values in (times, happened, unit)))
    np.testing.assert_allclose(copied.low, one.low, rtol=1e-9)
    np.testing.assert_allclose(copied.high, one.high, rtol=1e-9)
    group = np.arange(30) % 2
    single = log_rank(times, happened, unit, group, np.random.default_rng(0))
    fivefold = [np.repeat(values, 5) for values in (times, happened, unit, group)]
    assert log_rank(*fivefold, np.random.default_rng(0)).p == single.p


def test_too_few_configurations_have_no_interval_and_no_test(rng):
    times, happened, unit = fates(rng, MIN_CONFIGURATIONS - 1)
    curve = kaplan_meier(times, happened, unit)
    assert np.isnan(curve.low).all() and np.isfinite(curve.survival).all()
    assert math.isnan(curve.median_time().low)
    assert math.isnan(log_rank(times, happened, unit, unit % 2, rng).p)
    eleven = kaplan_meier(*fates(rng, MIN_FOR_MEAN - 1)).restricted_mean(10.0)
    assert math.isfinite(eleven.value) and math.isnan(eleven.low)


def test_before_any_loss_the_interval_is_not_empty(rng):
    """Nothing lost of 10 configurations: Wilson's end with n = 10 configurations, whatever the number of seeds."""
    curve = kaplan_meier(
        np.full(30, 9.0), np.zeros(30, dtype=bool), np.repeat(np.arange(10), 3), EVALUATIONS[:9]
    )
    t = stats.t.ppf(0.975, 9)
    np.testing.assert_allclose(curve.low, 1 - t**2 / (10 + t**2))
    np.testing.assert_allclose(curve.high, 1.0)


def test_no_event_or_one_group_is_nothing_to_test(rng):
    times, _, unit = fates(rng, 12)
    assert math.isnan(log_rank(times, np.zeros(len(times), dtype=bool), unit, unit % 2, rng).p)
    times, happened, unit = fates(rng, 12)
    assert math.isnan(log_rank(times, happened, unit, np.zeros_like(unit), rng).p)


def test_nothing_at_all_is_an_empty_curve():
    curve = kaplan_meier(np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=int))
    assert curve.seeds == 0 and len(curve.times) == 0 and math.isnan(curve.median_time().value)
    assert math.isnan(curve.restricted_mean(1.0).value) and math.isnan(curve.at(1.0).value)


def test_many_distinct_times_are_rounded_up_and_keep_their_curve(rng):
    times = rng.exponential(size=3000)
    happened = rng.random(3000) < 0.8
    curve = kaplan_meier(times, happened, np.arange(3000) // 3)
    reference = stats.ecdf(
        stats.CensoredData(uncensored=times[happened], right=times[~happened])
    ).sf
    assert len(curve.times) <= MAX_TIMES
    assert np.abs(curve.survival - reference.evaluate(curve.times)).max() < 0.02


def test_chi_squared_agrees_with_the_permutations_where_it_takes_over(rng, monkeypatch):
    times, happened, unit = fates(rng, 200)
    group = unit % 3
    many = log_rank(times, happened, unit, group, rng)
    monkeypatch.setattr(test_module, "CHI_SQUARED_FROM", 201)
    few = log_rank(times, happened, unit, group, rng)
    assert (many.method, few.method) == ("chi-squared", "permutation")
    assert many.statistic == few.statistic and many.p == pytest.approx(few.p, abs=0.02)


# Simulations


def covered(rng, configurations, repetitions, **model):
    """Shares of repetitions in which the intervals hold the truth: the curve at 1, 3, 6 and 10, the median time, and
    the mean up to 10."""
    moments = (1, 3, 6, 10)
    half = next(t for t in range(1, 20) if truth(t) <= 0.5)
    mean = sum(truth(t) for t in range(10))
    hits = np.zeros(len(moments) + 2)
    for _ in range(repetitions):
        curve = kaplan_meier(*fates(rng, configurations, **model), EVALUATIONS)
        intervals = [*map(curve.at, moments), curve.median_time(), curve.restricted_mean(10.0)]
        truths = [*map(truth, moments), half, mean]
        hits += [
            interval.low <= t <= interval.high
            for interval, t in zip(intervals, truths, strict=True)
        ]
    return hits / repetitions


def false_findings(
    rng, configurations, repetitions, pruned=(0.3, 0.3), scales=(SCALE, SCALE), shared=0.5, groups=2
):
    """Share of repetitions in which groups are told apart at 5%; half of the configurations have the second values."""
    found = 0
    for _ in range(repetitions):
        parts = [
            fates(
                rng,
                configurations // groups,
                shared=shared,
                pruned=pruned[g > 0],
                scale=scales[g > 0],
            )
            for g in range(groups)
        ]
        times, happened = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        unit = np.concatenate([part[2] + 1000 * g for g, part in enumerate(parts)])
        found += log_rank(times, happened, unit, unit // 1000, rng).p <= 0.05
    return found / repetitions


def test_intervals_of_twelve_configurations_cover(rng):
    """At a true 95%, 99.9% of simulations of 400 cover in 91% or more."""
    assert (covered(rng, 12, 400) >= 0.91).all()


def test_equal_groups_are_told_apart_at_the_stated_rate(rng, monkeypatch):
    """At a true 5%, 99.9% of simulations of 400 find between 1.75% and 8.75%."""
    monkeypatch.setattr(test_module, "PERMUTATIONS", 499)
    assert 0.0175 <= false_findings(rng, 24, 400) <= 0.0875


def test_counting_seeds_instead_would_find_differences_where_there_are_none(rng, monkeypatch):
    """Why configurations are permuted: three seeds that share their fate would be told apart far too often."""
    monkeypatch.setattr(test_module, "PERMUTATIONS", 299)
    found = 0
    for _ in range(200):
        times, happened, unit = fates(rng, 24, shared=0.9)
        found += log_rank(times, happened, np.arange(len(times)), unit % 2, rng).p <= 0.05
    assert found / 200 > 0.12


def test_a_planted_difference_is_found(rng, monkeypatch):
    monkeypatch.setattr(test_module, "PERMUTATIONS", 499)
    assert false_findings(rng, 24, 100, scales=(LOST_EARLY, LOST_LATE)) > 0.8


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_what_the_curves_promise(rng, capsys):
    """Coverage by number of configurations and how much seeds share; for docs/statistics-over-time.md."""
    with capsys.disabled():
        print(
            "\n| configurations | seeds share | survival | median time | mean time |\n|---|---|---|---|---|"
        )
        for configurations in (6, 12, 24, 60):
            for shared in (0.0, 0.5, 0.9):
                shares = covered(rng, configurations, 1000, shared=shared)
                mean = f"{shares[5]:.1%}" if configurations >= MIN_FOR_MEAN else "none given"
                ends = f"{shares[:4].min():.1%} to {shares[:4].max():.1%}"
                print(f"| {configurations} | {shared} | {ends} | {shares[4]:.1%} | {mean} |")
                assert shares[:5].min() >= 0.925
                assert configurations < MIN_FOR_MEAN or shares[5] >= 0.915


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_the_log_rank_test_promises(rng, capsys, monkeypatch):
    """False findings, and power against twice the time; for docs/statistics-over-time.md."""
    monkeypatch.setattr(test_module, "PERMUTATIONS", 499)
    with capsys.disabled():
        print(
            "\n| configurations | seeds share | groups | pruned | false findings | power |\n|---|---|---|---|---|---|"
        )
        for configurations, shared, groups, pruned in (
            *((12, shared, 2, (0.3, 0.3)) for shared in (0.0, 0.9)),
            *((24, shared, 2, (0.3, 0.3)) for shared in (0.0, 0.5, 0.9)),
            (24, 0.5, 4, (0.3, 0.3)),
            (24, 0.5, 2, (0.0, 0.9)),
            (60, 0.5, 2, (0.3, 0.3)),
            (200, 0.5, 4, (0.3, 0.3)),
        ):
            model = {"shared": shared, "groups": groups, "pruned": pruned}
            false = false_findings(rng, configurations, 1000, **model)
            power = false_findings(rng, configurations, 300, scales=(SCALE / 2, SCALE), **model)
            percents = f"{pruned[0]:.0%} and {pruned[1]:.0%}"
            print(
                f"| {configurations} | {shared} | {groups} | {percents} | {false:.1%} | {power:.1%} |"
            )
            assert 0.025 <= false <= 0.075

"""Power by simulation, against closed forms, the report's own estimator and the published table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import Variances, crossed_mean
from ganstudy.analysis.stats.crossed.power import (
    Effects,
    half_widths,
    made_single_studies,
    made_studies,
    smallest_by_signs,
    upper_limits,
)
from ganstudy.analysis.stats.few_seeds import compare_by_seed
from ganstudy.analysis.tables.effects.remedies_by_seed import MIN_SEEDS_FOR_TEST

ON_DIGITS = Variances(0.38**2, 0.162**2, 0.279**2)


@pytest.mark.parametrize(
    ("design", "factor", "table"),
    [  # docs/operating-characteristics.md, as measured on digits, 2,000 studies each
        (Design(8, 3), 0.6, 0.468),
        (Design(18, 3), 0.6, 0.662),
        (Design(80, 3), 0.8, 0.249),
        (Design(8, 6), 0.8, 0.221),
        (Design(18, 6), 0.6, 0.983),
        (Design(40, 6), 0.8, 0.552),
        (Design(18, 10), 0.8, 0.500),
        (Design(80, 10), 0.8, 0.865),
    ],
)
def test_power_is_that_of_the_table(design: Design, factor: float, table: float) -> None:
    made = made_studies(ON_DIGITS, design)
    assert made is not None
    # Three standard errors of the table's 2,000 studies.
    bound = 3 * math.sqrt(table * (1 - table) / 2000) + 0.002
    assert made.power(math.log(factor)) == pytest.approx(table, abs=bound)


@pytest.mark.parametrize("part", ["pairs", "seeds"])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_of_one_variance_alone_it_is_students(part: str, level: float) -> None:
    """All pairs or all seeds alike: one sample of the others, whose power is a noncentral t's."""
    variances = Variances(**({"pairs": 0.0, "seeds": 0.0, "rest": 0.0} | {part: 0.3**2}))
    design = Design(14, 7)
    n = getattr(design, part)
    made = made_studies(variances, design, level)
    assert made is not None
    for effect in (0.1, 0.3, 0.5):
        quantile = stats.t.ppf((1 + level) / 2, n - 1)
        right = stats.nct.sf(quantile, n - 1, effect * math.sqrt(n) / 0.3)
        assert made.power(effect) == pytest.approx(right, abs=0.015)


def test_single_configurations_are_students() -> None:
    made = made_single_studies(ON_DIGITS, 9, 0.98)
    assert made is not None
    deviation, quantile = math.hypot(0.162, 0.279), stats.t.ppf(0.99, 8)
    for effect in (0.2, 0.4):
        right = stats.nct.sf(quantile, 8, effect * 3 / deviation)
        assert made.power(effect) == pytest.approx(right, abs=0.015)
    assert made_single_studies(ON_DIGITS, MIN_SEEDS_FOR_TEST - 1) is None
    assert made_single_studies(ON_DIGITS, MIN_SEEDS_FOR_TEST) is not None


def test_the_smallest_effect_has_that_power() -> None:
    made = made_studies(ON_DIGITS, Design(12, 6), 0.99)
    assert made is not None
    assert made.power(made.smallest(0.8)) == pytest.approx(0.8, abs=1e-3)
    assert made.power(-made.smallest(0.35)) == pytest.approx(0.35, abs=1e-3)


def test_intervals_are_those_of_the_report() -> None:
    """From a table of differences to its mean squares, and back to the report's interval."""
    rng = np.random.default_rng(4)
    for pairs, seeds, level in ((6, 3, 0.95), (9, 5, 0.99), (30, 4, 0.983)):
        for spread in (1.0, 0.0):
            d = spread * rng.normal(0, 0.4, (pairs, 1)) + rng.normal(0, 0.3, (pairs, seeds))
            d += rng.normal(0, 0.2, seeds)
            rows, columns, mean = d.mean(1), d.mean(0), d.mean()
            rest = d - rows[:, None] - columns + mean
            squares = (
                np.array([seeds * ((rows - mean) ** 2).sum() / (pairs - 1)]),
                np.array([pairs * ((columns - mean) ** 2).sum() / (seeds - 1)]),
                np.array([(rest**2).sum() / ((pairs - 1) * (seeds - 1))]),
            )
            effect = crossed_mean(d, level).comparison.effect
            (half,) = half_widths(squares, Design(pairs, seeds), level)
            assert half == pytest.approx(effect.high - effect.value)


def test_simulated_by_every_difference() -> None:
    """The four drawn numbers against whole tables of differences, analysed one by one."""
    rng, design, effect = np.random.default_rng(5), Design(10, 4), 0.5
    found = 0
    for _ in range(600):
        d = rng.normal(-effect, 0.38, (10, 1)) + rng.normal(0, 0.162, 4)
        d = d + rng.normal(0, 0.279, (10, 4))
        found += crossed_mean(d).comparison.effect.high < 0
    made = made_studies(ON_DIGITS, design)
    assert made is not None
    power = made.power(effect)
    assert found / 600 == pytest.approx(power, abs=3.3 * math.sqrt(power * (1 - power) / 600))


def test_single_studies_by_the_reports_test() -> None:
    rng, found = np.random.default_rng(6), 0
    for _ in range(600):
        treated = rng.normal(-0.45, math.hypot(0.162, 0.279), 7)
        found += compare_by_seed(treated, np.zeros(7)).effect.high < 0
    made = made_single_studies(ON_DIGITS, 7)
    assert made is not None
    power = made.power(0.45)
    assert found / 600 == pytest.approx(power, abs=3.3 * math.sqrt(power * (1 - power) / 600))


@pytest.mark.parametrize("design", [Design(5, 9), Design(20, 2)])
def test_too_few_pairs_or_seeds_claim_nothing(design: Design) -> None:
    assert made_studies(ON_DIGITS, design) is None


def test_no_spread_finds_every_effect() -> None:
    made = made_studies(Variances(0.0, 0.0, 0.0), Design(6, 3))
    assert made is not None and made.smallest() == 0


def test_upper_limits_are_above_the_truth_in_four_of_five_studies() -> None:
    rng, design, true = np.random.default_rng(7), Design(18, 6), ON_DIGITS
    above = np.zeros(3)
    for _ in range(800):
        d = rng.normal(0, 0.38, (18, 1)) + rng.normal(0, 0.162, 6)
        found = crossed_mean(d + rng.normal(0, 0.279, (18, 6))).variances
        assert found is not None
        limits = upper_limits(found, design)
        above += [limits.pairs > true.pairs, limits.seeds > true.seeds, limits.rest > true.rest]
    assert above / 800 == pytest.approx([0.8] * 3, abs=0.05)


def test_sign_flips_against_scipy_and_few_seeds() -> None:
    """SciPy's own permutation test finds the effect in about 80% of studies; seven seeds are needed for three."""
    variances = Variances(0.1, 0.03, 0.08)
    size = smallest_by_signs(variances, 8, 1)
    assert size is not None
    rng = np.random.default_rng(5)
    drawn = rng.normal(size, math.sqrt(0.11), (300, 8))
    found = [
        stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=256).pvalue
        <= 0.05
        for d in drawn
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)
    assert smallest_by_signs(variances, 6, 3) is None
    assert smallest_by_signs(variances, 7, 3) is not None


def test_equal_within_a_margin() -> None:
    made = Effects(np.array([0.0, 0.1, -0.2, 0.0]), np.array([0.1, 0.1, 0.1, 0.5]))
    assert made.equal(0.25) == 0.5 and made.equal(0.31) == 0.75
    assert made.narrowest(1.0) == 0.5

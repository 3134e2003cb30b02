"""Medians and quantiles by order, exactly from the binomial distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.order_statistics import median, quantile_interval


def test_median_of_seeds_has_the_sign_tests_interval():
    """[least, greatest] of six covers 1 - 2 / 2^6; of nine the second lowest and highest do, of twelve the third."""
    for seeds, outside in ((6, 0), (9, 1), (12, 2), (20, 5)):
        estimate = median(np.arange(float(seeds)))
        assert (estimate.low, estimate.high) == (outside, seeds - 1 - outside)
        assert (
            2 * stats.binom.cdf(outside, seeds, 0.5)
            <= 0.05
            < 2 * stats.binom.cdf(outside + 1, seeds, 0.5)
        )
    assert math.isnan(median(np.arange(5.0)).low)
    assert median(np.array([1.0, 2, 3, 4, 5, np.inf])).high == np.inf


def test_median_needs_six_values_and_holds_infinities():
    five, six = median(range(5)), median(range(6))
    assert math.isnan(five.low) and math.isnan(five.high) and five.value == 2.0
    assert (six.low, six.high, six.n) == (0.0, 5.0, 6)
    lost = median([1.0, 2, 3, 4, 5, np.inf, np.inf, np.inf])
    assert lost.value == 4.5 and lost.high == np.inf
    assert median([]).n == 0 and math.isnan(median([]).value)


@pytest.mark.parametrize(
    ("n", "p"), [(6, 0.5), (12, 0.5), (24, 0.5), (100, 0.1), (100, 0.03), (24, 0.2)]
)
def test_quantile_ends_enclose_with_the_promised_probability_and_no_tighter_ones_do(n, p):
    """Exactly, from the binomial distribution of how many values lie below the quantile."""
    low, high = quantile_interval(np.arange(1.0, n + 1), p)
    below = stats.binom(n, p)
    rank_low, rank_high = (
        (0 if math.isnan(low) else int(low)),
        (n + 1 if math.isnan(high) else int(high)),
    )
    assert below.cdf(rank_low - 1) <= 0.025 < below.cdf(rank_low)
    assert below.sf(rank_high - 1) <= 0.025 < below.sf(rank_high - 2)


@pytest.mark.parametrize("level", [0.95, 0.9, 1 - 0.05 / 4])
def test_ranks_are_those_of_the_binomial_distribution_at_every_n(level):
    """As they were found before SciPy was asked: the greatest value that exceeds the quantile with the tail's
    probability or less, and the other way round."""
    tail = (1 - level) / 2
    for n in [*range(1, 40), 100, 333]:
        for p in (0.5, 0.1, 0.9, 1 - 0.5 ** (1 / 3), 1 - 0.5 ** (1 / 25)):
            low = int(stats.binom.ppf(tail, n, p))
            low += bool(stats.binom.cdf(low, n, p) <= tail)
            high = int(stats.binom.isf(tail, n, p)) + 1
            ends = (float(low) if low >= 1 else math.nan, float(high) if high <= n else math.nan)
            assert quantile_interval(np.arange(1.0, n + 1), p, level) == pytest.approx(
                ends, nan_ok=True
            )

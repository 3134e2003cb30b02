"""An estimate with its interval: direction, ratio, decision and columns."""

from __future__ import annotations

import math

import pytest

from ganstudy.analysis.stats.estimate import INCONCLUSIVE, Estimate
from ganstudy.analysis.stats.multiplicity import bonferroni, bonferroni_level


def test_the_ends_swap_where_larger_is_better():
    estimate = Estimate(-0.8, -0.9, -0.6, n=7)
    assert estimate.in_direction(1) is estimate
    shown = estimate.in_direction(-1)
    assert (shown.value, shown.low, shown.high, shown.n) == (0.8, 0.6, 0.9, 7)
    assert shown.columns("recall") == {"recall": 0.8, "recall_low": 0.6, "recall_high": 0.9}


def test_the_ratio_is_the_exponential_of_the_logarithms_estimate():
    ratio = Estimate(math.log(0.5), -math.inf, math.inf).as_ratio()
    assert (ratio.value, ratio.low, ratio.high) == (pytest.approx(0.5), 0.0, math.inf)


@pytest.mark.parametrize(
    ("low", "high", "decision"),
    [
        (-2, -1, "better"),
        (1, 2, "worse"),
        (-1, 1, INCONCLUSIVE),
        (math.nan, math.nan, INCONCLUSIVE),
    ],
)
def test_a_decision_needs_an_interval_without_0(low, high, decision):
    assert Estimate(0.5, low, high).decide("better", "worse") == decision


def test_an_interval_has_both_ends():
    assert Estimate(1.0, 0.0, math.inf).has_interval
    assert (
        not Estimate(1.0, 0.0, math.nan).has_interval
        and not Estimate(1.0, 0.0, 2.0).without_interval().has_interval
    )


def test_bonferroni_keeps_what_is_unknown():
    assert bonferroni(0.02, 3) == pytest.approx(0.06) and bonferroni(0.5, 3) == 1.0
    assert math.isnan(bonferroni(math.nan, 3))
    assert bonferroni_level(5) == pytest.approx(0.99)
    assert bonferroni_level(0) == bonferroni_level(1) == pytest.approx(0.95)

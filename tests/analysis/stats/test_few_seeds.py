"""Few fresh seeds: that each interval holds what it states, and that alike arms are rarely found unlike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.estimate import LEVEL
from ganstudy.analysis.stats.few_seeds import (
    compare_by_seed,
    mean_interval,
    median_interval,
    optimism,
)
from ganstudy.analysis.stats.multiplicity import holm

ROUNDS = 1500
NOISES = {
    "normal": lambda rng, shape: rng.normal(0, 0.2, shape),
    "heavy": lambda rng, shape: 0.15 * rng.standard_t(3, shape),
    "skewed": lambda rng, shape: np.exp(rng.normal(0, 0.6, shape)) - 1,
    "collapses": lambda rng, shape: rng.normal(0, 0.15, shape) + (rng.random(shape) < 0.1) * 1.5,
}
"""How the log of FID may spread over seeds; each has its median at 0, but the last."""


def slack(share: float, rounds: int) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / rounds)


def studies(rng: np.random.Generator, noise: str, rounds: int, fresh: int, top: int):
    """(what the search said of its best, their scores on fresh seeds, how much too good it was) per round, log scale.

    24 configurations on 3 seeds; the best by their medians are trained on fresh seeds, all on the same ones, of
    which a part is common: seeds have their own difficulty.
    """
    draw, many = NOISES[noise], np.random.default_rng(9)
    centre = float(np.median(0.5 * draw(many, 300_000) + draw(many, 300_000)))
    for _ in range(rounds):
        truth = rng.normal(0, 0.15, 24)
        found = np.median(truth[:, None] + 0.5 * draw(rng, (1, 3)) + draw(rng, (24, 3)), axis=1)
        best = np.argsort(found)[:top]
        scores = truth[best, None] + 0.5 * draw(rng, (1, fresh)) + draw(rng, (top, fresh))
        yield found[best], scores, truth[best] + centre


def optimism_figures(noise: str, rounds: int, fresh: int = 5, top: int = 3) -> dict[str, float]:
    """Of the interval of the optimism its coverage, its stated level and the mean error of its middle; the mean
    optimism itself; and what is left of it when the best of the confirmed is quoted by its confirmed score."""
    inside, errors, optimisms, left = 0, [], [], []
    for found, scores, truth in studies(np.random.default_rng(1), noise, rounds, fresh, top):
        estimate, true = optimism(found, scores), float(np.mean(truth - found))
        inside += estimate.low <= true <= estimate.high
        errors.append(estimate.value - true)
        optimisms.append(true)
        medians = np.median(scores, axis=1)
        left.append(truth[medians.argmin()] - medians.min())
    means = {"bias": errors, "optimism": optimisms, "left": left}
    return {
        "coverage": inside / rounds,
        "level": estimate.level,
        **{k: float(np.mean(v)) for k, v in means.items()},
    }


def false_findings(
    noise: str, rounds: int, arms: int = 4, fresh: int = 5, lost: float = 0.0
) -> float:
    """Share of studies in which one of `arms` that are like the baseline is found unlike it."""
    rng, found = np.random.default_rng(2), 0
    for _ in range(rounds):
        common = 0.5 * NOISES[noise](rng, fresh)
        scores = common + NOISES[noise](rng, (arms + 1, fresh))
        scores[rng.random(scores.shape) < lost] = np.inf
        found += bool(
            (holm(np.array([compare_by_seed(arm, scores[0]).p for arm in scores[1:]])) < 0.05).any()
        )
    return found / rounds


def power(ratio: float, fresh: int, rounds: int, arms: int = 4) -> float:
    """Share of studies in which the one of `arms` that differs from the baseline by `ratio` is found to differ."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(rounds):
        scores = 0.5 * rng.normal(0, 0.2, fresh) + rng.normal(0, 0.2, (arms + 1, fresh))
        scores[1] += math.log(ratio)
        found += bool(
            holm(np.array([compare_by_seed(arm, scores[0]).p for arm in scores[1:]]))[0] < 0.05
        )
    return found / rounds


@pytest.mark.parametrize(
    ("n", "ends", "level"), [(5, (0, 4), 0.9375), (6, (0, 5), 0.96875), (9, (1, 7), 0.9609375)]
)
def test_which_seeds_enclose_the_median(n: int, ends: tuple[int, int], level: float) -> None:
    scores = np.arange(n, dtype=float)[::-1]
    found = median_interval(scores)
    assert (found.low, found.high, found.n) == (*ends, n) and found.level == pytest.approx(level)
    narrower = 1 - 2 * stats.binom.cdf(ends[0] + 1, n, 0.5)
    assert narrower < LEVEL, "the next pair of seeds inside would hold less than it should"


def test_too_few_seeds_have_no_interval_and_lost_ones_reach_it() -> None:
    four, five = (
        median_interval(np.arange(4.0)),
        median_interval(np.array([1.0, 2.0, 3.0, 4.0, np.inf])),
    )
    assert np.isnan([four.low, four.high, four.level]).all() and not four.has_interval
    assert (five.value, five.low, five.high) == (3.0, 1.0, np.inf)
    assert median_interval(np.array([1.0, 2.0, np.inf, np.inf, np.inf])).value == np.inf
    assert np.isnan(median_interval(np.empty(0)).value) and np.isnan(
        mean_interval(np.array([1.0])).low
    )


@pytest.mark.parametrize("n", [5, 6, 9])
@pytest.mark.parametrize("noise", ["normal", "heavy", "skewed"])
def test_the_interval_of_a_median_holds_exactly_what_it_states(noise: str, n: int) -> None:
    rng = np.random.default_rng(0)
    intervals = [median_interval(row) for row in NOISES[noise](rng, (ROUNDS, n))]
    inside = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert inside == pytest.approx(intervals[0].level, abs=slack(intervals[0].level, ROUNDS))


@pytest.mark.parametrize("noise", list(NOISES))
def test_how_much_the_search_flattered_is_found(noise: str) -> None:
    figures = optimism_figures(noise, ROUNDS)
    assert figures["optimism"] > 0.08, "the three best of 24 were chosen for their luck too"
    assert abs(figures["bias"]) < 0.02, "fresh seeds know nothing of the choice"
    assert figures["coverage"] == pytest.approx(
        figures["level"], abs=slack(figures["level"], ROUNDS) + 0.005
    )


def test_the_seeds_that_chose_would_not_tell() -> None:
    """On the search's own seeds the same estimate misses most of it: that is the winner's curse."""
    rng, own, true = np.random.default_rng(4), [], []
    for _ in range(300):
        truth = rng.normal(0, 0.15, 24)
        scores = truth[:, None] + rng.normal(0, 0.2, (24, 3))
        found = np.median(scores, axis=1)
        best = np.argsort(found)[:3]
        own.append(optimism(found[best], scores[best]).value)
        true.append(np.mean(truth[best] - found[best]))
    assert np.mean(true) > 0.1 > 2 * np.mean(own)


@pytest.mark.parametrize("noise", list(NOISES))
def test_alike_arms_are_found_unlike_at_most_as_often_as_stated(noise: str) -> None:
    assert false_findings(noise, ROUNDS) < 0.05 + slack(0.05, ROUNDS)


def test_alike_arms_that_lose_seeds_too() -> None:
    assert false_findings("normal", ROUNDS, arms=2, fresh=8, lost=0.15) < 0.05 + slack(0.05, ROUNDS)


def test_a_large_difference_is_found() -> None:
    assert power(0.4, 6, 300) > 0.9
    assert power(0.4, 6, 300) > power(0.4, 3, 300)


def test_pairs_of_which_one_is_lost_are_judged_by_their_signs() -> None:
    better, worse = np.arange(8.0), np.arange(8.0) + 1
    worse[3] = np.inf
    found = compare_by_seed(better, worse)
    assert (
        found.method == "sign" and found.p == pytest.approx(2 / 2**8) and found.effect.value == -1.0
    )
    assert found.effect.low == -np.inf and found.effect.high == -1.0
    both = compare_by_seed(np.array([np.inf] * 5), np.array([np.inf] * 5))
    assert (both.p, both.effect.value, both.method) == (1.0, 0.0, "sign"), "lost in both is a tie"
    same = compare_by_seed(np.arange(5.0), np.arange(5.0))
    assert (same.p, same.effect.value) == (1.0, 0.0)


def test_a_pair_by_hand() -> None:
    treated, control = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.5, 6.0])
    found = compare_by_seed(treated, control)
    t = stats.ttest_rel(treated, control)
    assert (found.effect.value, found.p) == (pytest.approx(-3.5 / 3), pytest.approx(t.pvalue))
    assert (found.effect.low, found.effect.high) == pytest.approx(tuple(t.confidence_interval()))


def test_holm() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0] and holm(np.empty(0)).tolist() == []

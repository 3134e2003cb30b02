"""Verdicts on samplers whose behaviour is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trials.records import Verdict
from trials.verdict import MIN_WINDOW, effective_modes, verdict, window_length

MODES, SAMPLES, PLANNED = 10, 1000, 9


def row(shares: list[float] | np.ndarray, fid: float = 10.0, quality: float = 0.9, rng: Any = None) -> dict[str, Any]:
    rng = rng or np.random.default_rng(0)
    return {
        "finite": True,
        "histogram": rng.multinomial(SAMPLES, np.asarray(shares) / np.sum(shares)).tolist(),
        "fid": fid,
        "high_quality": quality,
    }


def only(mode: int) -> np.ndarray:
    return np.eye(MODES)[mode]


EVEN = np.ones(MODES)


def judge(rows: list[dict[str, Any]]) -> Verdict:
    return verdict(rows, PLANNED, real_modes=MODES, real_quality=0.95)


@pytest.mark.parametrize("draw", range(100))
def test_a_perfect_sampler_is_never_collapsed(draw: int) -> None:
    rng = np.random.default_rng(draw)
    rows = [row(EVEN, fid=1.5 + 0.1 * rng.random(), rng=rng) for _ in range(PLANNED)]
    for seen in range(1, PLANNED + 1):
        assert judge(rows[:seen]) in (Verdict.CONVERGED, Verdict.UNSETTLED)
    assert judge(rows) is Verdict.CONVERGED


@pytest.mark.parametrize("mode", range(MODES))
def test_a_one_mode_sampler_always_is(mode: int) -> None:
    rows = [row(only(mode), fid=400) for _ in range(PLANNED)]
    for seen in range(1, PLANNED + 1):
        assert judge(rows[:seen]) is (Verdict.COLLAPSED if seen >= MIN_WINDOW else Verdict.UNSETTLED)


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_a_one_mode_sampler_that_moves_is_cycling(stride: int) -> None:
    rows = [row(only(t * stride % MODES), fid=400) for t in range(PLANNED)]
    assert judge(rows) is Verdict.CYCLING
    assert judge(rows[:2]) is Verdict.UNSETTLED, "two looks cannot tell a cycle"


def test_a_single_hop_is_collapse() -> None:
    rows = [row(only(0), fid=400)] * 8 + [row(only(1), fid=400)]
    assert judge(rows) is Verdict.COLLAPSED


def test_noise_on_one_broad_spot_is_not_cycling() -> None:
    """Three alike modes exchange the lead by chance; the union is no wider than any moment."""
    rng = np.random.default_rng(0)
    rows = [row([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], fid=200, rng=rng) for _ in range(PLANNED)]
    assert judge(rows) is Verdict.COLLAPSED


def test_recovered_collapse_is_forgotten() -> None:
    assert judge([row(only(0), fid=400)] * 6 + [row(EVEN)] * 3) is Verdict.CONVERGED


def test_still_falling_is_unsettled() -> None:
    rows = [row(EVEN, fid=fid) for fid in (300, 200, 150, 120, 90, 70, 60, 45, 30)]
    assert judge(rows) is Verdict.UNSETTLED


def test_steady_but_poor_is_unsettled() -> None:
    assert judge([row(EVEN, fid=300, quality=0.1)] * PLANNED) is Verdict.UNSETTLED


def test_non_finite_is_diverged_whatever_came_before() -> None:
    lost = {"finite": False, "histogram": None, "fid": None, "high_quality": None}
    assert judge([row(EVEN)] * 5 + [lost]) is Verdict.DIVERGED
    assert judge([lost]) is Verdict.DIVERGED


def test_effective_modes() -> None:
    assert effective_modes([5, 5, 5, 5]) == pytest.approx(4)
    assert effective_modes([0, 9, 0]) == 1


@pytest.mark.parametrize(("planned", "length"), [(1, 3), (9, 3), (10, 4), (30, 10)])
def test_window(planned: int, length: int) -> None:
    assert window_length(planned) == length

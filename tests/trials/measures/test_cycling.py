"""Cycling: histograms whose story is known, and how seldom a perfect sampler seems to cycle."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganstudy.trials.measures.cycling import cycling


def one_mode(*modes: int, num_modes: int = 8, num: int = 1000) -> list[list[int]]:
    """All samples in one mode, at each evaluation."""
    return [[num * (k == mode) for k in range(num_modes)] for mode in modes]


def perfect(num_modes: int, num: int, evaluations: int, seed: int) -> list[list[int]]:
    return (
        np.random.default_rng(seed)
        .multinomial(num, [1 / num_modes] * num_modes, size=evaluations)
        .tolist()
    )


def test_a_rotating_generator(conformance) -> None:
    scores = cycling(one_mode(0, 1, 2, 3, 0, 1), window=4)
    expected = {"movement": 1, "dominant_switches": 5, "returns": 2, "hidden_coverage": 3}
    for name, value in expected.items():
        conformance(f"measure {name}", "a generator that turns", abs(scores[name] - value), 0.01)


def test_drifting_is_not_returning() -> None:
    scores = cycling(one_mode(0, 1, 2, 3, 4), window=5)
    assert (scores["dominant_switches"], scores["returns"]) == (4, 0)
    assert scores["hidden_coverage"] == pytest.approx(4, abs=0.01)


def test_two_modes_in_turn_return_every_time_but_the_first(conformance) -> None:
    scores = cycling(one_mode(0, 1, 0, 1, 0), window=3)
    assert (scores["dominant_switches"], scores["returns"]) == (4, 3)
    expected = math.exp(math.log(3) - 2 / 3 * math.log(2)) - 1
    deviation = abs(scores["hidden_coverage"] - expected)
    conformance(
        "measure hidden_coverage", "exp of the entropy by hand, two modes in turn", deviation, 0.01
    )


def test_a_generator_stuck_on_one_mode_does_not_move() -> None:
    scores = cycling(one_mode(3, 3, 3, 3), window=3)
    assert scores == {"movement": 0, "dominant_switches": 0, "returns": 0, "hidden_coverage": 0}


def test_movement_is_the_total_variation_of_the_last_pair(conformance) -> None:
    histograms = [[9, 1, 0], [50, 30, 20], [10, 60, 30]]
    deviation = abs(cycling(histograms, window=3)["movement"] - (0.4 + 0.3 + 0.1) / 2)
    conformance("measure movement", "total variation by hand", deviation, 1e-12)
    assert cycling([[1, 1], [500, 500]], window=2)["movement"] == 0, "shares, not counts"


def test_learning_all_modes_after_having_one_hides_nothing() -> None:
    histograms = [*one_mode(0, 0), [125] * 8]
    assert cycling(histograms, window=3)["hidden_coverage"] == 0
    assert cycling(histograms[::-1], window=3)["hidden_coverage"] > 2, (
        "the other way round it has lost them"
    )


def test_the_window_forgets() -> None:
    histograms = one_mode(0, 1, 2, 3, 3, 3)
    assert cycling(histograms, window=3)["hidden_coverage"] == 0
    assert cycling(histograms, window=6)["hidden_coverage"] > 2


def test_a_switch_needs_twice_the_count_beyond_chance() -> None:
    before = [600, 200, 200]
    for latest, switches in (
        ([450, 550, 0], 0),  # beyond chance, but both are there
        ([300, 650, 50], 1),
        ([3, 8, 1], 0),  # more than twice, but it may be chance
    ):
        assert cycling([before, latest], window=2)["dominant_switches"] == switches


def test_handing_over_slowly_is_one_switch() -> None:
    """0.7 / 0.3 to 0.3 / 0.7 by steps: one handing over, however often the two are close."""
    shares = [700, 600, 490, 510, 490, 510, 400, 300]
    scores = cycling([[s, 1000 - s] for s in shares], window=3)
    assert (scores["dominant_switches"], scores["returns"]) == (1, 0)


@pytest.mark.parametrize(
    ("num_modes", "num"), [(8, 1000), (10, 1000), (8, 2500), (25, 2500), (1000, 26_000), (100, 500)]
)
def test_a_perfect_sampler_does_not_seem_to_cycle(num_modes: int, num: int) -> None:
    """100 seeds of 20 evaluations; the largest count changes hands at chance in most of the 1900 pairs."""
    scores = [cycling(perfect(num_modes, num, 20, seed), window=7) for seed in range(100)]
    assert sum(score["dominant_switches"] for score in scores) == 0
    expected = math.sqrt((num_modes - 1) / (math.pi * num))
    assert np.mean([score["movement"] for score in scores]) == pytest.approx(expected, rel=0.1)
    assert np.mean([score["hidden_coverage"] for score in scores]) < 0.01 * num_modes


def test_largest_counts_do_change_hands_by_chance() -> None:
    """What a count of changes of the largest mode would report for the same perfect sampler."""
    naive = [
        np.count_nonzero(np.diff(np.argmax(perfect(8, 1000, 20, seed), axis=1)))
        for seed in range(100)
    ]
    assert np.mean(naive) > 15


def test_too_few_evaluations() -> None:
    nothing = {
        "movement": None,
        "dominant_switches": None,
        "returns": None,
        "hidden_coverage": None,
    }
    assert cycling([], window=3) == nothing
    assert cycling([[5, 5]], window=3) == nothing | {"dominant_switches": 0, "returns": 0}


def test_importing_loads_no_torch() -> None:
    code = (
        "import sys, ganstudy.trials.measures.cycling, ganstudy.trials.measures.mismatch\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'torch'])"
    )
    root = Path(__file__).resolve().parents[3]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"

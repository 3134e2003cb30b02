"""Mode measures: calibrated on samplers whose truth is known."""

from __future__ import annotations

import math

import pytest
import torch

from trials.data import load
from trials.measures.modes import (
    Assignment,
    assign_to_classes,
    assign_to_mixture,
    confidence_threshold,
    mode_scores,
)
from trials.options.data import Ring

RING = load(Ring())
UNIFORM = torch.full((8,), 1 / 8)


def ring_sample(num: int, seed: int, modes: list[int] | None = None, sigma: float = 0.01) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    chosen = torch.tensor(modes or list(range(8)))
    which = chosen[torch.randint(len(chosen), (num,), generator=stream)]
    return RING.mixture.means[which] + sigma * torch.randn(num, 2, generator=stream)


def ring_scores(points: torch.Tensor) -> dict[str, float]:
    return mode_scores(assign_to_mixture(points, RING.mixture), UNIFORM)[0]


def test_perfect_sampler_reaches_the_calibrated_values() -> None:
    """1 - exp(-9/2) = 98.89% within 3 sigma; reverse KL near its plug-in floor (K - 1) / 2N = 0.0014."""
    scores = [ring_scores(ring_sample(2500, seed)) for seed in range(40)]

    def mean(name: str) -> float:
        return sum(s[name] for s in scores) / len(scores)

    assert mean("high_quality") == pytest.approx(1 - math.exp(-4.5), abs=0.001)
    assert mean("reverse_kl") == pytest.approx(7 / 5000, rel=0.25)
    assert all(s["modes_covered"] == 8 for s in scores)
    assert mean("effective_modes") == pytest.approx(8, abs=0.03)


@pytest.mark.parametrize("modes", [[0], [1, 5], [0, 1, 2, 3]])
def test_partial_sampler(modes: list[int]) -> None:
    """A sampler of m of 8 modes: m covered, KL(p || uniform) = ln(8 / m), m effective modes."""
    scores = ring_scores(ring_sample(20_000, 0, modes))
    assert scores["modes_covered"] == len(modes)
    assert scores["reverse_kl"] == pytest.approx(math.log(8 / len(modes)), abs=0.001)
    assert scores["effective_modes"] == pytest.approx(len(modes), rel=0.001)


def test_wide_sampler_is_of_low_quality_but_not_collapsed() -> None:
    scores = ring_scores(ring_sample(20_000, 0, sigma=0.03))
    assert scores["high_quality"] == pytest.approx(1 - math.exp(-0.5), abs=0.01)
    assert scores["effective_modes"] > 7.9


def test_points_far_from_all_modes_cover_none() -> None:
    scores = ring_scores(torch.zeros(100, 2) + 0.3)
    assert scores["modes_covered"] == 0 and scores["high_quality"] == 0


def test_reverse_kl_against_unequal_frequencies() -> None:
    expected = torch.tensor([0.5, 0.25, 0.25])
    assignment = Assignment(torch.tensor([0, 0, 0, 1]), torch.ones(4, dtype=torch.bool))
    scores, histogram = mode_scores(assignment, expected)
    assert histogram == [3, 1, 0]
    assert scores["reverse_kl"] == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(1))


def test_classes_and_the_confidence_threshold() -> None:
    logits = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0)) * 3
    threshold = confidence_threshold(logits)
    assignment = assign_to_classes(logits, threshold)
    assert torch.equal(assignment.modes, logits.argmax(1))
    assert assignment.high_quality.double().mean() == pytest.approx(0.95, abs=0.002)


def test_held_out_digits_score_as_real_data_should(digits, digits_evaluator) -> None:
    ((scores, histogram),) = digits_evaluator.measure(digits.held_out.unsqueeze(0))
    assert scores["high_quality"] == pytest.approx(0.95, abs=0.002)
    assert scores["modes_covered"] == 10
    assert scores["fid"] == pytest.approx(0, abs=1e-3)
    assert scores["precision"] == scores["recall"] == 1
    assert sum(histogram) == len(digits.held_out)
    assert digits_evaluator.provenance.extractor_accuracy > 0.97


def test_one_class_of_real_digits_is_one_mode(digits, digits_evaluator) -> None:
    sevens = digits.train[digits.train_labels == 7].repeat(10, 1, 1, 1)
    ((scores, histogram),) = digits_evaluator.measure(sevens.unsqueeze(0))
    assert scores["effective_modes"] == pytest.approx(1, abs=0.2)
    assert max(range(10), key=histogram.__getitem__) == 7
    assert scores["recall"] < 0.2 and scores["precision"] > 0.8, "collapse: high precision, low recall"
    assert scores["fid"] > 10 * digits_evaluator.floor["fid"]

"""Mode measures: calibrated on samplers whose truth is known."""

from __future__ import annotations

import math

import pytest
import torch

from ganstudy.trials.config.data import Ring
from ganstudy.trials.data import Dataset, load
from ganstudy.trials.measures.base import Assignment
from ganstudy.trials.measures.mode_definition import _class_shares
from ganstudy.trials.measures.modes import (
    assign_to_classes,
    assign_to_mixture,
    confidence_threshold,
    mode_scores,
)

RING = load(Ring())
UNIFORM = torch.full((8,), 1 / 8)


def ring_sample(
    num: int, seed: int, modes: list[int] | None = None, sigma: float = 0.01
) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    chosen = torch.tensor(modes or list(range(8)))
    which = chosen[torch.randint(len(chosen), (num,), generator=stream)]
    return RING.mixture.means[which] + sigma * torch.randn(num, 2, generator=stream)


def ring_scores(points: torch.Tensor) -> dict[str, float]:
    return mode_scores(assign_to_mixture(points, RING.mixture), UNIFORM)[0]


def test_perfect_sampler_reaches_the_calibrated_values(conformance) -> None:
    """1 - exp(-9/2) = 98.89% within 3 sigma; reverse KL near its plug-in floor (K - 1) / 2N = 0.0014."""
    scores = [ring_scores(ring_sample(2500, seed)) for seed in range(40)]

    def mean(name: str) -> float:
        return sum(s[name] for s in scores) / len(scores)

    draws = "perfect ring, mean of 40 draws of 2,500"
    conformance(
        "measure high_quality",
        f"1 - exp(-9/2), {draws}",
        abs(mean("high_quality") - 1 + math.exp(-4.5)),
        0.001,
    )
    conformance(
        "measure reverse_kl",
        f"(K - 1) / 2N, {draws}",
        abs(mean("reverse_kl") / (7 / 5000) - 1),
        0.25,
    )
    conformance(
        "measure modes_covered", f"8, {draws}", max(abs(s["modes_covered"] - 8) for s in scores), 0
    )
    assert mean("effective_modes") == pytest.approx(8, abs=0.03)


@pytest.mark.parametrize("modes", [[0], [1, 5], [0, 1, 2, 3]])
def test_partial_sampler(modes: list[int], conformance) -> None:
    """A sampler of m of 8 modes: m covered, KL(p || uniform) = ln(8 / m), m effective modes."""
    scores = ring_scores(ring_sample(20_000, 0, modes))
    conformance(
        "measure modes_covered", "m of 8 modes", abs(scores["modes_covered"] - len(modes)), 0
    )
    deviation = abs(scores["reverse_kl"] - math.log(8 / len(modes)))
    conformance("measure reverse_kl", "ln(8 / m), m of 8 modes", deviation, 0.001)
    deviation = abs(scores["effective_modes"] / len(modes) - 1)
    conformance("measure effective_modes", "m of 8 modes", deviation, 0.001)


def test_wide_sampler_is_of_low_quality_but_not_collapsed() -> None:
    scores = ring_scores(ring_sample(20_000, 0, sigma=0.03))
    assert scores["high_quality"] == pytest.approx(1 - math.exp(-0.5), abs=0.01)
    assert scores["effective_modes"] > 7.9


def test_points_far_from_all_modes_cover_none() -> None:
    scores = ring_scores(torch.zeros(100, 2) + 0.3)
    assert scores["modes_covered"] == 0 and scores["high_quality"] == 0


def test_reverse_kl_against_unequal_frequencies(conformance) -> None:
    expected = torch.tensor([0.5, 0.25, 0.25])
    assignment = Assignment(torch.tensor([0, 0, 0, 1]), torch.ones(4, dtype=torch.bool))
    scores, histogram = mode_scores(assignment, expected)
    assert histogram == [3, 1, 0]
    by_hand = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(1)
    conformance(
        "measure reverse_kl",
        "by hand, unequal frequencies",
        abs(scores["reverse_kl"] - by_hand),
        1e-7,
    )


def test_classes_and_the_confidence_threshold() -> None:
    logits = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0)) * 3
    threshold = confidence_threshold(logits)
    assignment = assign_to_classes(logits, threshold)
    assert torch.equal(assignment.modes, logits.argmax(1))
    assert assignment.high_quality.double().mean() == pytest.approx(0.95, abs=0.002)


def test_held_out_digits_score_as_real_data_should(digits, digits_evaluator, conformance) -> None:
    ((scores, histogram),) = digits_evaluator.measure(digits.held_out.unsqueeze(0))
    conformance(
        "measure high_quality",
        "95% of held-out images, digits",
        abs(scores["high_quality"] - 0.95),
        0.002,
    )
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
    assert scores["recall"] < 0.2 and scores["precision"] > 0.8, (
        "collapse: high precision, low recall"
    )
    assert scores["fid"] > 10 * digits_evaluator.floor["fid"]


def test_a_class_that_chance_held_out_none_of_is_not_impossible() -> None:
    """Half an image in each class then: the reverse KL stays finite, and no healthy seed is taken for diverged."""
    pixels = torch.arange(8 * 16).reshape(8, 1, 4, 4).to(torch.uint8)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    made = Dataset(
        "rare", pixels[:6], pixels[6:], 4, train_labels=labels, held_out_labels=torch.tensor([0, 1])
    )
    shares = _class_shares(made, torch.tensor([1, 1, 0]))
    assert shares.tolist() == pytest.approx([1.5 / 3.5, 1.5 / 3.5, 0.5 / 3.5])
    assert _class_shares(made, torch.tensor([3, 1, 1])).tolist() == [0.6, 0.2, 0.2], (
        "else plain frequencies"
    )
    scores, _ = mode_scores(Assignment(labels, torch.ones(6, dtype=torch.bool)), shares)
    assert math.isfinite(scores["reverse_kl"])

"""k discriminator steps per generator step: exact, in the stated order, on every budget axis."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from trials.config import TrialConfig, as_ratio
from trials.step import discriminator_steps_due
from trials.trial import Trial


def order_of_updates(k: Fraction, generator_steps: int) -> str:
    """'D' and 'G' in the order in which they are made."""
    done, order = 0, ""
    for step in range(1, generator_steps + 1):
        due = discriminator_steps_due(k, step)
        order += "D" * (due - done) + "G"
        done = due
    return order


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, "DGDGDG"),
        (2, "DDGDDGDDG"),
        (0.5, "DGGDGG"),
        ("1/3", "DGGGDGGG"),
        ("3/2", "DDGDGDDGDG"),
        (5, "DDDDDGDDDDDG"),
    ],
)
def test_order_of_updates(k: object, expected: str) -> None:
    assert order_of_updates(as_ratio(k), expected.count("G")) == expected


@pytest.mark.parametrize("k", ["1/3", "2/3", "7/5", "0.1", "0.3333", "4.7", "12"])
def test_ratio_is_exact_over_any_number_of_steps(k: str) -> None:
    ratio = Fraction(k)
    for steps in (1, 10, 999, 10**6, 10**12 + 7):
        due = discriminator_steps_due(ratio, steps)
        assert due - 1 < ratio * steps <= due
    whole = ratio.denominator * 10**9
    assert discriminator_steps_due(ratio, whole) == ratio * whole


@pytest.mark.parametrize(
    ("unit", "amount", "k", "generator", "discriminator"),
    [
        ("generator_steps", 12, "1/2", 12, 6),
        ("generator_steps", 12, "3", 12, 36),
        ("discriminator_steps", 12, "3", 3, 12),
        ("updates", 12, "3", 3, 9),
        ("images", 12 * 16, "2", 5, 12),
    ],
)
def test_budget_axis(ring_evaluator, unit, amount, k, generator, discriminator) -> None:
    config = TrialConfig(
        data={"name": "ring"},
        model={"width": 8},
        batch_size=16,
        k=k,
        seeds=[0],
        budget={"unit": unit, "amount": amount},
        evaluations=3,
    )
    trial = Trial(config, ring_evaluator)
    while not trial.finished:
        trial.advance()
    assert (trial.counters.generator_steps, trial.counters.discriminator_steps) == (generator, discriminator)
    assert trial.counters.images == 16 * discriminator
    assert [row["evaluation"] for row in trial.history] == [1, 2, 3]


def test_budget_in_seconds_ends_and_counts_training_time(ring_evaluator) -> None:
    config = TrialConfig(
        data={"name": "ring"}, model={"width": 8}, seeds=[0], budget={"unit": "seconds", "amount": 0.3}, evaluations=2
    )
    trial = Trial(config, ring_evaluator)
    while not trial.finished:
        trial.advance()
    assert trial.counters.seconds >= 0.3
    assert trial.counters.updates == trial.counters.generator_steps + trial.counters.discriminator_steps > 0


def test_discriminator_step_leaves_the_generator_alone_and_the_other_way_round(ring_evaluator) -> None:
    config = TrialConfig(
        data={"name": "ring"}, model={"width": 8}, seeds=[0, 1], budget={"unit": "updates", "amount": 2}, evaluations=2
    )
    trial = Trial(config, ring_evaluator)
    before = {name: value.clone() for name, value in trial.tensors().items()}
    trial._update()
    middle = {name: value.clone() for name, value in trial.tensors().items()}
    trial._update()
    after = trial.tensors()
    for name in before:
        player, parameter = name.split(".", 1)
        if parameter.startswith("adam"):
            continue
        assert torch.equal(before[name], middle[name]) == (player == "generator"), name
        assert torch.equal(middle[name], after[name]) == (player == "discriminator"), name

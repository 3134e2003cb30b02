"""k discriminator steps per generator step: exact, in the stated order, on every budget axis."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch

from ganstudy.trials.config.k_ratio import MAX_RATIO, Schedule, as_schedule
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.training.trial import Trial


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "ring"},
        "model": {"name": "mlp", "width": 8},
        "batch_size": 16,
        "seeds": [0],
        "budget": {"unit": "updates", "amount": 2},
        "evaluations": 2,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


def order_of_updates(k: Schedule, generator_steps: int) -> str:
    """'D' and 'G' in the order in which they are made."""
    done, order = 0, ""
    for step in range(1, generator_steps + 1):
        due = k.discriminator_steps_due(step)
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
        ("3 until 2 then 1", "DDDGDDDGDGDG"),
        ("2 until 1 then 1/2", "DDGDGGDGG"),
        ("1/2 until 3 then 2", "DGGDGDDGDDG"),
        ("2 until 1 then 1 until 3 then 3", "DDGDGDGDDDG"),
    ],
)
def test_order_of_updates(k: object, expected: str) -> None:
    assert order_of_updates(as_schedule(k), expected.count("G")) == expected


@pytest.mark.parametrize("k", ["1/3", "2/3", "7/5", "0.1", "0.3333", "4.7", "12"])
def test_ratio_is_exact_over_any_number_of_steps(k: str) -> None:
    ratio, schedule = Fraction(k), as_schedule(k)
    for steps in (1, 10, 999, 10**6, 10**12 + 7):
        due = schedule.discriminator_steps_due(steps)
        assert due - 1 < ratio * steps <= due
    whole = ratio.denominator * 10**9
    assert schedule.discriminator_steps_due(whole) == ratio * whole


def test_a_schedule_is_the_sum_of_its_ratios_rounded_up_once() -> None:
    """Against the sum written out step by step; fractions carry over from one segment to the next."""
    schedule = as_schedule("5/3 until 7 then 0.3 until 100 then 7/5")
    ratios = [Fraction(5, 3)] * 7 + [Fraction(3, 10)] * 93 + [Fraction(7, 5)] * 300
    total = Fraction(0)
    for step, ratio in enumerate(ratios, start=1):
        total += ratio
        assert schedule.discriminator_steps_due(step) == -(-total.numerator // total.denominator)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (1, "1"),
        (1.0, "1"),
        ("2/4", "1/2"),
        (0.1, "1/10"),
        ("5 until 100 then 1", "5 until 100 then 1"),
        ("0.5 until 10 then 2/2", "1/2 until 10 then 1"),
        ("5 until 10 then 5 until 20 then 1", "5 until 20 then 1"),
        ("5 until 10 then 1 until 20 then 1", "5 until 10 then 1"),
        ("2 until 10 then 2", "2"),
        (Schedule(((3, Fraction(2)),), Fraction(1)), "2 until 3 then 1"),
    ],
)
def test_equal_schedules_have_one_text_and_one_digest(written: object, canonical: str) -> None:
    assert str(as_schedule(written)) == canonical
    assert as_schedule(canonical) == as_schedule(written), "the text reads back"
    assert config(k=written).digest == config(k=canonical).digest
    assert config(k=written).model_dump(mode="json")["k"] == canonical


def test_different_schedules_have_different_digests() -> None:
    texts = ["1", "2", "1/2", "5 until 100 then 1", "5 until 101 then 1", "5 until 100 then 2"]
    assert len({config(k=text).digest for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "k",
    [
        "5 until 100",
        "5 until 100 then",
        "then 1",
        "5 until 0 then 1",
        "5 until -3 then 1",
        "5 until 2.5 then 1",
        "5 until 20 then 3 until 10 then 1",
        "5 until 10 then 3 until 10 then 1",
        "5 for 10 then 1",
        "5 until 10 then 1 then 2",
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused(k: str) -> None:
    with pytest.raises(ValueError, match="a schedule of k reads '5 until 100 then 1'"):
        as_schedule(k)


@pytest.mark.parametrize("k", [0, -1, "0", "-1/2", "0 until 10 then 1", "1 until 10 then 0"])
def test_k_must_be_positive(k: object) -> None:
    with pytest.raises(ValueError, match="k must be > 0"):
        as_schedule(k)


@pytest.mark.parametrize(
    "k", [True, None, [1], "two", "1e3", "1/0", "nan", float("inf"), MAX_RATIO + 1, "1/1001"]
)
def test_what_is_no_ratio_is_refused(k: object) -> None:
    with pytest.raises(ValueError, match="k must be a number from 1/1000 to 1000 or a fraction"):
        as_schedule(k)


@pytest.mark.parametrize(
    ("unit", "amount", "k", "generator", "discriminator"),
    [
        ("generator_steps", 12, "1/2", 12, 6),
        ("generator_steps", 12, "3", 12, 36),
        ("generator_steps", 12, "3 until 4 then 1", 12, 20),
        ("discriminator_steps", 12, "3", 3, 12),
        ("updates", 12, "3", 3, 9),
        ("images", 12 * 16, "2", 5, 12),
    ],
)
def test_budget_axis(ring_evaluator, unit, amount, k, generator, discriminator) -> None:
    trial = Trial(
        config(k=k, budget={"unit": unit, "amount": amount}, evaluations=1), ring_evaluator
    )
    trial.advance()
    assert trial.finished
    assert (trial.counters.generator_steps, trial.counters.discriminator_steps) == (
        generator,
        discriminator,
    )
    assert trial.counters.images == 16 * discriminator


def test_evaluations_are_equally_spaced_on_the_budgets_axis(ring_evaluator) -> None:
    trial = Trial(
        config(k=3, budget={"unit": "generator_steps", "amount": 12}, evaluations=3), ring_evaluator
    )
    while not trial.finished:
        trial.advance()
    assert [(row.evaluation, row.cost["generator_steps"]) for row in trial.history] == [
        (1, 4),
        (2, 8),
        (3, 12),
    ]


def test_a_trial_makes_its_steps_in_the_order_of_the_schedule(
    ring_evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, order = Trial(config(k="3 until 2 then 1/2"), ring_evaluator), []
    for player in ("discriminator", "generator"):
        make_step = getattr(trial.trainer, f"{player}_step")
        monkeypatch.setattr(
            trial.trainer,
            f"{player}_step",
            lambda batch, p=player, m=make_step: (order.append(p[0].upper()), m(batch))[1],
        )
    for _ in range(14):
        trial.loop.train_step()
    assert "".join(order) == "DDDGDDDGDGGDGG"


def test_budget_in_seconds_ends_and_counts_training_time(ring_evaluator) -> None:
    trial = Trial(config(budget={"unit": "seconds", "amount": 0.3}, evaluations=1), ring_evaluator)
    trial.advance()
    assert trial.finished
    assert trial.counters.seconds >= 0.3
    assert (
        trial.counters.updates
        == trial.counters.generator_steps + trial.counters.discriminator_steps
        > 0
    )


def test_discriminator_step_leaves_the_generator_alone_and_the_other_way_round(
    ring_evaluator,
) -> None:
    trial = Trial(config(seeds=[0, 1]), ring_evaluator)
    before = {name: value.clone() for name, value in trial.tensors().items()}
    trial.loop.train_step()
    middle = {name: value.clone() for name, value in trial.tensors().items()}
    trial.loop.train_step()
    after = trial.tensors()
    gathered = ("norms.", "sum.")  # towards the next evaluation
    assert set(before) == {
        n for n in after if ".optimiser." not in n and not n.startswith("norms.")
    }
    for name in before:
        if name.startswith(gathered):
            continue
        player = name.split(".", 1)[0]
        assert torch.equal(before[name], middle[name]) == (player == "generator"), name
        assert torch.equal(middle[name], after[name]) == (player == "discriminator"), name


def test_progress_runs_from_nothing_to_the_whole_budget(ring_evaluator) -> None:
    trial = Trial(config(budget={"unit": "generator_steps", "amount": 4}), ring_evaluator)
    seen = []
    for _ in range(8):
        seen.append(trial.loop.next_batch("generator").context.progress)
        trial.loop.train_step()
    assert seen == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]

"""The memory that trials take together, estimated before they do: against counts by hand."""

from __future__ import annotations

import pytest
import torch

from ganstudy.study.tune.training import load_dataset, make_evaluator
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.training import lane_memory
from ganstudy.trials.training.lane_memory import trial_bytes, trials_that_fit

CPU = torch.device("cpu")


def config(width: int = 8, seeds: int = 3, **options: object) -> TrialConfig:
    return TrialConfig(
        **{
            "data": {"name": "ring"},
            "model": {"name": "mlp", "width": width, "latent_dim": 2},
            "measures": {"samples": 100, "game_steps": 0},
            "seeds": range(seeds),
            "budget": {"unit": "generator_steps", "amount": 10},
            "evaluations": 1,
            **options,
        }  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def evaluator():
    return make_evaluator(load_dataset(config().data), config().measures, None, "cpu")


def test_every_seed_takes_as_much(evaluator) -> None:
    one, six = (trial_bytes(config(seeds=n), evaluator, CPU) for n in (1, 6))
    assert six == pytest.approx(6 * one)


def test_large_networks_take_what_their_weights_do(evaluator) -> None:
    """Of 2,000 units: two players with one layer of 2,000 x 2,000 each, as floats of 4 bytes."""
    weights = 4 * 2 * 2000**2
    found = trial_bytes(config(width=2000, seeds=1, batch_size=4), evaluator, CPU)
    # Themselves, gradients, two moments and a copy at least; at most what all of a step's tensors add.
    assert 5 * weights < found < 40 * weights


def test_as_many_as_fit_into_half_of_what_is_free(evaluator, monkeypatch) -> None:
    each = 1e6
    monkeypatch.setattr(lane_memory, "trial_bytes", lambda *_: each)
    for trials in (0.3, 1.0, 3.0, 8.5):
        monkeypatch.setattr(lane_memory, "free_bytes", lambda _, n=trials: 2.001 * n * each)
        assert trials_that_fit(config(), evaluator, CPU) == max(1, int(trials))


def test_what_trains_later_draws_what_it_would_have_drawn(evaluator) -> None:
    torch.manual_seed(3)
    right = torch.rand(2)
    torch.manual_seed(3)
    trial_bytes(config(), evaluator, CPU)
    assert torch.equal(torch.rand(2), right)

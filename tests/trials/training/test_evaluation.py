"""What an evaluation says of the game and of a seed's trajectory, against the same written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.results.records import EvaluationRow
from ganstudy.trials.training.evaluation import game_diagnostics, trajectory_measures
from ganstudy.trials.training.trial import Trial

CPU = torch.device("cpu")
DIGITS = {"data": {"name": "digits"}, "evaluations": 1}


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "ring"},
        "model": {"name": "mlp", "latent_dim": 4, "width": 8},
        "batch_size": 16,
        "seeds": [0, 3],
        "budget": {"unit": "updates", "amount": 24},
        "evaluations": 2,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


@pytest.mark.parametrize(("loss", "probabilities"), [("non_saturating", True), ("hinge", False)])
def test_the_balance_of_the_game_is_that_of_single_outputs(loss: str, probabilities: bool) -> None:
    trainer = GanTrainer(config(loss=loss), (2,), False, CPU)
    real, fake = torch.randn(2, 16, 2), torch.randn(2, 16, 2)
    trainer.gradient_norms["generator"] += [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 8.0])]
    found = game_diagnostics(trainer, real, fake)
    assert found["gradient_norm_g"].tolist() == [2.0, 5.0] and "gradient_norm_d" not in found
    assert ("d_real" in found, "d_fake" in found) == (probabilities, probabilities)
    for seed in range(2):
        state = {
            name: value[seed].detach() for name, value in trainer.discriminator.state().items()
        }
        alone = trainer.discriminator.alone(state)
        with torch.no_grad():
            of_real, of_fake = alone(real[seed])[0], alone(fake[seed])[0]
        ahead = [float(r > f) for r in of_real for f in of_fake]
        assert found["d_auc"][seed].item() == pytest.approx(sum(ahead) / len(ahead))
        if probabilities:
            assert found["d_real"][seed].item() == pytest.approx(of_real.sigmoid().mean().item())
            assert found["d_fake"][seed].item() == pytest.approx(of_fake.sigmoid().mean().item())


def test_an_evaluation_begins_a_new_interval(ring_evaluator: Any) -> None:
    """Losses and gradient norms are means since the evaluation before."""
    trial = Trial(config(), ring_evaluator)
    for _ in range(2):
        losses = []
        step = trial.loop.accumulate_loss
        trial.loop.accumulate_loss = lambda player, loss, step=step, losses=losses: (  # type: ignore[method-assign]
            losses.append((player, loss)),
            step(player, loss),
        )[1]
        rows = trial.advance().rows
        trial.loop.accumulate_loss = step  # type: ignore[method-assign]
        assert len(losses) == 12
        for player, column in (("discriminator", "loss_d"), ("generator", "loss_g")):
            mean = torch.stack([loss for of, loss in losses if of == player]).mean(0)
            assert [row.measures[column] for row in rows] == pytest.approx(mean.tolist(), rel=1e-5)
        assert set(trial.loop.loss_counts.values()) == {0}
        assert not any(trial.trainer.gradient_norms.values())


def test_a_diverged_seed_moves_no_more() -> None:
    rows = [
        EvaluationRow(0, 1, True, {"loss_g": 1.0, "fid": 2.0}, [9, 1]),
        EvaluationRow(0, 2, True, {"loss_g": 1.5, "fid": 3.0}, [1, 9]),
    ]
    assert trajectory_measures(rows, 6)["movement"] == pytest.approx(0.8)
    diverged = EvaluationRow(0, 3, False, {"loss_g": None, "fid": None}, None)
    assert set(trajectory_measures([*rows, diverged], 6).values()) == {None}


def test_pictures_of_unlike_seeds_and_trials_show_the_same_latents(digits_evaluator: Any) -> None:
    trials = [Trial(config(**DIGITS, seeds=seeds), digits_evaluator) for seeds in ([0, 3], [100])]
    shown = [trial.evaluation.shown_latents for trial in trials]
    assert shown[0].shape == (2, 20, 4)
    assert torch.equal(shown[0][0], shown[0][1]) and torch.equal(shown[0][:1], shown[1])
    # One generator for all: then the images are the same too, and those that are scored are not.
    for trial in trials:
        state = trials[0].trainer.generator.state()
        lanes = len(trial.config.seeds)
        trial.trainer.generator.load_state(
            {name: value[:1].expand(lanes, *value.shape[1:]) for name, value in state.items()}
        )
    samples = [trial.evaluation.sample(trial.trainer) for trial in trials]
    pictures = [
        trial.evaluation.shown(trial.trainer, own)
        for trial, own in zip(trials, samples, strict=True)
    ]
    torch.testing.assert_close(pictures[0], pictures[1].expand(2, -1, -1, -1, -1))
    assert not torch.allclose(samples[0][0], samples[0][1])


def test_beside_the_last_pictures_are_the_nearest_training_images(digits_evaluator: Any) -> None:
    trial = Trial(config(**(DIGITS | {"evaluations": 2})), digits_evaluator)
    first, last = trial.advance(), trial.advance()
    assert first.grid_png and first.nearest_png is None and last.nearest_png
    shown = trial.evaluation.shown(trial.trainer, trial.evaluation.sample(trial.trainer))[0]
    train = as_float(digits_evaluator.dataset.train)
    nearest = [
        min(range(len(train)), key=lambda i: float((train[i] - image).square().sum()))
        for image in shown[:4]
    ]
    found = digits_evaluator.nearest_training(shown[:4])
    torch.testing.assert_close(found, train[nearest])
    # An image that is one of them is nearest to itself; beside one that is not finite there is none.
    gone = torch.cat([train[7:8], torch.full_like(train[:1], torch.nan)])
    found = digits_evaluator.nearest_training(gone)
    assert torch.equal(found[0], train[7]) and found[1].isnan().all()

"""The measures of the game at the end of a trial: training never notices, and seeds stay apart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.ensemble.streams import Batches, Latents
from ganstudy.trials.gan import duality_gap as module
from ganstudy.trials.gan.duality_gap import players_gains
from ganstudy.trials.gan.end_of_training import end_of_training_measures
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.networks.base import Networks
from ganstudy.trials.networks.mlp import mlp
from ganstudy.trials.training.trial import Trial

CPU = torch.device("cpu")


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {"name": "mlp", "latent_dim": 4, "width": 16},
        "batch_size": 32,
        "lr_d": 1e-3,
        "lr_g": 1e-3,
        "seeds": [0, 1, 7],
        "budget": {"unit": "updates", "amount": 100},
    }
    return TrialConfig(**(values | changes))


@pytest.fixture(autouse=True)
def few_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCORED", 128)


def train(trainer: GanTrainer, data: Any, first: int, last: int) -> None:
    """Generator steps `first` to `last`, each after one step of the discriminator, as a trial makes them."""
    c = trainer.config
    batches = Batches(c.seeds, "batches", len(data.train), c.batch_size, CPU)
    latents = Latents(c.seeds, "latents", c.batch_size, c.model.latent_dim, CPU)
    for step in range(first, last):
        real = as_float(data.train[batches.at(step)])
        trainer.discriminator_step(
            Batch(real, latents.at(step), StepContext("discriminator", step, 0.5, c.seeds, CPU))
        )
        trainer.generator_step(
            Batch(real, latents.at(step), StepContext("generator", step, 0.5, c.seeds, CPU))
        )


def everything(trainer: GanTrainer) -> list[Tensor]:
    """All that training depends on or has noted."""
    held = [value for ensemble in trainer.players.values() for value in ensemble.state().values()]
    held += [
        v
        for o in trainer.optimisers.values()
        for s in o.state_dict()["state"].values()
        for v in s.values()
    ]
    held += [value for remedy in trainer.remedies for value in remedy.state().values()]
    held += [norm for norms in trainer.gradient_norms.values() for norm in norms]
    return [*(value.detach() for value in held), torch.get_rng_state()]


def dropping(model: Any, shape: tuple[int, ...], bounded: bool) -> Networks:
    plain = mlp(model, shape, bounded)
    return Networks(lambda: nn.Sequential(plain.generator(), nn.Dropout(0.2)), plain.discriminator)


BATCH_NORM = {"name": "mlp", "latent_dim": 4, "width": 16, "batch_norm": True}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "model": BATCH_NORM,
            "optimiser": "rmsprop",
            "remedies": ["r1", "one_sided_label_smoothing"],
        },
        {"remedies": ["historical_averaging", "generator_ema", "lecam"]},
        {
            "remedies": ["unrolled_discriminator", "minibatch_discrimination"],
            "remedy_options": {"unrolled_discriminator": {"steps": 1}},
        },
        {"remedies": ["extragradient", "diff_augment"]},
        {"remedies": ["optimistic_adam", "spectral_normalisation", "packing"]},
        {
            "model": BATCH_NORM,
            "remedies": ["feature_matching", "virtual_batch_normalisation", "instance_noise"],
        },
        {"loss": "wasserstein", "optimiser": "sgd"},
        {"loss": "wasserstein_gp", "model": BATCH_NORM},
        {"loss": "relativistic_average"},
        {"dropout": True},
    ],
    ids=lambda changes: " ".join(str(value) for value in changes.values()) or "plain",
)
def test_training_goes_on_as_if_nothing_had_been_measured(digits, changes, monkeypatch) -> None:
    changes = dict(changes)
    if changes.pop("dropout", False):
        monkeypatch.setattr("ganstudy.trials.networks.mlp.mlp", dropping)
    watched, measured = (
        GanTrainer(config(**changes), digits.shape, digits.bounded, CPU) for _ in range(2)
    )
    for trainer in (watched, measured):
        train(trainer, digits, 0, 3)
    before = [value.clone() for value in everything(measured)]
    scores = end_of_training_measures(measured, digits, steps=2)
    assert all(torch.isfinite(values).all() and values.shape == (3,) for values in scores.values())
    for value, same in zip(everything(measured), before, strict=True):
        assert torch.equal(value, same)
    for trainer in (watched, measured):
        train(trainer, digits, 3, 5)
    for value, same in zip(everything(measured), everything(watched), strict=True):
        assert torch.equal(value, same)


def test_the_gap_of_a_plain_torch_loop(digits, conformance) -> None:
    """The same searches and scores as everyone writes them: no stacking, no vmap, no fused optimiser."""
    steps, num, trainer = 30, 4, GanTrainer(config(seeds=[5]), digits.shape, digits.bounded, CPU)
    train(trainer, digits, 0, 20)

    def players() -> tuple[nn.Module, nn.Module]:
        built = mlp(trainer.config.model, digits.shape, True)
        made = built.generator(), built.discriminator(digits.shape)
        for network, ensemble in zip(made, (trainer.generator, trainer.discriminator), strict=True):
            network.load_state_dict(
                {name: value[0].detach() for name, value in ensemble.state().items()}
            )
        return made

    def batch(name: str, data: Tensor, t: int) -> tuple[Tensor, Tensor]:
        order = Batches([5], f"duality_gap/{name}/batches", len(data), 32, CPU)
        return data[order.at(t)[0]], Latents([5], f"duality_gap/{name}/latents", 32, 4, CPU).at(t)[
            0
        ]

    def value(generator: nn.Module, discriminator: nn.Module, real: Tensor, z: Tensor) -> Tensor:
        log_d, log_not_d = (
            F.logsigmoid(discriminator(real)[0]),
            F.logsigmoid(-discriminator(generator(z))[0]),
        )
        return log_d.mean() + log_not_d.mean()

    searched, scored = module._halves(digits.held_out)
    answers = {}
    for player, sign in (("generator", 1), ("discriminator", -1)):
        pair = players()
        answers[player] = pair
        own = pair[0] if player == "generator" else pair[1]
        optimiser = torch.optim.Adam(
            own.parameters(), 1e-3, (0.5, 0.999), foreach=False, fused=False
        )
        for t in range(steps):
            optimiser.zero_grad()
            (sign * value(*pair, *batch(player, searched, t))).backward()
            optimiser.step()
    best, worst, gap = answers["discriminator"], answers["generator"], 0.0
    for t in range(steps, steps + num):
        with torch.no_grad():
            of_batch = batch("scored", scored, t)
            gap += float(value(*best, *of_batch) - value(*worst, *of_batch)) / num
    found = end_of_training_measures(trainer, digits, steps)["duality_gap"].item()
    assert gap > 0.1
    conformance("measure duality_gap", "plain torch loop", abs(found - gap), 1e-4)


def test_a_seed_in_a_pack_measures_as_alone(digits, conformance) -> None:
    found = []
    for seeds in ([0, 1, 7], [7]):
        trainer = GanTrainer(
            config(seeds=seeds, remedies=["instance_noise"]), digits.shape, digits.bounded, CPU
        )
        train(trainer, digits, 0, 20)
        found.append(torch.stack(players_gains(trainer, digits, steps=30))[:, -1])
    conformance(
        "measure duality_gap", "one seed alone", (found[0] - found[1]).abs().max().item(), 1e-4
    )


def test_a_diverged_seed_has_no_gap_and_leaves_the_others_alone(digits) -> None:
    healthy, poisoned = (GanTrainer(config(), digits.shape, digits.bounded, CPU) for _ in range(2))
    for trainer in (healthy, poisoned):
        train(trainer, digits, 0, 2)
    with torch.no_grad():
        next(iter(poisoned.generator.parameters.values()))[1].fill_(float("nan"))
    expected, found = (
        end_of_training_measures(healthy, digits, steps=5),
        end_of_training_measures(poisoned, digits, steps=5),
    )
    for name, values in found.items():
        assert values.isfinite().tolist() == [True, False, True], name
        assert values[[0, 2]] == pytest.approx(expected[name][[0, 2]], rel=1e-3, abs=1e-6), name


def test_bytes_measure_as_the_floats_that_they_stand_for(digits) -> None:
    images = ((digits.train + 1) * 127.5).round().to(torch.uint8)
    stored: list[Any] = [
        SimpleNamespace(
            train=values, held_out=values, shape=digits.shape, bounded=True, mirror=False
        )
        for values in (images, as_float(images))
    ]
    trainer = GanTrainer(config(), digits.shape, digits.bounded, CPU)
    train(trainer, digits, 0, 2)
    for one, other in zip(
        *(end_of_training_measures(trainer, data, steps=3).values() for data in stored), strict=True
    ):
        assert torch.equal(one, other)


def test_all_remedies_are_measured_in_one_game(digits) -> None:
    """What they add to the losses is no part of the game's value."""
    gaps = []
    for remedies in (
        [],
        ["r1", "one_sided_label_smoothing", "feature_matching", "historical_averaging"],
    ):
        trainer = GanTrainer(config(remedies=remedies), digits.shape, digits.bounded, CPU)
        gaps.append(torch.stack(players_gains(trainer, digits, steps=10)))
    assert torch.equal(*gaps)


def test_a_trial_measures_its_game_once_at_the_end(ring_evaluator) -> None:
    for steps in (5, 0):
        trial = Trial(
            config(data={"name": "ring"}, evaluations=2, measures={"game_steps": steps}),
            ring_evaluator,
        )
        trial.loop.train_step()
        found = []
        for index in (1, 2):
            measured = trial.evaluation.end_of_training(trial.trainer, index)
            found.append({name: len(values) for name, values in measured.items()})
        all_three = dict.fromkeys(("duality_gap", "path_attraction", "path_rotation"), 3)
        assert found == [{}, all_three if steps else {}]

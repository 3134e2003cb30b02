"""A pack of seeds gives every seed the numbers that it would have alone, with every remedy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganstudy.trials import networks
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import StepContext
from ganstudy.trials.ensemble.streams import Batches, Latents, derive, fixed_latents
from ganstudy.trials.networks.base import Networks
from ganstudy.trials.networks.mlp import mlp
from ganstudy.trials.training.trial import Trial

CPU = torch.device("cpu")
THREE = ["feature_matching", "packing", "spectral_normalisation"]
SETS = {"none": [], **{name: [name] for name in REMEDIES}, "three": THREE}
OPTIONS = {
    "lecam": {"start": 2},
    "unrolled_discriminator": {"steps": 2},
    "virtual_batch_normalisation": {"reference": 8},
    "generator_ema": {"decay": 0.9},
}


def config(names: list[str] | None = None, **changes: Any) -> TrialConfig:
    names = names or []
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {
            "name": "mlp",
            "latent_dim": 8,
            "width": 16,
            "batch_norm": "virtual_batch_normalisation" in names or "generator_ema" in names,
        },
        "batch_size": 16,
        "lr_d": 1e-3,
        "lr_g": 1e-3,
        "seeds": [0, 1, 7],
        "remedies": names,
        "remedy_options": {name: OPTIONS.get(name, {}) for name in names},
        "budget": {"unit": "generator_steps", "amount": 200},
        "evaluations": 1,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


def train(trial: Trial, generator_steps: int) -> Trial:
    while trial.counters.generator_steps < generator_steps:
        trial.loop.train_step()
    return trial


def largest_difference(ensemble: Trial, other: Trial, index: int, other_index: int) -> float:
    """Over all parameters and buffers of one seed."""
    differences = [
        (value[index].double() - other.trainer.players[player].state()[name][other_index].double())
        .abs()
        .max()
        for player, members in ensemble.trainer.players.items()
        for name, value in members.state().items()
    ]
    return float(torch.stack(differences).max().detach())


def alone_and_together(evaluator: Any, names: list[str], steps: int) -> float:
    ensemble = train(Trial(config(names), evaluator), steps)
    alone = train(Trial(config(names, seeds=[7]), evaluator), steps)
    assert not ensemble.trainer.fallbacks()
    latents = ensemble.evaluation.latents[:, :50]
    samples = (
        (ensemble.trainer.sample(latents)[2] - alone.trainer.sample(latents[2:])[0])
        .abs()
        .max()
        .item()
    )
    return max(samples, largest_difference(ensemble, alone, 2, 0))


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_a_seed_in_a_pack_trains_as_alone(
    digits_evaluator, names: list[str], conformance: Any
) -> None:
    entry = f"pack, {'+'.join(names) or 'no remedy'}"
    conformance(
        entry, "the seed alone, 8 steps", alone_and_together(digits_evaluator, names, 8), 1e-4
    )


UNLIKE_OTHERS = (
    "none",
    "minibatch_discrimination",
    "virtual_batch_normalisation",
    "spectral_normalisation",
    "three",
)
"""Those that see other samples of the batch, or keep a state of their own; the rest is for `make test-exhaustive`."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(names, id=key, marks=() if key in UNLIKE_OTHERS else pytest.mark.exhaustive)
        for key, names in SETS.items()
    ],
)
def test_a_seed_in_a_pack_trains_as_alone_for_long(
    digits_evaluator, names: list[str], conformance: Any
) -> None:
    entry = f"pack, {'+'.join(names) or 'no remedy'}"
    conformance(
        entry, "the seed alone, 200 steps", alone_and_together(digits_evaluator, names, 200), 1e-3
    )


class PlainLoop:
    """The same GAN as everyone writes it: no stacking, no vmap, no fused optimiser."""

    def __init__(self, chosen: TrialConfig, digits: Any, steps: int) -> None:
        with torch.random.fork_rng():
            built = networks.build(chosen.model, digits.shape, True)
            torch.manual_seed(derive(5, "initialisation", "generator"))
            self.generator = built.generator()
            torch.manual_seed(derive(5, "initialisation", "discriminator"))
            self.discriminator = built.discriminator(digits.shape)
        self.losses: dict[str, list[float]] = {"d": [], "g": []}
        self.norms: dict[str, list[float]] = {"d": [], "g": []}
        opt_g = torch.optim.Adam(
            self.generator.parameters(), 1e-3, (0.5, 0.999), foreach=False, fused=False
        )
        opt_d = torch.optim.Adam(
            self.discriminator.parameters(), 1e-3, (0.5, 0.999), foreach=False, fused=False
        )
        z_d, z_g = (
            Latents([5], f"latents/{player}", 16, 8, CPU)
            for player in ("discriminator", "generator")
        )
        batches = Batches([5], "batches/discriminator", len(digits.train), 16, CPU)
        for t in range(steps):
            real, fake = digits.train[batches.at(t)[0]], self.generator(z_d.at(t)[0]).detach()
            loss = (
                F.softplus(-self.discriminator(real)[0]).mean()
                + F.softplus(self.discriminator(fake)[0]).mean()
            )
            self._step("d", opt_d, loss)
            loss = F.softplus(-self.discriminator(self.generator(z_g.at(t)[0]))[0]).mean()
            self._step("g", opt_g, loss)

    def _step(self, player: str, optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        own = [p for group in optimiser.param_groups for p in group["params"]]
        self.losses[player].append(loss.item())
        self.norms[player].append(
            math.sqrt(sum(p.grad.double().square().sum().item() for p in own))
        )
        optimiser.step()


def test_a_pack_trains_as_a_plain_torch_loop(digits, digits_evaluator, conformance: Any) -> None:
    chosen = config(seeds=[5])
    trial, plain = train(Trial(chosen, digits_evaluator), 200), PlainLoop(chosen, digits, 200)
    for module, ensemble in (
        (plain.generator, trial.trainer.generator),
        (plain.discriminator, trial.trainer.discriminator),
    ):
        for name, value in module.named_parameters():
            deviation = (value - ensemble.parameters[name][0]).abs().max().item()
            conformance("pack, no remedy", "a plain torch loop, 200 steps", deviation, 1e-3)


def test_what_is_told_of_the_game_is_what_a_plain_loop_sees(
    digits, digits_evaluator, conformance: Any
) -> None:
    """Losses: the mean of all steps since the last evaluation; norms: of every tenth; D: after the last."""
    chosen = config(seeds=[5], budget={"unit": "generator_steps", "amount": 30}, evaluations=2)
    trial, plain = Trial(chosen, digits_evaluator), PlainLoop(chosen, digits, 30)
    rows = [trial.advance().rows[0].measures for _ in range(2)]
    for row, since in zip(rows, (slice(0, 15), slice(15, 30)), strict=True):
        due = [step for step in range(30)[since] if step % 10 == 0]
        for player in ("d", "g"):
            expected = {
                f"loss_{player}": np.mean(plain.losses[player][since]),
                f"gradient_norm_{player}": np.mean([plain.norms[player][step] for step in due]),
            }
            for name, value in expected.items():
                conformance(
                    f"measure {name}",
                    "a plain torch loop, 30 steps",
                    abs(row[name] / value - 1),
                    1e-4,
                )
    latents = fixed_latents([5], "latents/evaluation", digits_evaluator.num_generated, 8, "normal")[
        0, :16
    ]
    with torch.no_grad():
        real, fake = (
            plain.discriminator(x)[0] for x in (digits.train[:16], plain.generator(latents))
        )
    for name, logits in (("d_real", real), ("d_fake", fake)):
        deviation = abs(rows[-1][name] - logits.sigmoid().mean().item())
        conformance(f"measure {name}", "a plain torch loop, 30 steps", deviation, 1e-4)


# --- a seed that diverges


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_a_diverged_seed_does_not_touch_the_others(digits_evaluator, names: list[str]) -> None:
    healthy, poisoned = (
        Trial(config(names), digits_evaluator),
        Trial(config(names), digits_evaluator),
    )
    with torch.no_grad():
        for value in poisoned.trainer.generator.parameters.values():
            value[1].fill_(float("nan"))
    train(healthy, 3), train(poisoned, 3)
    assert poisoned.trainer.finite().tolist() == [True, False, True]
    for index in (0, 2):
        assert largest_difference(healthy, poisoned, index, index) < 1e-6


def test_a_diverged_seed_stays_a_row(digits_evaluator) -> None:
    chosen = config(budget={"unit": "generator_steps", "amount": 20}, evaluations=2)
    healthy, poisoned = Trial(chosen, digits_evaluator), Trial(chosen, digits_evaluator)
    with torch.no_grad():
        poisoned.trainer.generator.parameters["0.weight"][1].fill_(float("nan"))
    reference, evaluation = healthy.advance(), poisoned.advance()
    assert [row.verdict == "diverged" for row in evaluation.rows] == [False, True, False]
    assert evaluation.rows[1].measures["fid"] is None and evaluation.rows[1].seed == 1
    for index in (0, 2):
        for measure in ("fid", "loss_d", "precision", "d_fake"):
            assert evaluation.rows[index].measures[measure] == pytest.approx(
                reference.rows[index].measures[measure], rel=1e-3
            )
    assert not poisoned.finished


def test_a_trial_ends_when_no_seed_is_finite_any_more(digits_evaluator) -> None:
    trial = Trial(
        config(budget={"unit": "generator_steps", "amount": 20}, evaluations=10), digits_evaluator
    )
    with torch.no_grad():
        trial.trainer.discriminator.parameters["head.bias"].fill_(float("inf"))
    evaluation = trial.advance()
    assert trial.finished and evaluation.index == 1
    assert evaluation.verdicts() == {"diverged": 3}


# --- what vmap cannot take


class Stubborn(nn.Module):
    """A layer that vmap cannot take: its result decides which way Python goes."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 2 if bool(inputs.sum() > 0) else inputs


def begin_with(layer: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, multilayer perceptrons generate from latents that went through `layer`."""

    def build(*arguments: Any) -> Networks:
        built = mlp(*arguments)
        return Networks(lambda: nn.Sequential(layer, built.generator()), built.discriminator)

    monkeypatch.setattr("ganstudy.trials.networks.mlp.mlp", build)


def test_what_vmap_cannot_take_runs_in_a_loop_and_says_so(
    digits_evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(Stubborn(), monkeypatch)
    trial = Trial(config(budget={"unit": "generator_steps", "amount": 4}), digits_evaluator)
    assert trial.trainer.generator.fallback and not trial.trainer.discriminator.fallback
    (note,) = trial.advance().notes
    assert "generator" in note and "loop" in note


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_the_loop_gives_the_same_numbers_as_the_pack(digits_evaluator, names: list[str]) -> None:
    packed, looped = Trial(config(names), digits_evaluator), Trial(config(names), digits_evaluator)
    for members in looped.trainer.players.values():
        members._mapped = False
    train(packed, 4), train(looped, 4)
    assert max(largest_difference(packed, looped, index, index) for index in range(3)) < 1e-4


def test_dropout_draws_by_seed_and_step(digits_evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random numbers in a forward pass: the same alone, in a pack and after going on; others at every step."""
    begin_with(nn.Dropout(0.3), monkeypatch)
    ensemble = train(Trial(config(), digits_evaluator), 20)
    assert ensemble.trainer.generator.fallback
    alone = train(Trial(config(seeds=[7]), digits_evaluator), 20)
    assert largest_difference(ensemble, alone, 2, 0) < 1e-4
    torch.manual_seed(12345)
    again = train(Trial(config(), digits_evaluator), 20)
    assert max(largest_difference(ensemble, again, index, index) for index in range(3)) == 0
    latents, images = torch.ones(3, 4, 8), []
    for step in (1, 2, 1):
        ensemble.trainer.generator.begin_step(step)
        images.append(ensemble.trainer.generator(latents))
    assert torch.equal(images[0], images[2]) and not torch.equal(images[0], images[1])
    assert torch.equal(ensemble.trainer.sample(latents), ensemble.trainer.sample(latents)), (
        "none in samples"
    )


def test_batch_norm_statistics_stay_per_seed() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    ensemble = SeedEnsemble(build, [0, 1], "bn", CPU, torch.zeros(8, 3))
    before = {name: value.clone() for name, value in ensemble.buffers.items()}
    assert all(
        torch.equal(value, torch.zeros_like(value))
        for n, value in before.items()
        if n.endswith("mean")
    )
    inputs = torch.stack([torch.zeros(8, 3), torch.ones(8, 3)])
    ensemble(inputs, keep_buffers=True)
    assert all(torch.equal(value, ensemble.buffers[name]) for name, value in before.items())
    ensemble(inputs)
    means = ensemble.buffers["1.running_mean"]
    assert not torch.allclose(means[0], means[1])


# --- common random numbers


@pytest.mark.parametrize("names", [*SETS.values()][1::4], ids=[*SETS][1::4])
def test_every_remedy_meets_the_same_data_and_latents(digits_evaluator, names: list[str]) -> None:
    plain, treated = Trial(config(), digits_evaluator), Trial(config(names, k=3), digits_evaluator)
    for player in ("discriminator", "generator"):
        for t in (0, 40, 99):
            assert torch.equal(plain.loop.batches[player].at(t), treated.loop.batches[player].at(t))
            assert torch.equal(plain.loop.latents[player].at(t), treated.loop.latents[player].at(t))
    assert torch.equal(plain.evaluation.latents, treated.evaluation.latents)


def test_streams_depend_on_the_seed_alone() -> None:
    for kind in ("normal", "uniform"):
        together, alone = Latents([3, 4], "a", 5, 2, CPU, kind), Latents([4], "a", 5, 2, CPU, kind)
        assert torch.equal(together.at(77)[1], alone.at(77)[0])
        assert not torch.equal(together.at(77)[0], together.at(77)[1])
        assert not torch.equal(alone.at(77), alone.at(78))
        assert not torch.equal(alone.at(0), Latents([4], "b", 5, 2, CPU, kind).at(0))


def test_a_moments_numbers_depend_on_seed_player_step_and_name() -> None:
    def context(
        player: Any = "generator", step: int = 3, seeds: tuple[int, ...] = (4, 5)
    ) -> StepContext:
        return StepContext(player, step, 0.0, seeds, CPU)

    here = context().uniform("a", 6)
    assert torch.equal(here, context().uniform("a", 6))
    assert torch.equal(here[1:], context(seeds=(5,)).uniform("a", 6))
    others = [context(step=4), context("discriminator"), context(seeds=(5, 4))]
    assert not any(torch.equal(here, other.uniform("a", 6)) for other in others)
    assert not torch.equal(here, context().uniform("b", 6))


def test_every_image_is_met_once_per_epoch() -> None:
    batches = Batches([0, 1], "x", num_images=10, batch=4, device=CPU)
    met = torch.cat([batches.at(t) for t in range(5)], dim=1)
    for order in met:
        assert sorted(order[:10].tolist()) == sorted(order[10:].tolist()) == list(range(10))
    assert torch.equal(batches.at(1), met[:, 4:8]), "addressed by position, not advanced"

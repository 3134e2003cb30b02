"""A pack of seeds gives every seed the numbers that it would have alone."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trials import step
from trials.config import REMEDIES, TrialConfig
from trials.networks import NETWORKS, Networks, mlp
from trials.pack import Pack
from trials.streams import Batches, Latents, derive
from trials.trial import Trial

CPU = torch.device("cpu")
SETS = [list(names) for names in chain.from_iterable(combinations(REMEDIES, size) for size in range(4))]


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {"latent_dim": 8, "width": 16},
        "batch_size": 16,
        "lr_d": 1e-3,
        "lr_g": 1e-3,
        "k": 2,
        "seeds": [0, 1, 7],
        "budget": {"unit": "generator_steps", "amount": 200},
        "evaluations": 1,
    }
    return TrialConfig(**(values | changes))


def train(trial: Trial, generator_steps: int) -> Trial:
    while trial.counters.generator_steps < generator_steps:
        trial._update()
    return trial


def largest_difference(pack: Trial, alone: Trial, index: int) -> float:
    differences = [
        (value[index] - alone.game.players[player].parameters[name][0]).abs().max()
        for player, members in pack.game.players.items()
        for name, value in members.parameters.items()
    ]
    return float(torch.stack(differences).max().detach())


@pytest.mark.parametrize("names", SETS, ids=lambda names: "+".join(names) or "none")
def test_a_seed_in_a_pack_trains_as_alone(digits_evaluator, names: list[str]) -> None:
    pack = train(Trial(config(remedies=names), digits_evaluator), 60)
    alone = train(Trial(config(remedies=names, seeds=[7]), digits_evaluator), 60)
    assert largest_difference(pack, alone, index=2) < 1e-4


def test_a_pack_trains_as_a_plain_torch_loop(digits, digits_evaluator) -> None:
    """The same GAN as everyone writes it: no stacking, no vmap, no fused optimiser."""
    chosen = config(seeds=[5], k=1)
    trial = train(Trial(chosen, digits_evaluator), 200)
    with torch.random.fork_rng():
        networks = NETWORKS["mlp"](chosen.model, digits.shape, True)
        torch.manual_seed(derive(5, "initialisation", "generator"))
        generator = networks.generator()
        torch.manual_seed(derive(5, "initialisation", "discriminator"))
        discriminator = networks.discriminator()
    opt_g = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999), foreach=False, fused=False)
    opt_d = torch.optim.Adam(discriminator.parameters(), 1e-3, (0.5, 0.999), foreach=False, fused=False)
    z_d, z_g = (Latents([5], f"latents/{player}", 16, 8, CPU) for player in ("discriminator", "generator"))
    batches = Batches([5], "batches/discriminator", len(digits.train), 16, CPU)
    for t in range(200):
        real, fake = digits.train[batches.at(t)[0]], generator(z_d.at(t)[0]).detach()
        loss = F.softplus(-discriminator(real)[0]).mean() + F.softplus(discriminator(fake)[0]).mean()
        opt_d.zero_grad()
        loss.backward()
        opt_d.step()
        loss = F.softplus(-discriminator(generator(z_g.at(t)[0]))[0]).mean()
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
    for module, pack in ((generator, trial.game.generator), (discriminator, trial.game.discriminator)):
        for name, value in module.named_parameters():
            assert torch.allclose(value, pack.parameters[name][0], atol=1e-3), name


@pytest.mark.parametrize("names", SETS, ids=lambda names: "+".join(names) or "none")
def test_a_diverged_seed_stays_a_row_and_does_not_touch_the_others(digits_evaluator, names: list[str]) -> None:
    chosen = config(remedies=names, budget={"unit": "generator_steps", "amount": 20}, evaluations=2)
    healthy, poisoned = Trial(chosen, digits_evaluator), Trial(chosen, digits_evaluator)
    with torch.no_grad():
        poisoned.game.generator.parameters["0.weight"][1].fill_(float("nan"))
    reference, evaluation = healthy.advance(), poisoned.advance()
    assert [row["verdict"] == "diverged" for row in evaluation.rows] == [False, True, False]
    assert evaluation.rows[1]["fid"] is None and evaluation.rows[1]["seed"] == 1
    for index in (0, 2):
        for measure in ("fid", "loss_d", "precision", "d_fake"):
            assert evaluation.rows[index][measure] == pytest.approx(reference.rows[index][measure], rel=1e-3)
    assert not poisoned.finished


def test_a_trial_ends_when_no_seed_is_finite_any_more(digits_evaluator) -> None:
    trial = Trial(config(budget={"unit": "generator_steps", "amount": 20}, evaluations=10), digits_evaluator)
    with torch.no_grad():
        trial.game.discriminator.parameters["head.bias"].fill_(float("inf"))
    evaluation = trial.advance()
    assert trial.finished and evaluation.index == 1
    assert evaluation.verdicts() == {"diverged": 3}


class Stubborn(nn.Module):
    """A layer that vmap cannot take: its result decides which way Python goes."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 2 if bool(inputs.sum() > 0) else inputs


def stubborn(model: Any, shape: tuple[int, ...], bounded: bool) -> Networks:
    plain = mlp(model, shape, bounded)
    return Networks(lambda: nn.Sequential(Stubborn(), plain.generator()), plain.discriminator)


def test_what_vmap_cannot_take_runs_in_a_loop_and_says_so(digits_evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(step.NETWORKS, "mlp", stubborn)
    trial = Trial(config(budget={"unit": "generator_steps", "amount": 4}), digits_evaluator)
    assert trial.game.generator.fallback and not trial.game.discriminator.fallback
    (note,) = trial.advance().notes
    assert "generator" in note and "loop" in note


def test_the_loop_gives_the_same_numbers_as_the_pack(digits_evaluator) -> None:
    packed, looped = Trial(config(), digits_evaluator), Trial(config(), digits_evaluator)
    for members in looped.game.players.values():
        members.fallback = "by this test"
    train(packed, 100), train(looped, 100)
    for player, members in packed.game.players.items():
        for name, value in members.parameters.items():
            assert torch.allclose(value, looped.game.players[player].parameters[name], atol=1e-4), name


def test_batch_norm_statistics_stay_per_seed() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    pack = Pack(build, [0, 1], "bn", CPU, torch.zeros(8, 3))
    before = {name: value.clone() for name, value in pack.buffers.items()}
    assert all(torch.equal(value, torch.zeros_like(value)) for n, value in before.items() if n.endswith("mean"))
    inputs = torch.stack([torch.zeros(8, 3), torch.ones(8, 3)])
    pack(inputs)
    means = pack.buffers["1.running_mean"]
    assert not torch.allclose(means[0], means[1])


@pytest.mark.parametrize("names", SETS[1:], ids="+".join)
def test_every_remedy_meets_the_same_data_and_latents(digits_evaluator, names: list[str]) -> None:
    plain, treated = Trial(config(), digits_evaluator), Trial(config(remedies=names, k=3), digits_evaluator)
    for t in (0, 40, 99):
        for stream in ("_batches_d", "_batches_g", "_latents_d", "_latents_g"):
            assert torch.equal(getattr(plain, stream).at(t), getattr(treated, stream).at(t))
    assert torch.equal(plain._fixed_latents, treated._fixed_latents)


def test_streams_depend_on_the_seed_alone() -> None:
    together, alone = Latents([3, 4], "a", 5, 2, CPU), Latents([4], "a", 5, 2, CPU)
    assert torch.equal(together.at(77)[1], alone.at(77)[0])
    assert not torch.equal(together.at(77)[0], together.at(77)[1])
    assert not torch.equal(alone.at(77), alone.at(78))
    assert not torch.equal(alone.at(0), Latents([4], "b", 5, 2, CPU).at(0))


def test_every_image_is_met_once_per_epoch() -> None:
    batches = Batches([0, 1], "x", num_images=10, batch=4, device=CPU)
    met = torch.cat([batches.at(t) for t in range(5)], dim=1)
    for order in met:
        assert sorted(order[:10].tolist()) == sorted(order[10:].tolist()) == list(range(10))
    assert torch.equal(batches.at(1), met[:, 4:8]), "addressed by position, not advanced"

"""Remedies that change the opponent, the update or the sampled generator, and the optimisers' virtual steps."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble import optimisers
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.optimisers import VirtualSteps
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.remedies.base import Remedy

CPU = torch.device("cpu")
KINDS = ("adam", "rmsprop", "sgd")
NORMED = {"name": "mlp", "latent_dim": 4, "width": 12, "batch_norm": True}


def config(remedies: dict[str, dict[str, Any]] | None = None, **changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {"name": "mlp", "latent_dim": 4, "width": 12},
        "batch_size": 8,
        "lr_d": 3e-3,
        "lr_g": 2e-3,
        "seeds": [3, 4],
        "remedies": list(remedies or {}),
        "remedy_options": remedies or {},
        "budget": {"unit": "updates", "amount": 1},
    }
    return TrialConfig(**(values | changes))


def trainer(remedies: dict[str, dict[str, Any]] | None = None, **changes: Any) -> GanTrainer:
    return GanTrainer(config(remedies, **changes), (1, 8, 8), True, CPU)


def batch(player: Any, step: int, seed: int = 0) -> Batch:
    torch.manual_seed(1000 * seed + 2 * step + (player == "generator"))
    real, latents = torch.rand(2, 8, 1, 8, 8) * 2 - 1, torch.randn(2, 8, 4)
    return Batch(
        real.to(torch.get_default_dtype()), latents, StepContext(player, step, 0.0, (3, 4), CPU)
    )


def train(players: GanTrainer, steps: int, start: int = 0) -> None:
    for step in range(start, start + steps):
        players.discriminator_step(batch("discriminator", step))
        players.generator_step(batch("generator", step))


def values(ensemble: SeedEnsemble) -> list[Tensor]:
    return [value.detach().clone() for value in ensemble.parameters.values()]


def largest(a: Any, b: Any) -> float:
    return max(float((x.detach() - y).abs().max()) for x, y in zip(a, b, strict=True))


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


# --- virtual steps


@pytest.mark.parametrize("taken", [0, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_virtual_steps_are_those_of_torch(
    kind: str, taken: int, double: None, conformance: Any
) -> None:
    """From an empty and from a used state; five steps made virtually, then really."""
    torch.manual_seed(0)
    parameters = [torch.randn(2, 3, requires_grad=True), torch.randn(2, requires_grad=True)]
    optimiser = optimisers.build(config(optimiser=kind), 0.01, parameters)
    gradients = [[torch.randn_like(p) for p in parameters] for _ in range(taken + 5)]

    def really(step: int) -> None:
        for parameter, gradient in zip(parameters, gradients[step], strict=True):
            parameter.grad = gradient.clone()
        optimiser.step()

    for step in range(taken):
        really(step)
    before = copy.deepcopy(optimiser.state_dict())
    steps, ahead = VirtualSteps(optimiser), [p.detach().clone() for p in parameters]
    trace = []
    for step in range(taken, taken + 5):
        ahead = steps.step(ahead, gradients[step])
        trace.append(ahead)
    for index, held in before["state"].items():
        for name, value in held.items():
            assert torch.equal(value, optimiser.state_dict()["state"][index][name]), (
                "virtual steps leave no trace"
            )
    for offset, expected in enumerate(trace):
        really(taken + offset)
        conformance(
            f"VirtualSteps, {kind}",
            f"torch.optim.{type(optimiser).__name__}",
            largest(parameters, expected),
            1e-12,
        )


@pytest.mark.parametrize("kind", KINDS)
def test_virtual_steps_are_differentiable(kind: str, double: None) -> None:
    parameter = torch.randn(4, requires_grad=True)
    optimiser = optimisers.build(config(optimiser=kind), 0.1, [parameter])
    parameter.grad = torch.randn(4)
    optimiser.step()

    def ahead(first: Tensor, second: Tensor) -> Tensor:
        steps = VirtualSteps(optimiser)
        return steps.step(steps.step([parameter.detach()], [first]), [second])[0]

    assert torch.autograd.gradcheck(
        ahead, (torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True))
    )


def test_a_gradient_of_zero_does_not_make_virtual_steps_infinite() -> None:
    parameter = torch.zeros(2, requires_grad=True)
    gradient = torch.zeros(2, requires_grad=True)
    for kind in KINDS:
        (ahead,) = VirtualSteps(optimisers.build(config(optimiser=kind), 0.1, [parameter])).step(
            [parameter], [gradient]
        )
        (slope,) = torch.autograd.grad(ahead.sum(), gradient)
        assert torch.isfinite(slope).all()


# --- unrolling


@pytest.mark.parametrize("others", [(), ("r1",)], ids=["alone", "with_r1"])
@pytest.mark.parametrize("kind", KINDS)
def test_unrolled_gradient_is_the_derivative_of_the_unrolled_loss(
    kind: str, others: tuple[str, ...], double: None, conformance: Any
) -> None:
    """Central differences of the generator's whole loss along random directions, the discriminator re-unrolled."""
    remedies: dict[str, dict[str, Any]] = {
        "unrolled_discriminator": {"steps": 3},
        **{name: {} for name in others},
    }
    players = trainer(remedies, optimiser=kind, lr_d=0.05 if kind == "sgd" else 3e-3)
    train(players, 4)
    at = batch("generator", 4)
    gradients = players.gradients("generator", at)
    start = values(players.generator)
    for seed in range(3):
        torch.manual_seed(seed)
        direction = [torch.randn_like(value) for value in start]
        slopes = sum((g * d).flatten(1).sum(1) for g, d in zip(gradients, direction, strict=True))
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                for value, origin, towards in zip(
                    players.generator.parameters.values(), start, direction, strict=True
                ):
                    value.copy_(origin + sign * 1e-6 * towards)
            losses.append(players.generator_loss(at).detach())
        expected = (losses[0] - losses[1]) / 2e-6
        deviation = ((slopes - expected).abs() / expected.abs().clamp_min(1e-3)).max().item()
        conformance(f"remedy unrolled_discriminator, {kind}", "finite differences", deviation, 1e-4)


def test_unrolling_leaves_the_discriminator_and_its_optimiser_alone() -> None:
    unrolled, plain = trainer({"unrolled_discriminator": {"steps": 2}}), trainer()
    (
        unrolled.discriminator_step(batch("discriminator", 0)),
        plain.discriminator_step(batch("discriminator", 0)),
    )
    before = copy.deepcopy(unrolled.optimisers["discriminator"].state_dict())
    unrolled.generator_step(batch("generator", 0))
    assert largest(values(unrolled.discriminator), values(plain.discriminator)) == 0, (
        "it steps once"
    )
    for index, held in before["state"].items():
        for name, value in held.items():
            assert torch.equal(
                value, unrolled.optimisers["discriminator"].state_dict()["state"][index][name]
            )
    plain.generator_step(batch("generator", 0))
    assert largest(values(unrolled.generator), values(plain.generator)) > 0


# --- the average of the generator


@pytest.mark.parametrize("rampup", [0.0, 0.7])
def test_ema_by_hand(rampup: float, conformance: Any) -> None:
    """The present generator up to step 3, averages of at most 0.8 of the old from then on; running statistics alike.

    With a ramp-up of 0.7 the half-life is 0.7 steps one step after the start, 1.4 two steps after it, and so on.
    """
    kept = (
        [0, 0, 0, 0.8, 0.8, 0.8, 0.8, 0.8]
        if not rampup
        else [0, 0, 0, 0, *(0.5 ** (1 / 0.7 / s) for s in (1, 2, 3, 4))]
    )
    options = {"generator_ema": {"decay": 0.8, "start": 3, "rampup": rampup}}
    players, plain = trainer(options, model=NORMED), trainer({}, model=NORMED)
    names = [name for name, value in plain.generator.state().items() if value.is_floating_point()]
    average: dict[str, np.ndarray] = {}
    for step in range(8):
        train(players, 1, step), train(plain, 1, step)
        for name in names:
            present = plain.generator.state()[name].detach().double().numpy()
            old = min(kept[step], 0.8)
            average[name] = old * average.get(name, present) + (1 - old) * present
        found = {**players.remedies[0].sampling_state(players.generator)[0]}
        found |= players.remedies[0].sampling_state(players.generator)[1]
        deviation = max(
            np.abs(found[name].double().numpy() - average[name]).max() for name in names
        )
        conformance("remedy generator_ema", "float64 numpy", deviation, 1e-6)
    assert {"1.running_mean", "1.running_var"} <= set(names)
    assert largest(values(players.generator), values(plain.generator)) == 0, (
        "training never sees the average"
    )
    count = players.generator.buffers["1.num_batches_tracked"]
    assert found["1.num_batches_tracked"] is count, "whole numbers are the present ones"


def test_samples_come_from_the_average() -> None:
    players, latents = (
        trainer({"generator_ema": {"decay": 0.9, "rampup": 0}}, model=NORMED),
        torch.randn(2, 5, 4),
    )
    train(players, 5)
    parameters, buffers = players.remedies[0].sampling_state(players.generator)
    expected = players.generator(latents, parameters, buffers, evaluate=True)
    assert torch.equal(players.sample(latents), expected)
    assert not torch.allclose(expected, players.generator(latents, evaluate=True))


# --- optimistic steps


def directions_of_adam(gradients: list[np.ndarray]) -> list[np.ndarray]:
    m, v, found = np.zeros_like(gradients[0]), np.zeros_like(gradients[0]), []
    for t, gradient in enumerate(gradients, start=1):
        m, v = 0.5 * m + 0.5 * gradient, 0.999 * v + 0.001 * gradient**2
        found.append(m / (1 - 0.5**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8))
    return found


def test_optimistic_adam_is_algorithm_1(double: None, conformance: Any) -> None:
    players = trainer({"optimistic_adam": {}})
    start = values(players.discriminator)
    gradients: list[list[np.ndarray]] = [[] for _ in start]
    trace = []
    for step in range(6):
        at = batch("discriminator", step)
        for past, gradient in zip(gradients, players.gradients("discriminator", at), strict=True):
            past.append(gradient.numpy().copy())
        players.discriminator_step(at)
        trace.append(values(players.discriminator))
    for index, origin in enumerate(start):
        theta, last = origin.numpy(), np.zeros(origin.shape)
        for step, u in enumerate(directions_of_adam(gradients[index])):
            theta, last = theta - 2 * 3e-3 * u + 3e-3 * last, u
            deviation = np.abs(trace[step][index].numpy() - theta).max()
            conformance(
                "remedy optimistic_adam", "Daskalakis et al. 2018, alg. 1, numpy", deviation, 1e-12
            )


def test_optimistic_steps_keep_their_digits_in_single_precision() -> None:
    """The direction is that of the optimiser, not the rounded difference of two positions."""
    players = trainer({"optimistic_adam": {}}, lr_d=1e-7)
    (gradient, *_) = players.gradients("discriminator", batch("discriminator", 0))
    players.discriminator_step(batch("discriminator", 0))
    move = players.remedies[0].state()["discriminator.0"]
    some = gradient.abs() > 1e-4
    assert torch.allclose(move[some], -1e-7 * gradient.sign()[some], rtol=1e-3)


def test_what_follows_a_step_sees_the_optimistic_one() -> None:
    """Clipping and averaging come after the correction, whatever the order of the names."""
    options = {"optimistic_adam": {}, "generator_ema": {"decay": 0.0}, "historical_averaging": {}}
    players = trainer(options, loss="wasserstein", loss_options={"clip": 0.01})
    train(players, 3)
    assert max(value.abs().max() for value in players.discriminator.parameters.values()) <= 0.01
    average = players.remedies[0].sampling_state(players.generator)[0]
    assert largest(average.values(), values(players.generator)) == 0


# --- extragradient


@pytest.mark.parametrize("kind", KINDS)
def test_extragradient_step_by_hand(kind: str, double: None, conformance: Any) -> None:
    """The look-ahead of a plain copy of the game, its gradient there, and the optimiser's step from here."""
    players, plain = trainer({"extragradient": {}}, optimiser=kind), trainer(optimiser=kind)
    for step in range(3):
        for player in ("discriminator", "generator"):
            at = batch(player, step)
            copies = {name: values(ensemble) for name, ensemble in plain.players.items()}
            moments = {
                name: copy.deepcopy(each.state_dict()) for name, each in plain.optimisers.items()
            }
            for name, gradients in {
                name: plain.gradients(name, at) for name in plain.players
            }.items():
                for value, gradient in zip(
                    plain.players[name].parameters.values(), gradients, strict=True
                ):
                    value.grad = gradient.contiguous()
            for optimiser in plain.optimisers.values():
                optimiser.step()
            ahead = plain.gradients(player, at)
            with torch.no_grad():
                for name, ensemble in plain.players.items():
                    for value, origin in zip(
                        ensemble.parameters.values(), copies[name], strict=True
                    ):
                        value.copy_(origin)
                    plain.optimisers[name].load_state_dict(moments[name])
            for value, gradient in zip(
                plain.players[player].parameters.values(), ahead, strict=True
            ):
                value.grad = gradient.contiguous()
            plain.optimisers[player].step()
            players.discriminator_step(at) if player == "discriminator" else players.generator_step(
                at
            )
            for name, ensemble in plain.players.items():
                deviation = largest(values(ensemble), values(players.players[name]))
                conformance(
                    f"remedy extragradient, {kind}", "an explicit look-ahead", deviation, 1e-12
                )


def test_the_players_return_to_the_bit() -> None:
    players = trainer({"extragradient": {}}, model=NORMED)
    train(players, 3)
    before = {player: values(ensemble) for player, ensemble in players.players.items()}
    with players.remedies[0].lookahead(players, batch("generator", 3)):
        for player, ensemble in players.players.items():
            assert largest(values(ensemble), before[player]) > 0
    for player, ensemble in players.players.items():
        assert all(
            torch.equal(*pair) for pair in zip(values(ensemble), before[player], strict=True)
        )


def test_running_statistics_are_taken_once_per_pass() -> None:
    """As often as without the remedy, though each step looks at the generator three times."""
    players, plain = trainer({"extragradient": {}}, model=NORMED), trainer(model=NORMED)
    train(players, 2), train(plain, 2)
    counts = [each.generator.buffers["1.num_batches_tracked"].tolist() for each in (players, plain)]
    assert counts[0] == counts[1] == [4, 4]


# --- generator steps with real images


@pytest.mark.parametrize("name", ["unrolled_discriminator", "extragradient"])
def test_generator_steps_come_with_real_images(name: str) -> None:
    assert trainer({name: {}}).generator_needs_real and not trainer().generator_needs_real


def test_no_hook_of_the_contract_does_anything_by_itself() -> None:
    """A remedy without hooks leaves the training as it is, to the bit."""
    plain, empty = trainer(model=NORMED), trainer(model=NORMED)
    empty.remedies.append(Remedy(None))
    empty._terms.append(Remedy(None))
    train(plain, 3), train(empty, 3)
    for player, ensemble in plain.players.items():
        assert largest(values(ensemble), values(empty.players[player])) == 0
    assert isinstance(plain.generator.network, nn.Sequential)

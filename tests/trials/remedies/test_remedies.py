"""Each remedy against its published equation, written down again here in plain numpy loops.

Values and gradients; alone and together; inside the very step that trains.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from torch.func import functional_call

from ganstudy.trials import remedies
from ganstudy.trials.config.remedies import REMEDIES, RemedyOptions, excluded_by
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, GeneratorStep, Player, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.networks.base import PlainDiscriminator
from ganstudy.trials.remedies.minibatch_discrimination import (
    MinibatchDiscriminator,
    SimilarityFeatures,
)

RNG = np.random.default_rng(0)
CPU = torch.device("cpu")
NOW = StepContext("generator", 0, 0.0, (3, 4), CPU)


def make(name: str, **options: Any) -> Any:
    return remedies.build(REMEDIES[name](**options))


def ensemble(parameters: dict[str, torch.Tensor]) -> Any:
    """What a remedy reads of a seed ensemble."""
    return SimpleNamespace(parameters=parameters)


@pytest.mark.parametrize("name", REMEDIES)
def test_options_build_the_remedy_that_reads_them(name: str) -> None:
    remedy = make(name)
    assert type(remedy.options) is REMEDIES[name]
    expected = get_type_hints(type(remedy)).get("options", RemedyOptions)
    assert issubclass(REMEDIES[name], expected)


def test_exclusions_stated_at_either_remedy_hold_for_both() -> None:
    assert excluded_by("extragradient") == {"optimistic_adam"}
    assert excluded_by("optimistic_adam") == {"extragradient"}
    assert excluded_by("r1") == frozenset()


def numeric_gradient(function: Any, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences of a scalar function."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient


# --- feature matching: || E f(x) - E f(G(z)) ||_2^2 (Salimans et al. 2016, sec. 3.1)


def feature_distance(real: np.ndarray, fake: np.ndarray, norm: str) -> float:
    total = 0.0
    for feature in range(real.shape[1]):
        difference = sum(real[:, feature]) / len(real) - sum(fake[:, feature]) / len(fake)
        total += abs(difference) / real.shape[1] if norm == "l1" else difference**2
    return total


@pytest.mark.parametrize("norm", ["l2_squared", "l1"])
@pytest.mark.parametrize("adversarial", [False, True])
def test_feature_matching(conformance, norm: str, adversarial: bool) -> None:
    real, fake = RNG.normal(size=(2, 6, 4)), RNG.normal(size=(2, 6, 4))
    fake_tensor = torch.tensor(fake, requires_grad=True)
    remedy = make("feature_matching", norm=norm, adversarial=adversarial, weight=0.7)
    step = GeneratorStep(torch.tensor(real), fake_tensor, torch.zeros(2, 6), NOW)
    # Beside the adversarial objective it is a term; otherwise it takes that objective's place.
    found, absent = remedy.generator_term(step), remedy.generator_objective(step)
    if not adversarial:
        found, absent = absent, found
    assert absent is None
    (gradient,) = torch.autograd.grad(found.sum(), fake_tensor)
    for seed in range(2):
        value = 0.7 * feature_distance(real[seed], fake[seed], norm)
        by_hand = numeric_gradient(
            lambda f, s=seed: 0.7 * feature_distance(real[s], f, norm), fake[seed]
        )
        conformance(
            "remedy feature_matching",
            "float64 numpy, value",
            abs(found[seed].item() - value),
            1e-12,
        )
        deviation = np.abs(gradient[seed].numpy() - by_hand).max()
        conformance("remedy feature_matching", "central differences, gradient", deviation, 1e-8)


# --- historical averaging: lambda || theta - (1/t) sum_i theta[i] ||^2 (sec. 3.3)


def test_historical_averaging_over_many_steps(conformance) -> None:
    remedy = make("historical_averaging", weight=0.37)
    history = RNG.normal(size=(6, 2, 3, 2))
    theta = {"w": torch.tensor(history[0]), "b": torch.tensor(history[0, :, 0])}
    remedy.start("generator", ensemble(theta))
    assert remedy.penalty("generator", theta).tolist() == [0.0, 0.0]
    for t in range(1, 6):
        theta = {
            "w": torch.tensor(history[t], requires_grad=True),
            "b": torch.tensor(history[t, :, 0], requires_grad=True),
        }
        remedy.after_step("generator", ensemble(theta), NOW)
        penalty = remedy.penalty("generator", theta)
        gradients = torch.autograd.grad(penalty.sum(), list(theta.values()))
        for seed in range(2):
            expected = 0.0
            for past, gradient in (
                (history[:, seed], gradients[0]),
                (history[:, seed, 0], gradients[1]),
            ):
                difference = past[t] - sum(past[i] for i in range(t + 1)) / (t + 1)
                expected += 0.37 * (difference**2).sum()
                deviation = np.abs(gradient[seed].numpy() - 2 * 0.37 * difference).max()
                conformance(
                    "remedy historical_averaging",
                    "float64 numpy, value and gradient",
                    deviation,
                    1e-12,
                )
            deviation = abs(penalty[seed].item() - expected)
            conformance(
                "remedy historical_averaging", "float64 numpy, value and gradient", deviation, 1e-12
            )


def test_historical_averaging_keeps_the_players_apart() -> None:
    remedy = make("historical_averaging", weight=1.0)
    for player, start in (("generator", 0.0), ("discriminator", 5.0)):
        remedy.start(player, ensemble({"w": torch.full((1, 2), start)}))
    assert remedy.penalty("generator", {"w": torch.ones(1, 2)}).item() == pytest.approx(2.0)
    assert remedy.penalty("discriminator", {"w": torch.ones(1, 2)}).item() == pytest.approx(32.0)


# --- minibatch discrimination: o(x_i)_b = sum_{j != i} exp(-||M_ib - M_jb||_1), M_i = f(x_i) T (sec. 3.2)


def similarity(features: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    images, kernels = len(features), tensor.shape[1]
    matrices = [
        [
            [sum(f[a] * tensor[a, b, c] for a in range(len(f))) for c in range(tensor.shape[2])]
            for b in range(kernels)
        ]
        for f in features
    ]
    out = np.zeros((images, kernels))
    for i in range(images):
        for b in range(kernels):
            for j in range(images):
                if j != i:
                    distance = sum(
                        abs(m - n) for m, n in zip(matrices[i][b], matrices[j][b], strict=True)
                    )
                    out[i, b] += np.exp(-distance)
    return out


@pytest.mark.parametrize("mean", [False, True])
def test_minibatch_discrimination(conformance, mean: bool) -> None:
    module = SimilarityFeatures(3, kernels=2, kernel_dim=4, mean=mean).double()
    features = RNG.normal(size=(5, 3))
    tensor = module.tensor.detach().numpy()
    divisor = 4 if mean else 1
    inputs = torch.tensor(features, requires_grad=True)
    out = module(inputs)
    deviation = np.abs(out.detach().numpy() - similarity(features, tensor) / divisor).max()
    conformance("remedy minibatch_discrimination", "float64 numpy, value", deviation, 1e-12)
    weights = RNG.normal(size=out.shape)
    grad_features, grad_tensor = torch.autograd.grad(
        (out * torch.tensor(weights)).sum(), [inputs, module.tensor]
    )

    def weighted(f: np.ndarray, t: np.ndarray) -> float:
        return float((similarity(f, t) / divisor * weights).sum())

    by_hand = numeric_gradient(lambda f: weighted(f, tensor), features)
    deviation = np.abs(grad_features.numpy() - by_hand).max()
    by_hand = numeric_gradient(lambda t: weighted(features, t), tensor)
    deviation = max(deviation, np.abs(grad_tensor.numpy() - by_hand).max())
    conformance("remedy minibatch_discrimination", "central differences, gradient", deviation, 1e-7)


def test_identical_images_are_maximally_similar() -> None:
    module = SimilarityFeatures(3, kernels=2, kernel_dim=4, mean=False)
    assert torch.allclose(module(torch.ones(7, 3)), torch.full((7, 2), 6.0))


def test_similarities_are_concatenated_before_the_last_layer() -> None:
    torch.manual_seed(0)
    plain = PlainDiscriminator(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1))
    extended = MinibatchDiscriminator(plain, kernels=2, kernel_dim=4, mean=False)
    images = torch.randn(5, 4)
    logits, features = extended(images)
    weight = torch.cat([plain.head.weight[0], extended.head_on_similarity])
    expected = (
        torch.cat([features, extended.similarity(features)], dim=1) @ weight + plain.head.bias
    )
    assert torch.allclose(logits, expected, atol=1e-6)


# --- inside the step that trains


def trainer(names: list[str], shape: tuple[int, ...] = (6,), **options: Any) -> GanTrainer:
    config = TrialConfig(
        data={"name": "ring"},
        model={"name": "mlp", "latent_dim": 3, "width": 5},
        batch_size=4,
        remedies=names,
        remedy_options=options,
        seeds=[3, 4],
        budget={"unit": "updates", "amount": 2},
        evaluations=1,
    )
    return GanTrainer(config, shape, False, CPU)


def batch(player: Player, real: torch.Tensor | None = None) -> Batch:
    stream = torch.Generator().manual_seed(1)
    drawn, latents = torch.randn(2, 4, 6, generator=stream), torch.randn(2, 4, 3, generator=stream)
    return Batch(drawn if real is None else real, latents, StepContext(player, 0, 0.0, (3, 4), CPU))


def test_feature_matching_replaces_the_adversarial_objective_and_matches_f_of_real() -> None:
    players, made_on = trainer(["feature_matching"]), batch("generator")
    _, features_real = players.discriminator(made_on.real)
    _, features_fake = players.discriminator(players.sample(made_on.latents))
    expected = [
        feature_distance(
            features_real[s].detach().double().numpy(),
            features_fake[s].detach().double().numpy(),
            "l2",
        )
        for s in range(2)
    ]
    assert players.generator_step(made_on).tolist() == pytest.approx(expected, rel=1e-4)


def test_feature_matching_does_not_move_the_discriminator() -> None:
    players = trainer(["feature_matching"])
    before = {name: value.clone() for name, value in players.discriminator.parameters.items()}
    players.generator_step(batch("generator"))
    assert all(
        torch.equal(before[name], value) for name, value in players.discriminator.parameters.items()
    )


def test_minibatch_discrimination_sees_real_and_generated_batches_apart() -> None:
    players = trainer(["minibatch_discrimination"])
    made_on = batch("discriminator")
    together, _ = players.discriminator(torch.cat([made_on.real, made_on.real + 9], dim=1))
    alone, _ = players.discriminator(made_on.real)
    assert not torch.allclose(together[:, :4], alone)
    fake_logits, _ = players.discriminator(players.sample(made_on.latents))
    expected = players.loss.discriminator(alone, fake_logits)
    assert players.discriminator_step(made_on).tolist() == pytest.approx(
        expected.tolist(), rel=1e-5
    )


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_all_three_of_salimans_together_add_up_to_the_sum_of_their_equations(
    player: Player,
) -> None:
    """The step's gradient equals that of the written-out loss, for a network moved away from its average."""
    names = ["feature_matching", "historical_averaging", "minibatch_discrimination"]
    players = trainer(names, historical_averaging={"weight": 0.5})
    start = {
        p: {n: v.detach().clone() for n, v in ensemble.parameters.items()}
        for p, ensemble in players.players.items()
    }
    stream = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for each in players.players.values():
            for value in each.parameters.values():
                value += 0.1 * torch.randn(value.shape, generator=stream)
    made_on = batch(player)
    theta = {
        n: v.detach().clone().requires_grad_()
        for n, v in players.players[player].parameters.items()
    }
    losses = []
    for seed in range(2):
        own = {n: v[seed] for n, v in theta.items()}
        others = {
            p: own if p == player else {n: v[seed].detach() for n, v in ensemble.parameters.items()}
            for p, ensemble in players.players.items()
        }
        generator, discriminator = players.generator.network, players.discriminator.network
        fake = functional_call(generator, others["generator"], (made_on.latents[seed],))
        logits_real, f_real = functional_call(
            discriminator, others["discriminator"], (made_on.real[seed],)
        )
        logits_fake, f_fake = functional_call(discriminator, others["discriminator"], (fake,))
        if player == "generator":
            loss = ((f_real.detach().mean(0) - f_fake.mean(0)) ** 2).sum()
        else:
            loss = (
                -torch.sigmoid(logits_real).log().mean()
                - (1 - torch.sigmoid(logits_fake)).log().mean()
            )
        losses.append(
            loss + 0.5 * sum(((v - start[player][n][seed]) ** 2).sum() for n, v in own.items())
        )
    expected = torch.autograd.grad(sum(losses), list(theta.values()))
    if player == "generator":
        players.generator_step(made_on)
    else:
        players.discriminator_step(made_on)
    for (name, value), gradient in zip(
        players.players[player].parameters.items(), expected, strict=True
    ):
        assert torch.allclose(value.grad, gradient, rtol=1e-3, atol=1e-6), name


def test_a_remedy_leaves_the_rest_of_the_initialisation_alone() -> None:
    plain, extended = trainer([]), trainer(["minibatch_discrimination"])
    added = set(extended.discriminator.parameters)
    for name, value in plain.discriminator.parameters.items():
        inside = f"plain.{name}"
        assert torch.equal(value, extended.discriminator.parameters[inside]), name
        added.remove(inside)
    assert added == {
        "similarity.tensor",
        "similarity.log_scale",
        "similarity.bias",
        "head_on_similarity",
    }

"""Remedies built into the networks, against their equations in plain float64 numpy and against torch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.utils import parametrizations

from ganstudy.trials import remedies
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.networks.base import PlainDiscriminator
from ganstudy.trials.remedies.minibatch_discrimination import SimilarityFeatures
from ganstudy.trials.remedies.packing import PackedDiscriminator
from ganstudy.trials.remedies.spectral_normalisation import SpectralQuotient
from ganstudy.trials.remedies.virtual_batch_normalisation import (
    ReferencedGenerator,
    VirtualBatchNorm,
)

CPU = torch.device("cpu")


def make(name: str, **options: Any) -> Any:
    return remedies.build(REMEDIES[name](**options))


def trainer(
    remedies: dict[str, dict[str, Any]], shape: tuple[int, ...] = (1, 8, 8), **changes: Any
) -> GanTrainer:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {"name": "mlp", "latent_dim": 4, "width": 12},
        "batch_size": 8,
        "lr_d": 1e-3,
        "lr_g": 1e-3,
        "seeds": [3, 4],
        "remedies": list(remedies),
        "remedy_options": remedies,
        "budget": {"unit": "updates", "amount": 1},
    }
    return GanTrainer(TrialConfig(**(values | changes)), shape, True, CPU)


def train(players: GanTrainer, steps: int, shape: tuple[int, ...] = (1, 8, 8)) -> None:
    """On noise."""
    torch.manual_seed(0)
    seeds, size = players.config.seeds, players.config.batch_size
    for step in range(steps):
        for player, make_step in (
            ("discriminator", players.discriminator_step),
            ("generator", players.generator_step),
        ):
            real = torch.rand(len(seeds), size, *shape) * 2 - 1
            latents = torch.randn(len(seeds), size, players.config.model.latent_dim)
            make_step(Batch(real, latents, StepContext(player, step, 0.0, seeds, CPU)))


def own(ensemble: SeedEnsemble, index: int) -> dict[str, Tensor]:
    """Parameters and buffers of one seed."""
    return {name: value[index].detach() for name, value in ensemble.state().items()}


# --- virtual batch normalisation


def virtually_normalised(
    x: np.ndarray, num_reference: int, weight: np.ndarray, bias: np.ndarray, eps: float
) -> Any:
    """Every image together with the reference batch, as one set of numbers per channel."""
    out = np.zeros_like(x)
    for channel in range(x.shape[1]):
        reference = x[:num_reference, channel]
        for i in range(len(x)):
            known = (
                reference
                if i < num_reference
                else np.concatenate([reference, x[i : i + 1, channel]])
            )
            normalised = (x[i, channel] - known.mean()) / np.sqrt(known.var() + eps)
            out[i, channel] = weight[channel] * normalised + bias[channel]
    return out


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)], ids=["points", "lines", "images"])
def test_virtual_batch_norm_normalises_by_the_reference_and_the_image_itself(
    shape: tuple[int, ...], conformance: Any
) -> None:
    torch.manual_seed(0)
    plain = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(3).double()
    nn.init.normal_(plain.weight), nn.init.normal_(plain.bias)
    module = VirtualBatchNorm(plain, num_reference=6)
    x = torch.randn(10, *shape, dtype=torch.double) * 3 + 2
    expected = virtually_normalised(
        x.numpy(), 6, plain.weight.detach().numpy(), plain.bias.detach().numpy(), plain.eps
    )
    found = module(x).detach().numpy()
    conformance(
        "remedy virtual_batch_normalisation", "float64 numpy", np.abs(found - expected).max(), 1e-12
    )
    assert torch.autograd.gradcheck(module, x[:8].requires_grad_())


def test_virtual_batch_norm_keeps_its_digits_far_from_zero() -> None:
    x = torch.randn(20, 3) + 10_000
    found = VirtualBatchNorm(nn.BatchNorm1d(3), 12)(x).detach().numpy()
    expected = virtually_normalised(x.double().numpy(), 12, np.ones(3), np.zeros(3), 1e-5)
    assert np.abs(found - expected).max() < 5e-3


def referenced(seed: int = 0) -> ReferencedGenerator:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Sequential(nn.Linear(6, 3))
    )
    remedy = make("virtual_batch_normalisation", reference=7)
    return remedy.extend_generator(network, lambda num: torch.randn(num, 4))


def test_an_image_does_not_depend_on_its_batch_nor_on_how_often_one_asks() -> None:
    generator, latents = referenced(), torch.randn(9, 4)
    together = generator(latents)
    for _ in range(3):
        assert torch.equal(generator(latents), together), "the reference is never dropped"
    alone = torch.cat([generator(latent[None]) for latent in latents])
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.allclose(generator.eval()(latents), together, atol=1e-6)


def test_scale_and_shift_stay_and_running_statistics_go() -> None:
    generator = referenced()
    assert {"network.1.weight", "network.1.bias"} <= dict(generator.named_parameters()).keys()
    assert [name for name, _ in generator.named_buffers()] == ["reference"]


def test_the_reference_is_each_seeds_own_of_the_latents_kind_and_follows_the_generator() -> None:
    options = {"virtual_batch_normalisation": {"reference": 16}}
    model = {"name": "mlp", "latent_dim": 4, "width": 12, "batch_norm": True}
    players = trainer(options, model=model)
    reference = players.generator.buffers["reference"].clone()
    assert reference.shape == (2, 16, 4)
    assert not torch.equal(reference[0], reference[1]) and reference.abs().max() > 1
    alone = trainer(options, model=model, seeds=[4]).generator
    assert torch.equal(alone.buffers["reference"][0], reference[1])
    uniform = trainer(options, model=model | {"latent": "uniform"}).generator.buffers["reference"]
    assert uniform.min() < -0.5 and uniform.max() > 0.5 and uniform.abs().max() <= 1
    latents = torch.randn(2, 5, 4)
    before = players.sample(latents)
    train(players, 3)
    assert torch.equal(players.generator.buffers["reference"], reference)
    assert not torch.allclose(players.sample(latents), before)
    assert torch.allclose(players.sample(latents[:, :1]), players.sample(latents)[:, :1], atol=1e-6)


def test_the_plain_part_of_the_generator_starts_from_the_same_values() -> None:
    model = {"name": "mlp", "latent_dim": 4, "width": 12, "batch_norm": True}
    plain, extended = (
        trainer({}, model=model),
        trainer({"virtual_batch_normalisation": {}}, model=model),
    )
    for name, value in plain.generator.parameters.items():
        assert torch.equal(value, extended.generator.parameters[f"network.{name}"])


def test_a_generator_without_batch_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs nn\.BatchNorm1d or nn\.BatchNorm2d"):
        make("virtual_batch_normalisation").extend_generator(
            nn.Linear(4, 2), lambda num: torch.randn(num, 4)
        )


# --- packing: D(x_1, ..., x_m)


@pytest.mark.parametrize("shape", [(2, 3, 3), (2,)], ids=["images", "points"])
def test_packing_concatenates_neighbours_on_the_first_axis(
    shape: tuple[int, ...], conformance: Any
) -> None:
    torch.manual_seed(0)
    m, size = 3, int(np.prod(shape))
    trunk = nn.Sequential(nn.Flatten(), nn.Linear(m * size, 5), nn.Tanh())
    single = PlainDiscriminator(trunk, nn.Linear(5, 1)).double()
    images = torch.randn(9, *shape, dtype=torch.double)
    logits, features = PackedDiscriminator(single, m)(images)
    weight, bias = (getattr(single.trunk[1], name).detach().numpy() for name in ("weight", "bias"))
    for group in range(3):
        inputs = np.concatenate([images[3 * group + i].numpy() for i in range(m)], axis=0).ravel()
        hidden = np.tanh(weight @ inputs + bias)
        output = single.head.weight.detach().numpy()[0] @ hidden + single.head.bias.item()
        deviation = max(
            np.abs(features[group].detach().numpy() - hidden).max(),
            abs(logits[group].item() - output),
        )
        conformance("remedy packing", "float64 numpy", deviation, 1e-12)


def test_packing_makes_the_discriminator_m_times_as_wide_and_gives_one_output_per_group() -> None:
    assert make("packing", m=3).input_shape((1, 8, 8)) == (3, 8, 8)
    assert make("packing", m=4).input_shape((2,)) == (8,)
    players = trainer({"packing": {"m": 4}, "minibatch_discrimination": {}, "feature_matching": {}})
    first = next(
        v for n, v in players.discriminator.parameters.items() if n.endswith("trunk.1.weight")
    )
    assert first.shape == (2, 12, 4 * 64)
    assert players.outputs(torch.randn(2, 8, 1, 8, 8)).shape == (2, 2)
    assert players.outputs(torch.randn(2, 11, 1, 8, 8)).shape == (2, 2), (
        "three images fill no group"
    )
    train(players, 2)
    assert bool(players.finite().all())


def test_the_discriminators_loss_is_that_of_its_groups() -> None:
    players = trainer({"packing": {"m": 2}})
    real, latents = torch.randn(2, 8, 1, 8, 8), torch.randn(2, 8, 4)
    fake = players.generator(latents).detach()
    found = players.discriminator_step(
        Batch(real, latents, StepContext("discriminator", 0, 0.0, (3, 4), CPU))
    )
    plain = trainer({"packing": {"m": 2}})
    for s in range(2):
        state = {
            name.removeprefix("single."): value
            for name, value in own(plain.discriminator, s).items()
        }
        outputs = [
            functional_call(
                plain.discriminator.network.single,
                state,
                (torch.cat([x[s, 0::2], x[s, 1::2]], dim=1),),
            )[0]
            for x in (real, fake)
        ]
        expected = (
            nn.functional.softplus(-outputs[0]).mean() + nn.functional.softplus(outputs[1]).mean()
        )
        assert found[s].item() == pytest.approx(expected.item(), rel=1e-5)


# --- spectral normalisation: W / sigma(W)

LAYERS = {
    "linear": lambda: nn.Linear(7, 5),
    "tall": lambda: nn.Linear(3, 11),
    "one_output": lambda: nn.Linear(6, 1),
    "conv": lambda: nn.Conv2d(3, 6, 4, stride=2),
    "transposed": lambda: nn.ConvTranspose2d(4, 3, 3),
}


def as_matrix(layer: nn.Module, weight: np.ndarray) -> np.ndarray:
    out_first = np.moveaxis(weight, 1, 0) if isinstance(layer, nn.ConvTranspose2d) else weight
    return out_first.reshape(len(out_first), -1)


def quotient_of(layer: nn.Module) -> SpectralQuotient:
    return SpectralQuotient(layer.weight.detach(), isinstance(layer, nn.ConvTranspose2d))


@pytest.mark.parametrize("kind", LAYERS)
def test_weights_are_divided_by_their_largest_singular_value(kind: str, conformance: Any) -> None:
    torch.manual_seed(0)
    layer = LAYERS[kind]().double()
    weight = layer.weight.detach().clone()
    found = quotient_of(layer)(weight)
    expected = weight.numpy() / np.linalg.svd(as_matrix(layer, weight.numpy()), compute_uv=False)[0]
    deviation = np.abs(found.numpy() - expected).max()
    conformance("remedy spectral_normalisation", "numpy.linalg.svd", deviation, 1e-12)
    theirs = parametrizations.spectral_norm(LAYERS[kind]().double(), n_power_iterations=2000)
    theirs.parametrizations.weight.original.data.copy_(weight)
    deviation = (theirs.weight - found).abs().max().item()
    conformance("remedy spectral_normalisation", "torch's spectral_norm", deviation, 1e-9)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_gradient_passes_through_sigma(kind: str, conformance: Any) -> None:
    """At the singular vectors themselves, it is the derivative of the exact W / sigma(W)."""
    torch.manual_seed(0)
    layer = LAYERS[kind]().double()
    weight = layer.weight.detach().clone().requires_grad_()
    towards = torch.randn_like(weight)
    (found,) = torch.autograd.grad((quotient_of(layer)(weight) * towards).sum(), weight)

    def exact(values: np.ndarray) -> float:
        return float(
            (values * towards.numpy()).sum()
            / np.linalg.svd(as_matrix(layer, values), compute_uv=False)[0]
        )

    start, expected = weight.detach().numpy(), np.zeros(weight.shape)
    for index in np.ndindex(*start.shape):
        up, down = start.copy(), start.copy()
        up[index], down[index] = up[index] + 1e-6, down[index] - 1e-6
        expected[index] = (exact(up) - exact(down)) / 2e-6
    deviation = np.abs(found.numpy() - expected).max()
    conformance(
        "remedy spectral_normalisation", "finite differences of W / sigma(W)", deviation, 1e-7
    )


def spectral_game(**options: Any) -> GanTrainer:
    return trainer({"spectral_normalisation": options})


def true_sigmas(ensemble: SeedEnsemble) -> list[float]:
    """Largest singular value of every normalised weight, as the network uses it, of every seed."""
    found = []
    for name, module in ensemble.network.named_modules():
        if isinstance(module, SpectralQuotient):
            for s in range(len(ensemble.seeds)):
                state = own(ensemble, s)
                original = state[f"{name.removesuffix('.0')}.original"]
                used = functional_call(
                    module, {"u": state[f"{name}.u"], "v": state[f"{name}.v"]}, (original,)
                )
                found.append(np.linalg.svd(used.double().numpy(), compute_uv=False)[0])
    return found


@pytest.mark.parametrize(("iterations", "lag"), [(1, 0.2), (20, 0.03)])
def test_sigma_is_followed_while_training(iterations: int, lag: float, conformance: Any) -> None:
    """u^T W v never exceeds the true sigma, and lags behind it less with more iterations."""
    players = spectral_game(power_iterations=iterations)
    assert true_sigmas(players.discriminator) == pytest.approx([1] * 6, abs=1e-5)
    start = {n: v.detach().clone() for n, v in players.discriminator.parameters.items()}
    train(players, 100)
    moved = max(
        (v - start[n]).abs().max().item() for n, v in players.discriminator.parameters.items()
    )
    assert moved > 0.02
    sigmas = true_sigmas(players.discriminator)
    assert min(sigmas) > 1 - 1e-5
    entry = f"remedy spectral_normalisation, {iterations} iteration(s)"
    conformance(entry, "true sigma after 100 steps", max(sigmas) - 1, lag)


def test_the_discriminator_is_lipschitz() -> None:
    """All layers have Lipschitz constant 1 and so have the activations."""
    players = spectral_game()
    x, y = torch.randn(2, 50, 1, 8, 8), torch.randn(2, 50, 1, 8, 8)
    slopes = (players.outputs(x) - players.outputs(y)).abs() / (x - y).flatten(2).norm(dim=2)
    assert slopes.max() <= 1 + 1e-5


def test_one_power_iteration_per_step_of_the_player_and_none_in_a_pass() -> None:
    players, twice = spectral_game(power_iterations=1), spectral_game(power_iterations=2)
    names = [name for name in players.discriminator.buffers if name.endswith((".u", ".v"))]
    before = {name: players.discriminator.buffers[name].clone() for name in names}
    players.generator_step(
        Batch(None, torch.randn(2, 8, 4), StepContext("generator", 0, 0.0, (3, 4), CPU))
    )
    players.outputs(torch.randn(2, 8, 1, 8, 8))
    assert all(torch.equal(before[name], players.discriminator.buffers[name]) for name in names)
    for one, times in ((players, 1), (twice, 2)):
        batch = Batch(
            torch.randn(2, 8, 1, 8, 8),
            torch.randn(2, 8, 4),
            StepContext("discriminator", 0, 0.0, (3, 4), CPU),
        )
        one.discriminator_step(batch)
        weight = (
            one.discriminator.parameters["trunk.1.parametrizations.weight.original"][1]
            .detach()
            .double()
            .numpy()
        )
        u = before["trunk.1.parametrizations.weight.0.u"][1].double().numpy()
        for _ in range(times):
            v = weight.T @ u / np.linalg.norm(weight.T @ u)
            u = weight @ v / np.linalg.norm(weight @ v)
        found = one.discriminator.buffers["trunk.1.parametrizations.weight.0.u"][1].numpy()
        np.testing.assert_allclose(found, u, atol=1e-6)


def test_the_generator_is_normalised_on_request_and_averages_of_u_and_v_do_no_harm() -> None:
    assert not true_sigmas(spectral_game().generator)
    players = trainer(
        {"spectral_normalisation": {"generator": True}, "generator_ema": {"decay": 0.9}}
    )
    assert true_sigmas(players.generator) == pytest.approx([1] * 6, abs=1e-5)
    train(players, 10)
    assert (
        min(true_sigmas(players.generator)) > 1 - 1e-5 and max(true_sigmas(players.generator)) < 1.2
    )
    buffers = players.remedies[0].sampling_state(players.generator)[1]
    shorter = {name: 0.9 * value for name, value in buffers.items()}
    latents = torch.randn(2, 5, 4)
    held = players.generator(latents, buffers=buffers, evaluate=True)
    assert torch.allclose(
        players.generator(latents, buffers=shorter, evaluate=True), held, atol=1e-6
    )


def test_layers_that_a_user_has_normalised_stay_as_they_are() -> None:
    plain = PlainDiscriminator(nn.Linear(3, 4), parametrizations.spectral_norm(nn.Linear(4, 1)))
    network = make("spectral_normalisation").extend_discriminator(plain)
    assert sum(isinstance(module, SpectralQuotient) for module in network.modules()) == 1
    with pytest.raises(ValueError, match="in the discriminator, and it has none"):
        make("spectral_normalisation").extend_discriminator(nn.Sequential())


# --- minibatch discrimination with normalised weights


@pytest.mark.parametrize("mean", [False, True])
def test_weight_normalised_similarities(mean: bool, conformance: Any) -> None:
    torch.manual_seed(0)
    module = SimilarityFeatures(3, kernels=2, kernel_dim=4, mean=mean, weight_norm=True).double()
    assert torch.equal(module.bias, torch.full((2,), -1.0)) and not module.log_scale.any()
    nn.init.normal_(module.log_scale)
    features = torch.randn(5, 3, dtype=torch.double)
    v, s = module.tensor.detach().numpy(), module.log_scale.detach().numpy()
    expected = np.full((5, 2), -1.0)
    for b in range(2):
        weights = np.stack(
            [np.exp(s[b, c]) * v[:, b, c] / np.sqrt((v[:, b, c] ** 2).sum()) for c in range(4)],
            axis=1,
        )
        projected = features.numpy() @ weights
        for i in range(5):
            others = [
                np.exp(-np.abs(projected[i] - projected[j]).sum()) for j in range(5) if j != i
            ]
            expected[i, b] += np.mean(others) if mean else np.sum(others)
    deviation = np.abs(module(features).detach().numpy() - expected).max()
    conformance("remedy minibatch_discrimination, weight_norm", "float64 numpy", deviation, 1e-12)
    assert torch.autograd.gradcheck(module, features.requires_grad_())


def test_weight_norm_is_learned_and_leaves_the_rest_of_the_initialisation_alone() -> None:
    options = {"minibatch_discrimination": {"weight_norm": True}}
    plain, players = trainer({}), trainer(options)
    for name, value in plain.discriminator.parameters.items():
        assert torch.equal(value, players.discriminator.parameters[f"plain.{name}"])
    train(players, 3)
    assert players.discriminator.parameters["similarity.log_scale"].abs().min() > 0
    assert (players.discriminator.parameters["similarity.bias"] + 1).abs().min() > 0


def test_all_structures_together_match_each_network_alone() -> None:
    """vmap over the stack against functional calls of one seed at a time."""
    names = (
        "packing",
        "minibatch_discrimination",
        "spectral_normalisation",
        "virtual_batch_normalisation",
    )
    model = {"name": "mlp", "latent_dim": 4, "width": 12, "batch_norm": True}
    players = trainer({name: {} for name in names}, model=model)
    train(players, 5)
    assert not players.fallbacks()
    images, latents = torch.randn(2, 8, 1, 8, 8), torch.randn(2, 8, 4)
    for ensemble, inputs in ((players.discriminator, images), (players.generator, latents)):
        found = ensemble(inputs)
        for s in range(2):
            alone = functional_call(ensemble.network, own(ensemble, s), (inputs[s],))
            together = [part[s] for part in found] if isinstance(found, tuple) else [found[s]]
            for a, b in zip(together, alone if isinstance(alone, tuple) else [alone], strict=True):
                assert torch.allclose(a, b, atol=1e-5)


def test_convolutions_are_normalised_in_a_pack() -> None:
    torch.manual_seed(0)
    networks = []
    for _ in range(3):
        trunk = nn.Sequential(
            nn.Conv2d(1, 3, 4, 2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(27, 4)
        )
        networks.append(
            make("spectral_normalisation").extend_discriminator(
                PlainDiscriminator(trunk, nn.Linear(4, 1))
            )
        )
    parameters, buffers = stack_module_state(networks)
    images = torch.randn(3, 5, 1, 8, 8)
    outputs = vmap(lambda p, b, x: functional_call(networks[0], (p, b), (x,))[0])(
        parameters, buffers, images
    )
    for s, network in enumerate(networks):
        assert torch.allclose(outputs[s], network(images[s])[0], atol=1e-6)

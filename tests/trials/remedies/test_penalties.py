"""Terms of the discriminator's loss against closed forms: R1, R2, the gradient penalty, LeCam; label smoothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from ganstudy.trials import losses, remedies
from ganstudy.trials.config.losses import WassersteinOptions
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, DiscriminatorStep, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.remedies.input_gradient import gradients

SEEDS, IMAGES, DIM = 2, 5, 4
RNG = np.random.default_rng(0)
CPU = torch.device("cpu")
NOW = StepContext("discriminator", 7, 0.25, (3, 4), CPU)
REAL, FAKE = RNG.normal(size=(2, SEEDS, IMAGES, DIM))


@pytest.fixture(autouse=True)
def _in_float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def make(name: str, **options: Any) -> Any:
    return remedies.build(REMEDIES[name](**options))


def step_of(critic: Callable[[Tensor], Tensor]) -> DiscriminatorStep:
    """What a remedy sees of a step of `critic`: images [S, B, D] -> outputs [S, B]."""
    real, fake = (torch.tensor(images, requires_grad=True) for images in (REAL, FAKE))
    return DiscriminatorStep(real, fake, critic(real), critic(fake), lambda x: (critic(x), x), NOW)


# --- R1 and R2: gamma / 2 E ||grad D||^2; for D(x) = x' A x / 2 + b' x, A symmetric, the gradient in x is A x + b


@pytest.mark.parametrize(("name", "images"), [("r1", REAL), ("r2", FAKE)])
def test_r1_and_r2_of_a_quadratic_critic(conformance, name: str, images: np.ndarray) -> None:
    half = RNG.normal(size=(SEEDS, DIM, DIM))
    a, b = half + half.transpose(0, 2, 1), RNG.normal(size=(SEEDS, DIM))
    a_tensor, b_tensor = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)

    def critic(x: Tensor) -> Tensor:
        return torch.einsum("sbd,sde,sbe->sb", x, a_tensor, x) / 2 + torch.einsum(
            "sbd,sd->sb", x, b_tensor
        )

    term = make(name, gamma=0.6).discriminator_term(step_of(critic))
    found = torch.autograd.grad(term.sum(), [a_tensor, b_tensor])
    deviations = []
    for s in range(SEEDS):
        slopes = images[s] @ a[s] + b[s]  # [B, D]
        deviations.append(abs(term[s].item() - 0.3 * (slopes**2).sum(1).mean()))
        # As a function of a free matrix the slope is (A + A') x / 2 + b, hence the symmetric part.
        outer = 0.6 * slopes.T @ images[s] / IMAGES
        deviations.append(np.abs(found[0][s].numpy() - (outer + outer.T) / 2).max())
        deviations.append(np.abs(found[1][s].numpy() - 0.6 * slopes.mean(0)).max())
    conformance(
        f"remedy {name}",
        "closed form of a quadratic critic, value and gradient",
        max(deviations),
        1e-12,
    )


def test_the_released_code_of_r1_leaves_out_the_half() -> None:
    """Its regulariser 10 E ||grad||^2 is gamma = 20."""
    w = torch.randn(SEEDS, DIM)
    term = make("r1", gamma=20.0).discriminator_term(
        step_of(lambda x: torch.einsum("sbd,sd->sb", x, w))
    )
    torch.testing.assert_close(term, 10 * w.square().sum(1))


# --- gradient penalty: lambda E (||grad D(x^)|| - centre)^2


@pytest.mark.parametrize("centre", [0.0, 1.0])
def test_gradient_penalty_of_a_linear_critic(conformance, centre: float) -> None:
    """(||w|| - centre)^2 wherever x^ lies, and 2 (||w|| - centre) w / ||w|| in w."""
    w = torch.randn(SEEDS, DIM, requires_grad=True)
    remedy = make("gradient_penalty", weight=3.0, centre=centre)
    term = remedy.discriminator_term(step_of(lambda x: torch.einsum("sbd,sd->sb", x, w)))
    (found,) = torch.autograd.grad(term.sum(), w)
    norm = w.detach().norm(dim=1, keepdim=True)
    by_hand = 3 * 2 * (norm - centre) * w.detach() / norm
    deviation = (term.detach() - 3 * (norm[:, 0] - centre) ** 2).abs().max().item()
    deviation = max(deviation, (found - by_hand).abs().max().item())
    conformance(
        "remedy gradient_penalty",
        "closed form of a linear critic, value and gradient",
        deviation,
        1e-12,
    )


def test_gradient_penalty_is_taken_between_a_real_and_a_generated_image(conformance) -> None:
    """For D(x) = ||x||^2 / 2 the slope at x^ is ||x^||: the step's own eps give the term back."""
    term = make("gradient_penalty").discriminator_term(step_of(lambda x: x.square().sum(-1) / 2))
    eps = NOW.uniform("gradient_penalty", IMAGES).numpy()[..., None]
    assert ((eps > 0) & (eps < 1)).all() and len(np.unique(eps)) == SEEDS * IMAGES
    between = eps * REAL + (1 - eps) * FAKE
    by_hand = 10 * ((np.linalg.norm(between, axis=2) - 1) ** 2).mean(1)
    deviation = np.abs(term.detach().numpy() - by_hand).max()
    conformance(
        "remedy gradient_penalty", "closed form of a quadratic critic, value", deviation, 1e-12
    )


def test_gradient_penalty_differentiates_through_generated_images_that_belong_to_a_graph() -> None:
    """As where the discriminator is unrolled: the term then reaches the generator, by the chain rule (1 - eps)."""
    shift = torch.zeros(SEEDS, requires_grad=True)
    real, fake = torch.tensor(REAL), torch.tensor(FAKE) + shift[:, None, None]
    outputs = [images.square().sum(-1) / 2 for images in (real, fake)]
    step = DiscriminatorStep(real, fake, *outputs, lambda x: (x.square().sum(-1) / 2, x), NOW)
    (found,) = torch.autograd.grad(
        make("gradient_penalty", weight=1.0).discriminator_term(step).sum(), shift
    )
    eps = NOW.uniform("gradient_penalty", IMAGES)[..., None]
    between = eps * real + (1 - eps) * torch.tensor(FAKE)
    norm = between.norm(dim=2, keepdim=True)
    by_hand = (2 * (norm - 1) * between / norm * (1 - eps)).sum(2).mean(1)
    torch.testing.assert_close(found, by_hand)


def test_a_flat_discriminator_keeps_a_finite_gradient() -> None:
    """The norm has no derivative at 0; the penalty uses 0 there, not nan."""
    w = torch.zeros(SEEDS, DIM, requires_grad=True)
    term = make("gradient_penalty").discriminator_term(
        step_of(lambda x: torch.einsum("sbd,sd->sb", x, w))
    )
    assert torch.autograd.grad(term.sum(), w)[0].tolist() == torch.zeros(SEEDS, DIM).tolist()
    torch.testing.assert_close(term, torch.full((SEEDS,), 10.0))


def test_a_packed_input_has_one_slope_over_all_its_images(conformance) -> None:
    """Two neighbours make one input: D(x, y) = u' x + v' y has the squared slope ||u||^2 + ||v||^2, and one eps."""
    images = torch.randn(SEEDS, 6, DIM, requires_grad=True)
    u, v = torch.randn(2, SEEDS, DIM)

    def critic(x: Tensor) -> Tensor:
        return torch.einsum("sbd,sd->sb", x[:, 0::2], u) + torch.einsum("sbd,sd->sb", x[:, 1::2], v)

    slopes = gradients(critic(images), images)
    assert slopes.shape == (SEEDS, 3, 2 * DIM)
    squared = u.square().sum(1) + v.square().sum(1)
    seen = []
    step = DiscriminatorStep(
        images,
        -images,
        critic(images),
        critic(-images),
        lambda x: (seen.append(x) or critic(x), x),
        NOW,
    )
    term = make("gradient_penalty", weight=1.0).discriminator_term(step)
    deviation = (term - (squared.sqrt() - 1) ** 2).abs().max().item()
    deviation = max(
        deviation, (make("r1", gamma=2.0).discriminator_term(step) - squared).abs().max().item()
    )
    conformance(
        "remedy gradient_penalty",
        "closed form of a linear critic of packed images",
        deviation,
        1e-12,
    )
    eps = ((seen[0] / images + 1) / 2).mean(2)  # x^ = eps x - (1 - eps) x
    torch.testing.assert_close(eps[:, 0::2], eps[:, 1::2])


# --- LeCam: E relu(D(x) - a_fake)^2 + E relu(a_real - D(G(z)))^2, with moving averages of the mean outputs


def outputs_step(real: np.ndarray, fake: np.ndarray) -> DiscriminatorStep:
    real, fake = torch.tensor(real), torch.tensor(fake)
    return DiscriminatorStep(real, fake, real, fake, lambda x: (x, x), NOW)


def started(**options: Any) -> Any:
    remedy = make("lecam", **options)
    for player in ("generator", "discriminator"):
        remedy.start(player, SimpleNamespace(parameters={"w": torch.zeros(SEEDS, 1)}, seeds=(3, 4)))
    return remedy


def test_lecam_by_hand_over_many_steps(conformance) -> None:
    remedy = started(weight=0.3, decay=0.9, start=3)
    history = RNG.normal(size=(8, 2, SEEDS, IMAGES))
    average = history[0].mean(2)  # [real or fake, S]
    for t, (real, fake) in enumerate(history):
        average = average if t == 0 else 0.9 * average + 0.1 * history[t].mean(2)
        step = outputs_step(real, fake)
        term = remedy.discriminator_term(step)
        assert (term is None) == (t < 3)
        if term is not None:
            by_hand = [
                np.mean([max(0, d - average[1, s]) ** 2 for d in real[s]])
                + np.mean([max(0, average[0, s] - d) ** 2 for d in fake[s]])
                for s in range(SEEDS)
            ]
            deviation = np.abs(term.numpy() - 0.3 * np.array(by_hand)).max()
            conformance("remedy lecam", "float64 numpy over 8 steps, value", deviation, 1e-12)
            assert torch.equal(term, remedy.discriminator_term(step)), (
                "forming the loss must not move the averages"
            )
        remedy.observe(step)


def test_the_gradient_of_lecam_takes_the_averages_as_constants(conformance) -> None:
    remedy = started(weight=1.0, decay=0.5, start=0)
    real, fake = (torch.randn(SEEDS, IMAGES, requires_grad=True) for _ in range(2))
    step = DiscriminatorStep(real, fake, real, fake, lambda x: (x, x), NOW)
    found = torch.autograd.grad(remedy.discriminator_term(step).sum(), [real, fake])
    a_real, a_fake = (outputs.detach().mean(1, keepdim=True) for outputs in (real, fake))
    by_hand = [
        2 * torch.relu(real.detach() - a_fake) / IMAGES,
        -2 * torch.relu(a_real - fake.detach()) / IMAGES,
    ]
    deviation = max((f - h).abs().max().item() for f, h in zip(found, by_hand, strict=True))
    conformance("remedy lecam", "closed form, gradient", deviation, 1e-12)


def test_lecam_with_settled_averages_minimises_the_lecam_divergence(conformance) -> None:
    """Tseng et al. 2021, prop. 1: with a_real = -a_fake = a, the best critic leaves (1 / (2 lambda) - a) Delta."""
    p, q = np.array([4, 3, 2, 1]) / 10, np.array([1, 2, 3, 4]) / 10
    p_draws, q_draws = (
        torch.tensor([[0] * 4 + [1] * 3 + [2] * 2 + [3]]),
        torch.tensor([[0, 1, 1, 2, 2, 2] + [3] * 4]),
    )
    weight, anchor = 1.0, 0.3
    remedy = started(weight=weight, decay=1 - 1e-12, start=0)
    remedy.observe(outputs_step(np.full((1, 1), anchor), np.full((1, 1), -anchor)))
    loss = losses.build(WassersteinOptions())
    table = torch.zeros(4, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [table], max_iter=200, tolerance_grad=1e-13, line_search_fn="strong_wolfe"
    )

    def whole() -> Tensor:
        optimiser.zero_grad()
        real, fake = table[p_draws], table[q_draws]
        value = loss.discriminator(real, fake) + remedy.discriminator_term(
            DiscriminatorStep(real, fake, real, fake, lambda x: (x, x), NOW)
        )
        value.sum().backward()
        return value.sum()

    optimiser.step(whole)
    found = -loss.discriminator(table[p_draws], table[q_draws]).item()
    divergence = ((p - q) ** 2 / (p + q)).sum()
    deviation = abs(found - (1 / (2 * weight) - anchor) * divergence)
    conformance(
        "remedy lecam", "(1 / (2 lambda) - a) Delta(p || q) at the best critic", deviation, 1e-8
    )


def test_lecam_goes_on_from_its_state() -> None:
    first, second = started(start=2), started(start=2)
    steps = [outputs_step(*RNG.normal(size=(2, SEEDS, IMAGES))) for _ in range(4)]
    for step in steps[:3]:
        first.observe(step)
    second.load_state({name: value.clone() for name, value in first.state().items()})
    assert torch.equal(first.discriminator_term(steps[3]), second.discriminator_term(steps[3]))
    assert set(first.state()) == {"steps", "average_real", "average_fake"}


def test_a_seed_that_diverges_stays_alone_in_lecam() -> None:
    remedy = started(start=0)
    real, fake = RNG.normal(size=(2, SEEDS, IMAGES))
    real[0, 0] = math.inf
    remedy.observe(outputs_step(real, fake))
    term = remedy.discriminator_term(outputs_step(real, fake))
    assert not torch.isfinite(term[0]) and torch.isfinite(term[1])


# --- label smoothing


def test_label_smoothing_only_lowers_the_discriminators_target_on_real_images() -> None:
    """What the target does to the losses stands in test_losses.py."""
    remedy = make("one_sided_label_smoothing", target=0.8)
    assert remedy.real_target == 0.8
    assert make("r1").real_target is None


# --- second order through the seed ensemble


@pytest.mark.parametrize("name", ["r1", "r2", "gradient_penalty"])
@pytest.mark.parametrize("model", ["mlp", "dcgan"])
@pytest.mark.parametrize("beside", [[], ["minibatch_discrimination"]])
def test_second_derivatives_under_vmap_are_those_of_the_loop(
    conformance, name: str, model: str, beside: list[str]
) -> None:
    config = TrialConfig(
        data={"name": "digits"},
        model={"name": model, "latent_dim": 3, "width": 4},
        batch_size=4,
        remedies=[name, *beside],
        seeds=[3, 4],
        budget={"unit": "updates", "amount": 10},
        evaluations=1,
    )
    packed, looped = (GanTrainer(config, (1, 8, 8), True, CPU) for _ in range(2))
    assert packed.fallbacks() == []
    looped.discriminator.fallback = "asked for by the test"
    stream = torch.Generator().manual_seed(0)
    batch = Batch(
        torch.rand(2, 4, 1, 8, 8, generator=stream), torch.randn(2, 4, 3, generator=stream), NOW
    )
    pairs = zip(
        packed.gradients("discriminator", batch),
        looped.gradients("discriminator", batch),
        strict=True,
    )
    deviation = max((p - q).abs().max().item() / max(1.0, q.abs().max().item()) for p, q in pairs)
    conformance(f"remedy {name}", "loop over seeds, gradient of the whole loss", deviation, 1e-11)


def test_penalties_of_a_packed_discriminator_inside_the_step_are_those_of_its_packed_inputs(
    conformance,
) -> None:
    """Written out on ready-made groups of two neighbours, [S, B / 2, 2 C, H, W], by plain differentiation."""
    config = TrialConfig(
        data={"name": "digits"},
        model={"name": "mlp", "latent_dim": 3, "width": 4},
        batch_size=4,
        loss="wasserstein",
        remedies=["packing", "r1", "gradient_penalty"],
        seeds=[3, 4],
        budget={"unit": "updates", "amount": 10},
        evaluations=1,
    )
    players = GanTrainer(config, (1, 8, 8), True, CPU)
    stream = torch.Generator().manual_seed(0)
    batch = Batch(
        torch.rand(2, 4, 1, 8, 8, generator=stream), torch.randn(2, 4, 3, generator=stream), NOW
    )
    found = players.gradients("discriminator", batch)
    weights = {
        name: value.detach().requires_grad_()
        for name, value in players.discriminator.parameters.items()
    }
    fake = players.generator(batch.latents).detach().reshape(2, 2, 2, 8, 8)
    real = batch.real.reshape(2, 2, 2, 8, 8)
    eps = NOW.uniform("gradient_penalty", 2)
    total = torch.zeros(())
    for s in range(2):
        own = {name.removeprefix("single."): value[s] for name, value in weights.items()}

        def critic(group: Tensor, own: dict[str, Tensor] = own) -> Tensor:
            return functional_call(players.discriminator.network.single, own, (group[None],))[0][0]

        for i in range(2):
            total = total + (critic(fake[s, i]) - critic(real[s, i])) / 2
            for at, gamma, weight in (
                (real[s, i], 10.0, 0.0),
                (eps[s, i] * real[s, i] + (1 - eps[s, i]) * fake[s, i], 0.0, 10.0),
            ):
                group = at.clone().requires_grad_()
                (slope,) = torch.autograd.grad(critic(group), group, create_graph=True)
                total = (
                    total
                    + (
                        gamma / 2 * slope.square().sum()
                        + weight * (slope.square().sum().sqrt() - 1) ** 2
                    )
                    / 2
                )
    expected = torch.autograd.grad(total, list(weights.values()), materialize_grads=True)
    deviation = max((f - e).abs().max().item() for f, e in zip(found, expected, strict=True))
    conformance(
        "remedy r1",
        "gradient_penalty and packing beside it, written out on packed inputs",
        deviation,
        1e-11,
    )


def test_second_derivatives_of_the_step_are_those_of_central_differences(conformance) -> None:
    """All penalties together on a discriminator without kinks, in each of some parameters of each tensor."""
    config = TrialConfig(
        data={"name": "digits"},
        model={"name": "mlp", "latent_dim": 3, "width": 4},
        batch_size=4,
        loss="relativistic_average",
        remedies=["r1", "r2", "gradient_penalty", "lecam"],
        remedy_options={"lecam": {"start": 0}},
        seeds=[3, 4],
        budget={"unit": "updates", "amount": 10},
        evaluations=1,
    )
    players = GanTrainer(config, (6,), False, CPU)
    trunk = players.discriminator.network.trunk
    for key, layer in trunk.named_children():
        if isinstance(layer, torch.nn.LeakyReLU):
            setattr(trunk, key, torch.nn.Softplus())
    stream = torch.Generator().manual_seed(0)
    batch = Batch(
        torch.randn(2, 4, 6, generator=stream), torch.randn(2, 4, 3, generator=stream), NOW
    )
    fake = players.generator(batch.latents).detach()
    # The averages of LeCam include the step's own batch as a constant: with one step seen, and a decay near 1,
    # central differences do not see that part.
    players.remedies[1] = started(start=0, decay=1 - 1e-12)
    players._terms = [*players.loss.terms(), *players.remedies]
    players.remedies[1].observe(players.discriminator_loss(batch, fake)[1])
    found = players.gradients("discriminator", batch)
    for value, gradient in zip(players.discriminator.parameters.values(), found, strict=True):
        for index in [0, value[0].numel() - 1]:
            flat = value.detach().view(2, -1)
            kept = flat[:, index].clone()
            sides = []
            for change in (1e-5, -1e-5):
                flat[:, index] = kept + change
                sides.append(players.discriminator_loss(batch, fake)[0].detach())
            flat[:, index] = kept
            by_hand = (sides[0] - sides[1]) / 2e-5
            deviation = (gradient.view(2, -1)[:, index] - by_hand).abs().max().item()
            conformance(
                "remedies r1, r2, gradient_penalty, lecam",
                "central differences of the step",
                deviation,
                1e-7,
            )

"""Losses against their equations in value and gradient, and at the optima that their papers derive."""

from __future__ import annotations

import math
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from ganstudy.trials.config.losses import LOSSES, LossOptions
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.losses import build

REAL = np.array([[0.3, -1.2, 2.0, 0.6], [5.0, 0.0, -4.0, 1.1]])
FAKE = np.array([[-0.7, 0.1, 1.5, -2.0], [9.0, -9.0, 0.2, 0.4]])
CPU = torch.device("cpu")


def make(name: str, **options: Any) -> Any:
    return build(LOSSES[name](**options))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("name", LOSSES)
def test_options_build_the_loss_that_reads_them(name: str) -> None:
    loss = make(name)
    assert type(loss.options) is LOSSES[name]
    expected = get_type_hints(type(loss)).get("options", LossOptions)
    assert issubclass(LOSSES[name], expected)


# --- values and gradients. Each case: loss of one seed, its gradient in the outputs on real and on generated images


def cross_entropy_discriminator(
    r: np.ndarray, f: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    value = -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean()
    return value, (sigmoid(r) - 1) / len(r), sigmoid(f) / len(f)


def smoothed_discriminator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    value, _, on_fake = cross_entropy_discriminator(r, f)
    value += (
        np.log(sigmoid(r)).mean() - (0.7 * np.log(sigmoid(r)) + 0.3 * np.log(1 - sigmoid(r))).mean()
    )
    return value, (sigmoid(r) - 0.7) / len(r), on_fake


def minimax_generator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return np.log(1 - sigmoid(f)).mean(), 0 * r, -sigmoid(f) / len(f)


def non_saturating_generator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return -np.log(sigmoid(f)).mean(), 0 * r, (sigmoid(f) - 1) / len(f)


def hinge_discriminator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    value = np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean()
    return value, -1.0 * (r < 1) / len(r), 1.0 * (f > -1) / len(f)


def least_squares_discriminator(
    r: np.ndarray, f: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    a, b = -0.5, 1.5
    value = ((r - b) ** 2).mean() / 2 + ((f - a) ** 2).mean() / 2
    return value, (r - b) / len(r), (f - a) / len(f)


def smoothed_least_squares_discriminator(
    r: np.ndarray, f: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    a, b = -0.5, 0.7 * 1.5
    value = ((r - b) ** 2).mean() / 2 + ((f - a) ** 2).mean() / 2
    return value, (r - b) / len(r), (f - a) / len(f)


def least_squares_generator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return ((f - 0.25) ** 2).mean() / 2, 0 * r, (f - 0.25) / len(f)


def critic(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return f.mean() - r.mean(), np.full_like(r, -1 / len(r)), np.full_like(f, 1 / len(f))


def mean_generator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return -f.mean(), 0 * r, np.full_like(f, -1 / len(f))


def relativistic(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """-E log s(r - E f) - E log(1 - s(f - E r)), with s'/s = 1 - s and the chain rule through both means."""
    d_real, d_fake = sigmoid(r - f.mean()), sigmoid(f - r.mean())
    value = -np.log(d_real).mean() - np.log(1 - d_fake).mean()
    on_real = (d_real - 1) / len(r) - d_fake.mean() / len(r)
    on_fake = d_fake / len(f) - (d_real - 1).mean() / len(f)
    return value, on_real, on_fake


def relativistic_generator(r: np.ndarray, f: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    value, on_fake, on_real = relativistic(f, r)
    return value, on_real, on_fake


TARGETS = {"a": -0.5, "b": 1.5, "c": 0.25}
CASES = [
    ("non_saturating", "discriminator", {}, 1.0, cross_entropy_discriminator),
    ("non_saturating", "discriminator", {}, 0.7, smoothed_discriminator),
    ("non_saturating", "generator", {}, 1.0, non_saturating_generator),
    ("minimax", "discriminator", {}, 1.0, cross_entropy_discriminator),
    ("minimax", "discriminator", {}, 0.7, smoothed_discriminator),
    ("minimax", "generator", {}, 1.0, minimax_generator),
    ("hinge", "discriminator", {}, 1.0, hinge_discriminator),
    ("hinge", "generator", {}, 1.0, mean_generator),
    ("least_squares", "discriminator", TARGETS, 1.0, least_squares_discriminator),
    ("least_squares", "discriminator", TARGETS, 0.7, smoothed_least_squares_discriminator),
    ("least_squares", "generator", TARGETS, 1.0, least_squares_generator),
    ("wasserstein", "discriminator", {}, 1.0, critic),
    ("wasserstein", "generator", {}, 1.0, mean_generator),
    ("wasserstein_gp", "discriminator", {}, 1.0, critic),
    ("wasserstein_gp", "generator", {}, 1.0, mean_generator),
    ("relativistic_average", "discriminator", {}, 1.0, relativistic),
    ("relativistic_average", "generator", {}, 1.0, relativistic_generator),
]


@pytest.mark.parametrize(("name", "player", "options", "target", "expected"), CASES)
def test_value_and_gradient(
    conformance, name: str, player: str, options: dict, target: float, expected: Any
) -> None:
    loss = make(name, **options)
    real, fake = (torch.tensor(outputs, requires_grad=True) for outputs in (REAL, FAKE))
    values = (
        loss.discriminator(real, fake, target)
        if player == "discriminator"
        else loss.generator(fake, real)
    )
    gradients = torch.autograd.grad(
        values.sum(), [real, fake], allow_unused=True, materialize_grads=True
    )
    assert values.shape == (2,)
    for seed in range(2):
        value, *by_hand = expected(REAL[seed], FAKE[seed])
        deviations = [abs(values[seed].item() - value) / max(1, abs(value))]
        deviations += [
            np.abs(g[seed].numpy() - h).max() for g, h in zip(gradients, by_hand, strict=True)
        ]
        conformance(f"loss {name}", "float64 numpy, value and gradient", max(deviations), 1e-12)


def test_the_usual_targets_of_least_squares_are_0_1_1() -> None:
    options = make("least_squares").options
    assert (options.a, options.b, options.c) == (0, 1, 1)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_stay_finite_at_extreme_outputs(name: str) -> None:
    extreme = torch.tensor([[1e4, -1e4]])
    loss = make(name)
    assert torch.isfinite(loss.discriminator(extreme, extreme)).all()
    assert torch.isfinite(loss.generator(extreme, extreme)).all()


@pytest.mark.parametrize("name", ["non_saturating", "minimax", "relativistic_average"])
def test_cross_entropies_are_two_ln_two_where_the_discriminator_cannot_tell(name: str) -> None:
    blind = torch.zeros(1, 7, dtype=torch.float64)
    assert make(name).discriminator(blind, blind).item() == pytest.approx(2 * math.log(2))


def test_relativistic_average_reads_differences_only_and_is_symmetric() -> None:
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    loss = make("relativistic_average")
    torch.testing.assert_close(
        loss.discriminator(real + 3, fake + 3), loss.discriminator(real, fake)
    )
    torch.testing.assert_close(loss.generator(fake, real), loss.discriminator(fake, real))


# --- optima, on five points: the outputs are a table, the best one is found and compared with the papers' closed form

P = np.array([4, 3, 2, 1, 0]) / 10
Q = np.array([1, 1, 2, 2, 4]) / 10
P_DRAWS = torch.tensor([[0] * 4 + [1] * 3 + [2] * 2 + [3]])
Q_DRAWS = torch.tensor([[0, 1, 2, 2, 3, 3, 4, 4, 4, 4]])


def best_outputs(loss: Any, target: float = 1.0) -> Tensor:
    """The table [5] that minimises the discriminator's loss."""
    table = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [table],
        max_iter=500,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss.discriminator(table[P_DRAWS], table[Q_DRAWS], target).sum()
        value.backward()
        return value

    optimiser.step(closure)
    return table.detach()


def test_cross_entropy_optimum_is_the_jensen_shannon_divergence(conformance) -> None:
    """Goodfellow et al. 2014, prop. 1 and theorem 1; on points that both have, where the optimum is finite."""
    p, q = np.array([4, 3, 2, 1]) / 10, np.array([1, 2, 3, 4]) / 10
    table = torch.tensor(np.log(p / q))
    p_draws, q_draws = (
        torch.tensor([[0] * 4 + [1] * 3 + [2] * 2 + [3]]),
        torch.tensor([[0] + [1] * 2 + [2] * 3 + [3] * 4]),
    )
    middle = (p + q) / 2
    divergence = (p * np.log(p / middle)).sum() / 2 + (q * np.log(q / middle)).sum() / 2
    value = make("minimax").discriminator(table[p_draws], table[q_draws]).item()
    table.requires_grad_()
    (gradient,) = torch.autograd.grad(
        make("minimax").discriminator(table[p_draws], table[q_draws]).sum(), table
    )
    deviation = max(abs(value - (2 * math.log(2) - 2 * divergence)), gradient.abs().max().item())
    conformance("loss minimax", "2 ln 2 - 2 JSD at its optimum p / (p + q)", deviation, 1e-12)


@pytest.mark.parametrize("alpha", [1.0, 0.9, 0.75])
def test_label_smoothing_makes_alpha_p_over_p_plus_q_the_best_discriminator(
    conformance, alpha: float
) -> None:
    """Salimans et al. 2016, sec. 3.4 with beta = 0. The last point has no data: its best output is minus infinity."""
    table = best_outputs(make("non_saturating"), alpha)
    expected = alpha * P / (P + Q)
    deviation = np.abs(torch.sigmoid(table).numpy() - expected).max()
    conformance(
        "remedy one_sided_label_smoothing", "best discriminator alpha p / (p + q)", deviation, 1e-5
    )


@pytest.mark.parametrize("alpha", [1.0, 0.9])
def test_least_squares_optimum(conformance, alpha: float) -> None:
    """Mao et al. 2017, sec. 3.2: D* = (b p + a q) / (p + q); label smoothing multiplies b."""
    table = best_outputs(make("least_squares", a=-1, b=1, c=0), alpha)
    deviation = np.abs(table.numpy() - (alpha * P - Q) / (P + Q)).max()
    conformance("loss least_squares", "best discriminator (b p + a q) / (p + q)", deviation, 1e-6)


def test_least_squares_generator_minimises_the_pearson_chi_squared_divergence(conformance) -> None:
    """Mao et al. 2017, sec. 3.2: 2 C(G) = chi^2(p + q || 2 q), with a, b, c = -1, 1, 0; on points where q > 0."""
    loss = make("least_squares", a=-1, b=1, c=0)
    best = torch.tensor((P - Q) / (P + Q))
    # The paper's C(G) counts real images too; their part does not depend on the generator.
    cost = loss.generator(best[Q_DRAWS], None) + loss.generator(best[P_DRAWS], None)
    chi_squared = ((2 * Q - (P + Q)) ** 2 / (P + Q)).sum()
    conformance(
        "loss least_squares",
        "Pearson chi-squared of p + q and 2 q",
        abs(2 * cost.item() - chi_squared),
        1e-12,
    )


def test_hinge_optimum_is_the_sign_and_costs_two_minus_twice_the_total_variation(
    conformance,
) -> None:
    """Lim & Ye 2017: sum over x of 2 min(p, q) = 2 (1 - TV), and no table does better."""
    loss, sign = make("hinge"), torch.tensor(np.sign(P - Q))
    value = loss.discriminator(sign[P_DRAWS], sign[Q_DRAWS]).item()
    conformance(
        "loss hinge",
        "2 (1 - TV) at its optimum",
        abs(value - 2 * (1 - np.abs(P - Q).sum() / 2)),
        1e-12,
    )
    for point in range(5):  # the loss is a sum over points, so each output can be searched alone
        for output in np.linspace(-3, 3, 121):
            table = sign.clone()
            table[point] = output
            assert loss.discriminator(table[P_DRAWS], table[Q_DRAWS]).item() >= value - 1e-12


def test_wasserstein_optimum_is_the_wasserstein_distance(conformance) -> None:
    """Arjovsky et al. 2017, eq. 2: on a line, the best 1-Lipschitz critic rises where the model is behind."""
    places = np.array([0.0, 0.7, 1.0, 2.5, 4.0])
    slopes = np.sign(np.cumsum(Q) - np.cumsum(P))[:-1]
    best = torch.tensor(np.concatenate([[0], np.cumsum(slopes * np.diff(places))]))
    distance = wasserstein_distance(places, places, P, Q)
    loss = make("wasserstein")
    value = -loss.discriminator(best[P_DRAWS], best[Q_DRAWS]).item()
    conformance(
        "loss wasserstein",
        "scipy.stats.wasserstein_distance at the best critic",
        abs(value - distance),
        1e-12,
    )
    rng = np.random.default_rng(0)
    for slopes in rng.uniform(-1, 1, size=(200, 4)):
        table = torch.tensor(np.concatenate([[0], np.cumsum(slopes * np.diff(places))]))
        assert -loss.discriminator(table[P_DRAWS], table[Q_DRAWS]).item() <= distance


# --- what the Wasserstein losses add to the game


def trainer(loss: str, remedies: tuple[str, ...] = (), **options: Any) -> GanTrainer:
    config = TrialConfig(
        data={"name": "ring"},
        model={"name": "mlp", "latent_dim": 3, "width": 5},
        batch_size=4,
        loss=loss,
        loss_options=options.pop(loss, {}),
        remedies=remedies,
        remedy_options=options,
        lr_d=0.05,
        optimiser="rmsprop",
        seeds=[3, 4],
        budget={"unit": "updates", "amount": 2},
        evaluations=1,
    )
    return GanTrainer(config, (6,), False, CPU)


def batch(player: Any) -> Batch:
    stream = torch.Generator().manual_seed(0)
    real, latents = torch.randn(2, 4, 6, generator=stream), torch.randn(2, 4, 3, generator=stream)
    return Batch(real, latents, StepContext(player, 0, 0.0, (3, 4), CPU))


def test_clipping_follows_the_critics_step_and_leaves_the_generator_alone() -> None:
    clipped, free = (
        trainer("wasserstein", wasserstein={"clip": 0.03}),
        trainer("wasserstein", wasserstein={"clip": 1e9}),
    )
    start = [value.clone() for value in clipped.generator.parameters.values()]
    for players in (clipped, free):
        players.discriminator_step(batch("discriminator"))
    pairs = zip(
        clipped.discriminator.parameters.values(),
        free.discriminator.parameters.values(),
        strict=True,
    )
    for value, unclipped in pairs:
        assert torch.equal(value, unclipped.clamp(-0.03, 0.03))
        assert not torch.equal(value, unclipped)
    assert all(
        torch.equal(v, s) for v, s in zip(clipped.generator.parameters.values(), start, strict=True)
    )
    critic_now = [value.clone() for value in clipped.discriminator.parameters.values()]
    clipped.generator_step(batch("generator"))
    assert max(value.abs().max().item() for value in clipped.generator.parameters.values()) > 0.03
    assert all(
        torch.equal(v, c)
        for v, c in zip(clipped.discriminator.parameters.values(), critic_now, strict=True)
    )


def test_wasserstein_gp_is_the_wasserstein_loss_with_the_gradient_penalty() -> None:
    penalised = trainer("wasserstein_gp", wasserstein_gp={"weight": 3.0})
    spelled_out = trainer(
        "wasserstein", ("gradient_penalty",), gradient_penalty={"weight": 3.0, "centre": 1.0}
    )
    for player in ("discriminator", "generator"):
        found, expected = (
            penalised.gradients(player, batch(player)),
            spelled_out.gradients(player, batch(player)),
        )
        assert all(torch.equal(f, e) for f, e in zip(found, expected, strict=True))
    assert make("wasserstein_gp").options.weight == 10


def test_only_cross_entropies_of_single_outputs_are_log_odds() -> None:
    assert [name for name in LOSSES if make(name).log_odds] == ["non_saturating", "minimax"]
    assert [name for name in LOSSES if make(name).generator_needs_real] == ["relativistic_average"]

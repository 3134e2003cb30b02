"""The Dirac-GAN (Mescheder et al. 2018): real data at 0, generated data at theta, D(x) = psi x, in the real trainer.

One cycle of the players is a map of the plane; its eigenvalues at the equilibrium (0, 0) say whether training
turns, contracts or explodes. They are measured by finite differences of actual steps, one perturbed copy per
seed of one pack, and compared with closed forms. eta is the step size, a = eta^2, vectors are (psi, theta).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.gan.trainer import GanTrainer

CPU = torch.device("cpu")
LINEAR = {"loss": "wasserstein", "loss_options": {"clip": 1e9}}
"""L_D = psi theta and L_G = -psi theta, exactly."""
ETA = 0.3


@pytest.fixture(autouse=True)
def at_equilibrium(dirac_networks: Any) -> None:
    dirac_networks(torch.zeros)


def trainer(seeds: int, remedies: dict[str, dict[str, Any]], **changes: Any) -> GanTrainer:
    values: dict[str, Any] = {
        "data": {"name": "ring"},
        "model": {"name": "mlp", "latent_dim": 1},
        "optimiser": "sgd",
        "lr_d": ETA,
        "lr_g": ETA,
        "batch_size": 2,
        "seeds": list(range(seeds)),
        "remedies": list(remedies),
        "remedy_options": remedies,
        "budget": {"unit": "updates", "amount": 1},
    }
    return GanTrainer(TrialConfig(**(values | changes)), (1,), False, CPU)


def batch(players: GanTrainer, player: Any, step: int = 0) -> Batch:
    seeds = players.config.seeds
    context = StepContext(player, step, 0.0, seeds, CPU)
    return Batch(torch.zeros(len(seeds), 2, 1), torch.zeros(len(seeds), 2, 1), context)


def held(players: GanTrainer) -> list[Tensor]:
    """The state of the game: psi, theta, and what the remedies remember of their last steps; [S, 1] each."""
    state = [players.discriminator.parameters["psi"], players.generator.parameters["theta"]]
    if players.config.remedies == ("optimistic_adam",):
        state += players.remedies[0].state().values()
    return state


def cycle_matrix(
    remedies: dict[str, dict[str, Any]], dimensions: int = 2, h: float = 1e-4, **changes: Any
) -> Any:
    """Derivative of one cycle (the discriminator's steps, then the generator's) at the equilibrium."""
    players = trainer(2 * dimensions, remedies, **changes)
    shifts = h * np.concatenate([np.eye(dimensions), -np.eye(dimensions)])
    with torch.no_grad():
        for place, column in zip(held(players), shifts.T, strict=True):
            place.copy_(torch.tensor(column)[:, None])
    for step in range(players.config.k.discriminator_steps_due(1)):
        players.discriminator_step(batch(players, "discriminator", step))
    players.generator_step(batch(players, "generator"))
    after = torch.cat([value.detach() for value in held(players)], dim=1).numpy()
    return (after[:dimensions] - after[dimensions:]).T / (2 * h)


def plane(psi_psi: float, psi_theta: float, theta_psi: float, theta_theta: float) -> np.ndarray:
    """A discriminator's step (psi_psi psi + psi_theta theta, theta), then a generator's."""
    return np.array([[1.0, 0.0], [theta_psi, theta_theta]]) @ np.array(
        [[psi_psi, psi_theta], [0.0, 1.0]]
    )


def moduli(matrix: np.ndarray) -> np.ndarray:
    return np.sort(np.abs(np.linalg.eigvals(matrix)))


def test_without_a_remedy_the_linear_game_turns_for_ever(conformance: Any) -> None:
    found = cycle_matrix({}, **LINEAR)
    conformance(
        "Dirac-GAN, no remedy", "closed form", np.abs(found - plane(1, -ETA, ETA, 1)).max(), 1e-10
    )
    conformance("Dirac-GAN, no remedy", "modulus 1", np.abs(moduli(found) - 1).max(), 1e-10)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("loss", ["non_saturating", "minimax"])
def test_cross_entropy_game_as_published(loss: str, k: int, conformance: Any) -> None:
    """Mescheder et al. 2018, lemma 2.4: with alpha = eta sqrt(k) f'(0), the eigenvalues have modulus 1."""
    found = np.linalg.eigvals(cycle_matrix({}, loss=loss, k=k))
    half = (ETA * 0.5) ** 2 * k / 2
    expected = 1 - half + np.sqrt(complex((1 - half) ** 2 - 1)) * np.array([1, -1])
    deviation = np.abs(np.sort_complex(found) - np.sort_complex(expected)).max()
    conformance(f"Dirac-GAN, {loss}, k = {k}", "Mescheder et al. 2018, lemma 2.4", deviation, 1e-7)
    assert np.abs(found) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("r1", {"gamma": 2.0}),
        ("r2", {"gamma": 2.0}),
        ("gradient_penalty", {"weight": 1.0, "centre": 0}),
    ],
)
def test_zero_centred_penalties_contract(
    name: str, options: dict[str, Any], conformance: Any
) -> None:
    """All three are psi^2 here: gamma / 2 = weight = 1."""
    found = cycle_matrix({name: options})
    expected = plane(1 - 2 * ETA, -ETA / 2, ETA / 2, 1)
    conformance(f"Dirac-GAN, {name}", "closed form", np.abs(found - expected).max(), 1e-7)
    assert moduli(found)[1] < 0.97


def test_r1_has_the_published_eigenvalues_for_short_steps(conformance: Any) -> None:
    """Mescheder et al. 2018, in continuous time: -gamma/2 +- sqrt(gamma^2 / 4 - f'(0)^2)."""
    eta, gamma = 1e-5, 0.6
    found = (
        np.linalg.eigvals(cycle_matrix({"r1": {"gamma": gamma}}, lr_d=eta, lr_g=eta)) - 1
    ) / eta
    expected = -gamma / 2 + np.sqrt(complex(gamma**2 / 4 - 0.25)) * np.array([1, -1])
    deviation = np.abs(np.sort_complex(found) - np.sort_complex(expected)).max()
    conformance("Dirac-GAN, r1", "Mescheder et al. 2018, continuous time", deviation, 1e-4)


def test_optimistic_steps_contract(conformance: Any) -> None:
    """psi_{t+1} = psi_t - 2 eta theta_t + eta theta_{t-1} and theta_{t+1} = theta_t + 2 eta psi_{t+1} - eta psi_t
    have solutions z^t where z (z - 1)^2 + a (2 z - 1)^2 = 0."""
    found = np.sort_complex(
        np.linalg.eigvals(cycle_matrix({"optimistic_adam": {}}, dimensions=4, **LINEAR))
    )
    a = ETA**2
    expected = np.sort_complex([0.0, *np.roots([1, 4 * a - 2, 1 - 4 * a, a])])
    conformance("Dirac-GAN, optimistic_adam", "closed form", np.abs(found - expected).max(), 1e-7)
    assert np.abs(found).max() < 0.97


@pytest.mark.parametrize("k", [1, 2])
def test_extragradient_contracts(k: int, conformance: Any) -> None:
    """A discriminator's step takes theta at theta + eta psi, a generator's takes psi at psi - eta theta: each step
    shrinks its own coordinate by 1 - a, so the determinant of a cycle is (1 - a)^(k + 1)."""
    a = ETA**2
    found = cycle_matrix({"extragradient": {}}, k=k, **LINEAR)
    once = np.array([[1 - a, -ETA], [0, 1]])
    expected = np.array([[1, 0], [ETA, 1 - a]]) @ np.linalg.matrix_power(once, k)
    conformance("Dirac-GAN, extragradient", "closed form", np.abs(found - expected).max(), 1e-10)
    conformance(
        "Dirac-GAN, extragradient",
        "determinant",
        abs(np.linalg.det(found) - (1 - a) ** (k + 1)),
        1e-10,
    )
    assert moduli(found)[1] == pytest.approx((1 - a) ** ((k + 1) / 2), abs=1e-10)


def test_historical_averaging_contracts_towards_the_average(conformance: Any) -> None:
    """With the average at 0, each player's step shrinks its own coordinate by 1 - 2 eta lambda."""
    found = cycle_matrix({"historical_averaging": {"weight": 0.2}}, **LINEAR)
    kept = 1 - 2 * ETA * 0.2
    conformance(
        "Dirac-GAN, historical_averaging",
        "closed form",
        np.abs(found - plane(kept, -ETA, ETA, kept)).max(),
        1e-10,
    )


@pytest.mark.parametrize("steps", [1, 4])
def test_unrolling_contracts(steps: int, conformance: Any) -> None:
    """psi_K = psi - K eta theta, so L_G = -psi theta + K eta theta^2 and the generator keeps 1 - 2 K a of theta."""
    found = cycle_matrix({"unrolled_discriminator": {"steps": steps}}, **LINEAR)
    expected = plane(1, -ETA, ETA, 1 - 2 * steps * ETA**2)
    conformance(
        "Dirac-GAN, unrolled_discriminator", "closed form", np.abs(found - expected).max(), 1e-10
    )


# --- the gradient through unrolled steps


def generator_gradient(
    psi: float, theta: float, remedies: dict[str, dict[str, Any]], **changes: Any
) -> float:
    players = trainer(1, remedies, **LINEAR, **changes)
    with torch.no_grad():
        held(players)[0].fill_(psi)
        held(players)[1].fill_(theta)
    return players.gradients("generator", batch(players, "generator"))[0].item()


def test_unrolled_gradient_of_the_quadratic_game(conformance: Any) -> None:
    """With R1, L_D = psi theta + gamma/2 psi^2: psi_K = r^K psi - theta (1 - r^K) / gamma with r = 1 - eta gamma."""
    gamma, psi, theta = 1.5, 0.7, -0.4
    for steps in (1, 2, 5):
        found = generator_gradient(
            psi, theta, {"unrolled_discriminator": {"steps": steps}, "r1": {"gamma": gamma}}
        )
        power = (1 - ETA * gamma) ** steps
        expected = -power * psi + 2 * theta * (1 - power) / gamma
        conformance(
            "remedy unrolled_discriminator", "closed form, sgd", abs(found - expected), 1e-12
        )


def test_unrolled_gradient_through_the_first_step_of_adam(conformance: Any) -> None:
    """From an empty state, Adam moves by eta g / (|g| + eps) with g = theta, and that is what is differentiated."""
    psi, theta, eps = 0.7, 3e-8, 1e-8
    found = generator_gradient(
        psi, theta, {"unrolled_discriminator": {"steps": 1}}, optimiser="adam"
    )
    moved = psi - ETA * theta / (theta + eps)
    expected = -moved + theta * ETA * eps / (theta + eps) ** 2
    conformance(
        "remedy unrolled_discriminator",
        "closed form, Adam's first step",
        abs(found - expected),
        1e-8,
    )

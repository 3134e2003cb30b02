"""The path angle: closed forms of quadratic games, an independent version, and the Dirac-GAN in the real trainer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.gan.path_angle import BESIDE, SIDEWAYS, PathScores, path_angle, path_scores
from ganstudy.trials.gan.trainer import GanTrainer

CPU = torch.device("cpu")
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
LINEAR = {"loss": "wasserstein", "loss_options": {"clip": 1e9}}
"""L_D = psi theta and L_G = -psi theta, exactly."""


def quadratic(matrices: np.ndarray, start: np.ndarray, end: np.ndarray) -> PathScores:
    """Scores of v = A w for matrices [S, n, n] and points [S, n], with w cut into two tensors of unlike shapes."""
    a, n = torch.tensor(matrices), matrices.shape[-1]

    def cut(w: Tensor) -> list[Tensor]:
        return [w[:, : n // 2], w[:, n // 2 :, None]]

    def field(w: list[Tensor]) -> list[Tensor]:
        return cut(torch.einsum("sij,sj->si", a, torch.cat([w[0], w[1][..., 0]], 1)))

    return path_scores(field, cut(torch.tensor(start)), cut(torch.tensor(end)))


def independent(matrix: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[float, float]:
    """(attraction, rotation) of v = A w, as the module's text says it."""

    def c(w: np.ndarray) -> float:
        v, path = matrix @ w, start - end
        return float(path @ v / np.linalg.norm(path) / np.linalg.norm(v))

    before, beyond = ([end + side * d * (start - end) for d in BESIDE] for side in (1, -1))
    attraction = (np.mean([c(w) for w in before]) - np.mean([c(w) for w in beyond])) / 2
    path = start - end
    change = sum(matrix @ w for w in before) - sum(matrix @ w for w in beyond)
    lean = change - path * (path @ change) / (path @ path)
    h = SIDEWAYS * np.linalg.norm(path) * lean / np.linalg.norm(lean)
    return float(attraction), (c(end - h) - c(end + h)) / 2


def mixture(angle: float, planes: int) -> np.ndarray:
    """cos(angle) I + sin(angle) (a turn by 90 degrees in so many planes)"""
    return np.cos(angle) * np.eye(2 * planes) + np.sin(angle) * np.kron(np.eye(planes), TURN)


@pytest.mark.parametrize("planes", [1, 4])
@pytest.mark.parametrize("degrees", [-90, -30, 0, 20, 45, 70, 90, 120, 180])
def test_mixtures_of_attraction_and_rotation_that_end_at_the_centre(
    degrees: float, planes: int, conformance
) -> None:
    """Pure attraction scores (1, 0), pure rotation (0, 1), repulsion (-1, 0)."""
    rng, angle = np.random.default_rng(0), np.radians(degrees)
    start = rng.standard_normal((5, 2 * planes))
    scores = quadratic(np.stack([mixture(angle, planes)] * 5), start, np.zeros_like(start))
    deviation = np.abs(scores.attraction.numpy() - np.cos(angle)).max()
    conformance("measure path_attraction", "closed form, quadratic game", deviation, 1e-12)
    deviation = np.abs(scores.rotation.numpy() - abs(np.sin(angle))).max()
    conformance("measure path_rotation", "closed form, quadratic game", deviation, 1e-12)


@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90])
def test_the_same_a_little_off_the_centre(degrees: float, conformance) -> None:
    rng, angle = np.random.default_rng(1), np.radians(degrees)
    start, off = rng.standard_normal((2, 200, 4))
    end = (
        1e-3
        * off
        * np.linalg.norm(start, axis=1, keepdims=True)
        / np.linalg.norm(off, axis=1, keepdims=True)
    )
    scores = quadratic(np.stack([mixture(angle, 2)] * 200), start, end)
    off_by = "closed form, end 0.001 of the path off the centre"
    conformance(
        "measure path_attraction",
        off_by,
        np.abs(scores.attraction.numpy() - np.cos(angle)).max(),
        3e-3,
    )
    conformance(
        "measure path_rotation",
        off_by,
        np.abs(scores.rotation.numpy() - abs(np.sin(angle))).max(),
        3e-3,
    )


def test_any_matrix_against_an_independent_version(conformance) -> None:
    rng = np.random.default_rng(2)
    matrices, start, end = (
        rng.standard_normal((20, 7, 7)),
        rng.standard_normal((20, 7)),
        rng.standard_normal((20, 7)),
    )
    scores = quadratic(matrices, start, end)
    expected = np.array(
        [independent(*of_seed) for of_seed in zip(matrices, start, end, strict=True)]
    )
    for name, found, column in zip(("attraction", "rotation"), scores, expected.T, strict=True):
        conformance(
            f"measure path_{name}",
            "independent NumPy version",
            np.abs(found.numpy() - column).max(),
            1e-12,
        )


def test_a_single_loss_never_rotates_and_a_bilinear_game_always_does() -> None:
    rng = np.random.default_rng(3)
    matrices, start = rng.standard_normal((100, 9, 9)), rng.standard_normal((100, 9))
    transposed, end = matrices.swapaxes(1, 2), np.zeros((100, 9))
    ill_conditioned = matrices @ transposed
    assert quadratic(ill_conditioned, start, end).rotation.max() <= 0
    assert quadratic(matrices + transposed, start, end).rotation.max() <= 0, (
        "a saddle is no rotation either"
    )
    bilinear = quadratic(matrices - transposed, start, end)
    assert bilinear.attraction.abs().max() < 1e-12 and bilinear.rotation.min() > 0.1


def test_a_path_that_the_field_follows_exactly_is_no_rotation_in_single_precision() -> None:
    start = [torch.randn(3, 1000, generator=torch.Generator().manual_seed(0))]
    scores = path_scores(lambda w: [3 * w[0]], start, [torch.zeros(3, 1000)])
    assert scores.attraction == pytest.approx(1, abs=1e-6) and torch.equal(
        scores.rotation, torch.zeros(3)
    )


def test_a_seed_that_is_not_finite_or_has_not_moved_has_no_score_and_leaves_the_others_alone() -> (
    None
):
    start, end = np.random.default_rng(4).standard_normal((2, 3, 4))
    healthy = quadratic(np.stack([mixture(1.0, 2)] * 3), start, end)
    end[1], end[2] = np.nan, start[2]
    scores = quadratic(np.stack([mixture(1.0, 2)] * 3), start, end)
    for found, expected in zip(scores, healthy, strict=True):
        assert found[0] == expected[0] and found[1:].isnan().all()


# --- the Dirac-GAN of conftest.py


@pytest.fixture
def dirac(dirac_networks: Any):
    """(start, scores of a path from it to `end`) of a Dirac-GAN in double precision; both [S, 2]: theta, psi."""
    dirac_networks(torch.randn)

    def measure(
        end: tuple[float, float] = (0.0, 0.0), **changes: Any
    ) -> tuple[np.ndarray, PathScores]:
        values: dict[str, Any] = {
            "data": {"name": "ring"},
            "model": {"name": "mlp", "latent_dim": 1},
            "batch_size": 4,
            "seeds": list(range(8)),
            "budget": {"unit": "updates", "amount": 1},
        }
        zeros: Any = SimpleNamespace(
            mirror=False, train=torch.zeros(16, 1), shape=(1,), bounded=False
        )
        trainer = GanTrainer(TrialConfig(**(values | changes)), (1,), False, CPU)
        held = [
            trainer.generator.parameters["theta"].detach(),
            trainer.discriminator.parameters["psi"].detach(),
        ]
        start = torch.cat(held, 1).numpy()
        for value, at in zip(held, end, strict=True):
            value.fill_(at)
        return start, path_angle(trainer, zeros, batches=2)

    return measure


def expected_of(matrix: np.ndarray, start: np.ndarray) -> np.ndarray:
    """[S, 2]: attraction and rotation of v = A w in the plane, ending at 0, from unit vectors e and u."""
    e = start / np.linalg.norm(start, axis=1, keepdims=True)
    u = e @ TURN.T
    u *= np.sign(np.sum(u * (e @ matrix.T), 1, keepdims=True))
    cosines = [
        np.sum(e * (w @ matrix.T), 1) / np.linalg.norm(w @ matrix.T, axis=1) for w in (e, -u)
    ]
    return np.stack(cosines, 1)


def test_the_linear_dirac_gan_is_pure_rotation(dirac, conformance) -> None:
    """v = (-psi, theta)"""
    _, scores = dirac(**LINEAR)
    conformance(
        "measure path_attraction", "Dirac-GAN, linear", scores.attraction.abs().max().item(), 1e-12
    )
    conformance(
        "measure path_rotation",
        "Dirac-GAN, linear",
        (scores.rotation - 1).abs().max().item(),
        1e-12,
    )


@pytest.mark.parametrize("gamma", [0.3, 1.0, 5.0])
def test_r1_makes_the_dirac_gan_attract(gamma: float, dirac, conformance) -> None:
    """v = (-psi, theta + gamma psi), so c = gamma sin^2 b / sqrt(1 + 2 gamma sin b cos b + gamma^2 sin^2 b) where the
    path starts in the direction b: attraction >= 0, and > 0 unless psi starts at 0."""
    start, scores = dirac(**LINEAR, remedies=["r1"], remedy_options={"r1": {"gamma": gamma}})
    b = np.arctan2(start[:, 1], start[:, 0])
    c = (
        gamma
        * np.sin(b) ** 2
        / np.sqrt(1 + 2 * gamma * np.sin(b) * np.cos(b) + gamma**2 * np.sin(b) ** 2)
    )
    conformance(
        "measure path_attraction",
        "Dirac-GAN, r1",
        np.abs(scores.attraction.numpy() - c).max(),
        1e-12,
    )
    expected = expected_of(np.array([[0, -1], [1, gamma]]), start)
    conformance(
        "measure path_rotation",
        "Dirac-GAN, r1",
        np.abs(scores.rotation.numpy() - expected[:, 1]).max(),
        1e-12,
    )
    assert scores.attraction.min() > 0


def test_the_cross_entropy_dirac_gan_rotates_near_its_equilibrium(dirac) -> None:
    """v = (-psi sigmoid(-psi theta), theta sigmoid(psi theta)) is (-psi, theta) / 2 at 0. Paths start within a few
    units of it, and are looked at up to a tenth of their length."""
    _, scores = dirac(loss="non_saturating")
    assert scores.attraction.abs().max() < 0.01
    assert scores.rotation == pytest.approx(1, abs=0.01)


def test_the_dirac_gan_far_from_its_equilibrium_neither_attracts_nor_rotates(dirac) -> None:
    _, scores = dirac(end=(50.0, 80.0), **LINEAR)
    assert scores.attraction.abs().max() < 0.1 and scores.rotation.abs().max() < 0.1


def test_a_seed_in_a_pack_scores_as_alone(conformance) -> None:
    data = load(Ring())

    def scores(seeds: list[int]) -> Tensor:
        config = TrialConfig(
            data={"name": "ring"},
            model={"name": "mlp", "latent_dim": 4, "width": 16, "batch_norm": True},
            seeds=seeds,
            batch_size=32,
            budget={"unit": "updates", "amount": 1},
        )
        trainer = GanTrainer(config, data.shape, data.bounded, CPU)
        with torch.no_grad():
            for ensemble in trainer.players.values():
                for value in ensemble.parameters.values():
                    value.mul_(1.5).add_(0.1)
        return torch.stack(path_angle(trainer, data, batches=2))

    deviation = (scores([0, 1, 7])[:, 2] - scores([7])[:, 0]).abs().max()
    conformance("measures path_attraction, path_rotation", "one seed alone", deviation.item(), 1e-4)

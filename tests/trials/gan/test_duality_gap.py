"""The duality gap: closed forms, the equilibrium and the one-sided bound; see also test_end_of_training.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.gan import duality_gap as module
from ganstudy.trials.gan.duality_gap import Gains, players_gains
from ganstudy.trials.gan.end_of_training import end_of_training_measures
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.networks.base import Discriminator, Networks

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


def points(values: Tensor) -> Any:
    """A data set of points, for games whose closed forms need data that a real one may not have."""
    return SimpleNamespace(
        train=values,
        held_out=values,
        shape=tuple(values.shape[1:]),
        bounded=False,
        mirror=False,
    )


@pytest.fixture(autouse=True)
def few_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCORED", 128)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch):
    """Puts two networks in the place of the multilayer perceptrons; the game, all in double precision."""
    torch.set_default_dtype(torch.float64)

    def build(generator: Any, discriminator: Any, **changes: Any) -> GanTrainer:
        pair = Networks(generator, lambda _: discriminator())
        monkeypatch.setattr("ganstudy.trials.networks.mlp.mlp", lambda *_: pair)
        return GanTrainer(config(**changes), (1,), False, CPU)

    yield build
    torch.set_default_dtype(torch.float32)


def put(trainer: GanTrainer, **values: Any) -> None:
    """Sets parameters and buffers by name."""
    held = trainer.generator.state() | trainer.discriminator.state()
    with torch.no_grad():
        for name, value in values.items():
            held[name].copy_(torch.as_tensor(value).reshape(held[name].shape))


# --- the mean game: real data at mu, generated data at REACH sin(angle), D(x) = psi x, wasserstein_gp

REACH, MU, WEIGHT = 3.0, 1.0, 0.5


class Pointer(nn.Module):
    """All generated data lie at one point of [-REACH, REACH]."""

    def __init__(self) -> None:
        super().__init__()
        self.angle = nn.Parameter(torch.zeros(1))

    def forward(self, latents: Tensor) -> Tensor:
        return (REACH * torch.sin(self.angle)).expand(len(latents), 1)


class Line(Discriminator):
    """D(x) = psi x"""

    num_features = None

    def __init__(self) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images[:, 0] * self.psi, images[:, :0]


def mean_game(play: Any, theta: list[float], psi: list[float], lr: float = 0.3) -> GanTrainer:
    options = {"loss": "wasserstein_gp", "loss_options": {"weight": WEIGHT}, "optimiser": "sgd"}
    trainer: GanTrainer = play(
        Pointer, Line, lr_d=lr, lr_g=lr, seeds=list(range(len(theta))), **options
    )
    put(trainer, angle=np.arcsin(np.array(theta) / REACH), psi=psi)
    return trainer


def mean_game_gains(theta: np.ndarray, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M = psi (mu - theta) - w (|psi| - 1)^2, greatest at psi = 1 + (mu - theta) / 2w where that is positive; its part
    without the penalty is smallest at theta = REACH where psi > 0."""
    gap = MU - theta
    best = gap + gap**2 / (4 * WEIGHT)
    return best - (psi * gap - WEIGHT * (np.abs(psi) - 1) ** 2), psi * (REACH - theta)


THETA, PSI = [0.5, -1.0, 1.0, 0.2], [0.8, 0.3, 1.0, 1.5]
DATA = torch.full((40, 1), MU, dtype=torch.float64)


def test_both_gains_of_the_mean_game(play, conformance) -> None:
    found = players_gains(mean_game(play, THETA, PSI), points(DATA), steps=100)
    for name, gain, expected in zip(
        Gains._fields, found, mean_game_gains(np.array(THETA), np.array(PSI)), strict=True
    ):
        deviation = np.abs(gain.numpy() - expected).max()
        conformance(
            f"measure duality_gap, the {name}'s gain", "closed form, mean game", deviation, 1e-9
        )
    trainer = mean_game(play, THETA, PSI)
    gains = players_gains(trainer, points(DATA), steps=2)
    assert torch.equal(
        end_of_training_measures(trainer, points(DATA), steps=2)["duality_gap"],
        gains.discriminator + gains.generator,
    )


def test_clipped_weights_stay_clipped_in_the_search(play, conformance) -> None:
    """M = psi (mu - theta) over |psi| <= clip."""
    trainer = play(
        Pointer, Line, loss="wasserstein", loss_options={"clip": 0.5}, optimiser="sgd", lr_d=0.1
    )
    theta, psi = np.array([0.5, 2.0, -1.0]), np.array([0.2, 0.5, -0.3])
    put(trainer, angle=np.arcsin(theta / REACH), psi=psi)
    gain = players_gains(trainer, points(DATA), steps=100).discriminator.numpy()
    deviation = np.abs(gain - (0.5 * np.abs(MU - theta) - psi * (MU - theta))).max()
    conformance(
        "measure duality_gap, the discriminator's gain", "closed form, clipped", deviation, 1e-12
    )


def test_a_short_search_finds_less_and_never_too_much(play) -> None:
    exact = sum(mean_game_gains(np.array(THETA), np.array(PSI)))
    before = np.zeros(len(THETA))
    for steps in (1, 3, 10, 30):
        gap = sum(players_gains(mean_game(play, THETA, PSI, lr=0.1), points(DATA), steps)).numpy()
        assert np.all(before < gap) and np.all(gap <= exact + 1e-9)
        before = gap


@pytest.mark.parametrize(
    "loss", ["non_saturating", "minimax", "hinge", "wasserstein", "relativistic_average"]
)
def test_the_gap_is_0_at_the_equilibrium_of_the_dirac_gan(loss: str, play) -> None:
    """Real and generated data at 0 and D = 0: neither player can change anything by moving alone."""
    trainer = play(Pointer, Line, loss=loss)
    gains = players_gains(trainer, points(torch.zeros(10, 1)), steps=20)
    assert torch.equal(torch.stack(gains), torch.zeros(2, 3))


# --- a table of outputs: real and generated data are one of four numbers, D(x) is free for each of them

REAL, EDGES = [0.1, 0.2, 0.3, 0.4], torch.tensor([0.4, 0.7, 0.9])
FAKE = [0.4, 0.3, 0.2, 0.1]


class Dice(nn.Module):
    """0, 1, 2 or 3, by where the latent lies between the edges; its parameter has no effect."""

    edges: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))
        self.register_buffer("edges", 2 * EDGES.to(torch.get_default_dtype()) - 1)

    def forward(self, latents: Tensor) -> Tensor:
        return (latents[:, :1] > self.edges).sum(1, keepdim=True) + 0 * self.nothing


class Table(Discriminator):
    """One output per number."""

    num_features = None

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.outputs = nn.Parameter(torch.zeros(size))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        numbers = torch.arange(len(self.outputs), dtype=images.dtype)
        return (images == numbers).to(images.dtype) @ self.outputs + 0 * images[:, 0], images[:, :0]


def dice(play: Any, **changes: Any) -> GanTrainer:
    """Many images per step, so that the searches and scores are those of the whole distributions."""
    model = {"name": "mlp", "latent_dim": 1, "latent": "uniform"}
    trainer: GanTrainer = play(Dice, Table, model=model, batch_size=2000, lr_d=0.05, **changes)
    return trainer


def throws(shares: list[float]) -> Any:
    numbers = np.repeat(np.arange(4.0), np.round(20_000 * np.array(shares)).astype(int))
    return points(torch.tensor(numbers)[:, None])


def entropy_of_mixture(p: np.ndarray, q: np.ndarray) -> float:
    """2 JSD(p, q) - 2 ln 2, the greatest value of eq. 1 of Goodfellow et al. 2014"""
    return float((p * np.log(p / (p + q)) + q * np.log(q / (p + q))).sum())


@pytest.mark.parametrize(
    ("loss", "at_best", "at_zero"),
    [
        ("non_saturating", entropy_of_mixture, -2 * np.log(2)),
        ("minimax", entropy_of_mixture, -2 * np.log(2)),
        ("hinge", lambda p, q: np.abs(p - q).sum() - 2, -2.0),
        ("least_squares", lambda p, q: -0.5 * (p * q / (p + q)).sum(), -0.5),
    ],
)
def test_the_discriminators_gain_is_a_divergence(
    loss, at_best, at_zero, play, monkeypatch, conformance
) -> None:
    """Against a fixed generator, from D = 0: Jensen-Shannon, total variation or Pearson's chi-squared."""
    monkeypatch.setattr(module, "SCORED", 20_000)
    gains = players_gains(dice(play, loss=loss), throws(REAL), steps=150)
    expected = at_best(np.array(REAL), np.array(FAKE)) - at_zero
    deviation = np.abs(gains.discriminator.numpy() - expected).max()
    conformance(
        "measure duality_gap, the discriminator's gain", f"divergence, {loss}", deviation, 0.03
    )
    assert torch.equal(gains.generator, torch.zeros(3))


def test_the_gap_of_a_perfect_generator_is_sampling_noise(play, monkeypatch, conformance) -> None:
    monkeypatch.setattr(module, "SCORED", 20_000)
    gains = players_gains(dice(play), throws(FAKE), steps=100)
    deviation = gains.discriminator.abs().max().item()
    conformance("measure duality_gap", "0 for a perfect generator", deviation, 0.01)


def test_what_holds_for_the_searched_half_alone_gains_nothing_and_nothing_is_cut_off(play) -> None:
    """Every held-out point is a number of its own: a discriminator that learns one half by heart takes the other half
    for generated."""

    class Every(Dice):
        def forward(self, latents: Tensor) -> Tensor:
            return (100 * (latents[:, :1] + 1)).floor() + 0 * self.nothing

    model = {"name": "mlp", "latent_dim": 1, "latent": "uniform"}
    trainer = play(Every, lambda: Table(200), model=model, batch_size=500, lr_d=0.05)
    gains = players_gains(trainer, points(torch.arange(200.0)[:, None]), steps=100)
    assert gains.discriminator.max() < -0.5

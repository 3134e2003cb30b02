"""The baselines: their losses against independent numpy versions, and what the lecture claims about them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.gan.autoencoder import Autoencoder
from ganstudy.trials.training.trial import Trial

CPU = torch.device("cpu")
SHAPE = (1, 3, 2)


def config(method: str, **values: Any) -> TrialConfig:
    whole = {
        "data": {"name": "digits"},
        "model": {"latent_dim": 2, "width": 5},
        "method": method,
        "batch_size": 4,
        "seeds": [3, 4],
        "budget": {"unit": "generator_steps", "amount": 4},
        "evaluations": 1,
        "lr_g": 1e-2,
    }
    return TrialConfig(**{**whole, **values})


def batch(seed: int = 0) -> Batch:
    stream = torch.Generator().manual_seed(seed)
    real = torch.rand(2, 4, *SHAPE, generator=stream) * 2 - 1
    return Batch(
        real, torch.randn(2, 4, 2, generator=stream), StepContext("generator", 7, 0.5, (3, 4), CPU)
    )


def dense(
    parameters: dict[str, np.ndarray], names: list[str], x: np.ndarray, slope: float
) -> np.ndarray:
    """Hidden layers with leaky ReLU of `slope` after each."""
    for name in names:
        x = x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]
        x = np.where(x > 0, x, slope * x)
    return x


def loss_of_one(
    players: Autoencoder, real: np.ndarray, noise: np.ndarray | None, seed: int
) -> float:
    """One seed's loss in float64 numpy; the networks are those of trials/networks/mlp.py."""
    encoder = {
        name: value[seed].detach().double().numpy()
        for name, value in players.encoder.parameters.items()
    }
    decoder = {
        name: value[seed].detach().double().numpy()
        for name, value in players.decoder.parameters.items()
    }
    flat = real.reshape(len(real), -1)
    hidden = sorted({name.rsplit(".", 1)[0] for name in encoder if name.startswith("trunk.trunk")})
    features = dense(encoder, hidden, flat, 0.2)
    code = features @ encoder["code.weight"].T + encoder["code.bias"]
    divergence = 0.0
    if noise is not None:
        mean, log_variance = code[:, :2], code[:, 2:]
        divergence = float(((mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1) / 2).mean())
        code = mean + noise * np.exp(log_variance / 2)
    *first, last = sorted({name.rsplit(".", 1)[0] for name in decoder}, key=int)
    decoded = np.tanh(
        dense(decoder, first, code, 0.0) @ decoder[f"{last}.weight"].T + decoder[f"{last}.bias"]
    )
    squares = (flat - decoded) ** 2
    if noise is None:
        return float(squares.sum(1).mean())
    return flat.shape[1] / 2 * (math.log(2 * math.pi * squares.mean()) + 1) + divergence


@pytest.mark.parametrize("method", ["autoencoder", "vae"])
def test_loss_is_the_published_one(method: str, conformance: Any) -> None:
    players, given = Autoencoder(config(method), SHAPE, True, CPU), batch()
    assert given.real is not None
    noise = given.context.normal("posterior", 4, 2).double().numpy() if method == "vae" else None
    loss = players.loss(given)
    for seed in range(2):
        own = None if noise is None else noise[seed]
        expected = loss_of_one(players, given.real[seed].double().numpy(), own, seed)
        conformance(
            f"method {method}",
            "float64 numpy",
            abs(loss[seed].item() - expected) / abs(expected),
            1e-5,
        )


def test_one_step_lowers_the_loss_and_seeds_stay_apart() -> None:
    together, alone = (
        Autoencoder(config("vae", seeds=seeds), SHAPE, True, CPU) for seeds in ([3, 4], [4])
    )
    whole, part = batch(), batch()
    assert part.real is not None
    part = Batch(part.real[1:], part.latents[1:], StepContext("generator", 7, 0.5, (4,), CPU))
    before = together.loss(whole)
    for _ in range(20):
        assert torch.allclose(
            together.generator_step(whole)[1:], alone.generator_step(part), atol=1e-5
        )
    assert (together.loss(whole) < before).all()


def test_a_trial_counts_its_steps_as_the_generators(digits_evaluator: Any) -> None:
    trial = Trial(config("autoencoder"), digits_evaluator)
    evaluation = trial.advance()
    counters = evaluation.counters
    assert (counters.generator_steps, counters.discriminator_steps, counters.images) == (4, 0, 16)
    assert all(
        row.measures["d_auc"] is None and row.measures["loss_g"] > 0 for row in evaluation.rows
    )


def test_a_perfect_reconstruction_has_no_error() -> None:
    players, given = Autoencoder(config("autoencoder"), SHAPE, True, CPU), batch()
    decoded = players.decoder(players.encoder(given.real)).detach()
    again = players.encoder(decoded)
    expected = (decoded - players.decoder(again)).flatten(2).square().sum(-1).mean(-1)
    assert torch.allclose(players.loss(Batch(decoded, given.latents, given.context)), expected)


@pytest.mark.slow
def test_what_the_lecture_says_of_autoencoders(digits_evaluator: Any) -> None:
    """The mean squared error blurs, a plain code cannot be sampled well, and the VAE mends the second."""
    budget = {"unit": "generator_steps", "amount": 2000}
    scores = {}
    for method in ("autoencoder", "vae"):
        whole = {
            "model": {"latent_dim": 16, "width": 128},
            "batch_size": 64,
            "lr_g": 1e-3,
            "budget": budget,
        }
        trial = Trial(config(method, **whole), digits_evaluator)
        while not trial.finished:
            latest = trial.advance()
        scores[method] = {
            name: np.median([row.measures[name] for row in latest.rows])
            for name in ("fid", "sharpness")
        }
    assert scores["vae"]["fid"] < scores["autoencoder"]["fid"]
    assert scores["vae"]["sharpness"] < 0.8

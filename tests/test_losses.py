"""Losses against their equations, in value and gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from trials.config import LOSSES as NAMES
from trials.losses import LOSSES

REAL = torch.tensor([[0.3, -1.2, 2.0], [5.0, 0.0, -4.0]], dtype=torch.float64)
FAKE = torch.tensor([[-0.7, 0.1, 1.5], [9.0, -9.0, 0.2]], dtype=torch.float64)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_every_named_loss_exists() -> None:
    assert set(NAMES) == set(LOSSES)


@pytest.mark.parametrize("name", NAMES)
def test_discriminator_minimises_the_cross_entropy(name: str) -> None:
    expected = -(np.log(sigmoid(REAL.numpy())) + np.log(1 - sigmoid(FAKE.numpy()))).mean(1)
    np.testing.assert_allclose(LOSSES[name].discriminator(REAL, FAKE).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_discriminator_loss_is_two_ln_two_where_it_cannot_tell(name: str) -> None:
    blind = torch.zeros(1, 7, dtype=torch.float64)
    assert LOSSES[name].discriminator(blind, blind).item() == pytest.approx(2 * math.log(2))


def test_generator_losses_and_their_gradients() -> None:
    d = sigmoid(FAKE.numpy())
    count = FAKE.shape[1]
    cases = {
        "minimax": (np.log(1 - d).mean(1), -d / count),
        "non_saturating": (-np.log(d).mean(1), -(1 - d) / count),
    }
    for name, (value, gradient) in cases.items():
        logits = FAKE.clone().requires_grad_()
        loss = LOSSES[name].generator(logits)
        np.testing.assert_allclose(loss.detach().numpy(), value, rtol=1e-9)
        (found,) = torch.autograd.grad(loss.sum(), logits)
        np.testing.assert_allclose(found.numpy(), gradient, rtol=1e-9, atol=1e-15)


def test_losses_stay_finite_at_extreme_logits() -> None:
    extreme = torch.tensor([[1e4, -1e4]])
    for loss in LOSSES.values():
        assert torch.isfinite(loss.discriminator(extreme, extreme)).all()
        assert torch.isfinite(loss.generator(extreme)).all()

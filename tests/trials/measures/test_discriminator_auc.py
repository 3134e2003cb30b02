"""The discriminator's AUC: SciPy's Mann-Whitney U, closed forms, orientation."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import mannwhitneyu, norm

from ganstudy.trials.measures.discriminator_auc import discriminator_auc


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("decimals", [6, 0], ids=["no ties", "many ties"])
def test_it_is_the_mann_whitney_u(decimals: int, conformance) -> None:
    real, fake = (
        (2 * logits(5, 37) + 1).round(decimals=decimals),
        (2 * logits(5, 64, seed=1)).round(decimals=decimals),
    )
    expected = [
        mannwhitneyu(r, f).statistic / (37 * 64)
        for r, f in zip(real.numpy(), fake.numpy(), strict=True)
    ]
    for found, by_scipy in zip(discriminator_auc(real, fake).tolist(), expected, strict=True):
        conformance("measure d_auc", "scipy.stats.mannwhitneyu", abs(found - by_scipy), 1e-12)


def test_gaussian_logits_have_a_closed_form(conformance) -> None:
    """P(N(d, 1) > N(0, 1)) = Phi(d / sqrt 2)."""
    area = discriminator_auc(logits(1, 100_000) + 0.8, logits(1, 100_000, seed=1))
    deviation = abs(area.item() - norm.cdf(0.8 / math.sqrt(2)))
    conformance(
        "measure d_auc", "Phi(d / sqrt 2) of Gaussian logits, n = 100,000", deviation, 0.004
    )


def test_orientation() -> None:
    low, high = torch.tensor([[-2.0, -1.0]]), torch.tensor([[1.0, 2.0, 3.0]])
    assert discriminator_auc(high, low).item() == 1, "the discriminator always can tell"
    assert discriminator_auc(low, high).item() == 0, (
        "it takes every generated image for the realer one"
    )
    assert discriminator_auc(torch.zeros(1, 4), torch.zeros(1, 7)).item() == 0.5, (
        "it says the same of all"
    )


def test_only_the_order_matters() -> None:
    """Logits, probabilities or critic values: every increasing map of them gives the same."""
    real, fake = logits(3, 50) + 0.5, logits(3, 40, seed=1)
    area = discriminator_auc(real, fake)
    assert torch.equal(discriminator_auc(real.double().sigmoid(), fake.double().sigmoid()), area)
    assert torch.equal(discriminator_auc(7 * real - 3, 7 * fake - 3), area)


def test_a_blind_discriminator_scores_one_half_with_the_stated_error() -> None:
    area = discriminator_auc(logits(2000, 64), logits(2000, 64, seed=1))
    assert area.mean().item() == pytest.approx(0.5, abs=3 * 0.051 / math.sqrt(2000))
    assert area.std().item() == pytest.approx(math.sqrt(129 / (12 * 64 * 64)), rel=0.05)


def test_a_diverged_seed_is_nan_and_leaves_the_others_alone() -> None:
    real, fake = logits(3, 8), logits(3, 8, seed=1)
    alone = discriminator_auc(real, fake)
    real[1, 3] = math.nan
    together = discriminator_auc(real, fake)
    assert math.isnan(together[1]) and together[0] == alone[0] and together[2] == alone[2]
    assert discriminator_auc(torch.full((1, 4), math.inf), fake[:1]).item() == 1, (
        "infinite logits still have an order"
    )

"""Modes by k-means bins: calibrated on real data and Gaussians, held to independent formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ganstudy.trials.measures.bins import Bins
from ganstudy.trials.measures.modes import mode_scores
from ganstudy.trials.measures.ndb_jsd import jsd, ndb


def gaussian(num: int, seed: int, dim: int = 8, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(num, dim, generator=torch.Generator().manual_seed(seed))


def histogram(bins: Bins, features: torch.Tensor) -> list[int]:
    return torch.bincount(bins.assign(features).modes, minlength=len(bins.centres)).tolist()


@pytest.fixture(scope="module")
def bins() -> Bins:
    return Bins(gaussian(4000, 0), gaussian(2000, 1))


def test_number_of_bins_follows_the_data() -> None:
    """100, but 10 training samples per bin, and never fewer than two bins."""
    for num, expected in ((5000, 100), (640, 64), (60, 6), (12, 2)):
        assert len(Bins(gaussian(num, 0), gaussian(50, 1)).centres) == expected
    assert len(Bins(gaussian(5000, 0), gaussian(50, 1), num_bins=20).centres) == 20


def test_assignment_is_the_nearest_centre(bins: Bins) -> None:
    features = gaussian(500, 2)
    distances = np.linalg.norm(
        features.double().numpy()[:, None] - bins.centres.numpy()[None], axis=2
    )
    assignment = bins.assign(features)
    assert assignment.modes.tolist() == distances.argmin(1).tolist()
    assert (
        assignment.high_quality.tolist()
        == (distances.min(1) <= bins.radii.numpy()[distances.argmin(1)]).tolist()
    )


def test_ndb_and_jsd_are_their_formulas(bins: Bins, conformance) -> None:
    counts = np.array(histogram(bins, gaussian(1500, 3, scale=1.2)))
    n, m, p, q = 1500, 2000, counts / 1500, bins.counts / 2000
    pooled = (counts + bins.counts) / (n + m)
    z = (p - q) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    deviation = abs(
        ndb(counts.tolist(), bins.counts.tolist()) - np.mean(2 * norm.sf(np.abs(z)) < 0.05)
    )
    conformance("measure ndb", "float64 numpy", deviation, 1e-12)
    middle = (p + q) / 2

    def kl(a: np.ndarray) -> float:
        return float(np.sum(a[a > 0] * np.log(a[a > 0] / middle[a > 0])))

    deviation = abs(jsd(counts.tolist(), bins.counts.tolist()) - kl(p) / 2 - kl(q) / 2)
    conformance("measure jsd", "float64 numpy", deviation, 1e-12)


def test_perfect_sampler_reaches_the_calibrated_values(conformance) -> None:
    """NDB 0.05, JSD (K - 1) / 8 (1/n + 1/N), 95% high quality, over draws of everything."""
    scores = []
    for seed in range(30):
        drawn = Bins(gaussian(1000, 3 * seed), gaussian(800, 3 * seed + 1))
        fake = gaussian(1000, 3 * seed + 2)
        counts = histogram(drawn, fake)
        high_quality = float(drawn.assign(fake).high_quality.double().mean())
        scores.append((ndb(counts, drawn.counts), jsd(counts, drawn.counts), high_quality))
    differing, divergence, high_quality = np.mean(scores, axis=0)
    draws = "perfect sampler, mean of 30 draws"
    conformance("measure ndb", f"0.05, {draws}", abs(differing - 0.05), 0.012)
    deviation = abs(divergence / (99 / 8 * (1 / 1000 + 1 / 800)) - 1)
    conformance("measure jsd", f"(K - 1) / 8 (1/n + 1/N), {draws}", deviation, 0.06)
    conformance("measure high_quality", f"95% by bins, {draws}", abs(high_quality - 0.95), 0.006)


def test_real_digits_are_calibrated_too(digits) -> None:
    """Pixels of scikit-learn's digits, split at random: bins on 600, reference 597, 600 more as the sampler."""
    pixels = torch.cat([digits.train, digits.held_out]).flatten(1)
    scores = []
    for seed in range(15):
        order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))
        train, held_out, fake = pixels[order].split([600, 597, 600])
        drawn = Bins(train, held_out)
        high_quality = float(drawn.assign(fake).high_quality.double().mean())
        scores.append((ndb(histogram(drawn, fake), drawn.counts), high_quality))
    differing, high_quality = np.mean(scores, axis=0)
    assert differing == pytest.approx(0.05, abs=0.02)
    assert high_quality == pytest.approx(0.95, abs=0.01)


def test_held_out_samples_are_their_own_reference() -> None:
    held_out = gaussian(2000, 1)
    drawn = Bins(gaussian(4000, 0), held_out)
    counts = histogram(drawn, held_out)
    assert ndb(counts, drawn.counts) == 0 and jsd(counts, drawn.counts) == 0
    assert float(drawn.assign(held_out).high_quality.double().mean()) == pytest.approx(
        0.95, abs=0.001
    )


def test_a_sampler_elsewhere_differs_in_every_bin(bins: Bins) -> None:
    """All samples in one bin: that one is too full, every other too empty; JSD near ln 2."""
    counts = histogram(bins, bins.centres[:1].float().repeat(2000, 1))
    assert ndb(counts, bins.counts) == 1
    assert 0.6 < jsd(counts, bins.counts) < math.log(2)


def test_blurred_samples_are_of_low_quality(bins: Bins) -> None:
    assert float(bins.assign(gaussian(1000, 5, scale=2)).high_quality.double().mean()) < 0.2


def test_expected_shares_keep_the_reverse_kl_finite() -> None:
    """Some of 100 bins hold none of 60 held-out samples."""
    drawn = Bins(gaussian(2000, 0), gaussian(60, 1))
    assert (drawn.counts == 0).any()
    assert float(drawn.expected.sum()) == pytest.approx(1) and (drawn.expected > 0).all()
    scores, _ = mode_scores(drawn.assign(gaussian(1000, 2)), drawn.expected)
    assert math.isfinite(scores["reverse_kl"])


def test_bins_are_the_same_every_time_and_leave_the_global_streams_alone() -> None:
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist())
    first, second = (Bins(gaussian(500, 0), gaussian(500, 1)) for _ in range(2))
    assert torch.equal(first.centres, second.centres) and torch.equal(first.radii, second.radii)
    assert (
        torch.equal(before[0], torch.get_rng_state())
        and before[1] == np.random.get_state()[1].tolist()
    )


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (torch.zeros(100, 3), "10 bins need > 10 distinct training samples, got 1 among 100"),
        (
            torch.arange(4.0).repeat(25)[:, None],
            "10 bins need > 10 distinct training samples, got 4 among 100",
        ),
        (torch.arange(2.0)[:, None], "2 bins need > 2 distinct training samples, got 2 among 2"),
    ],
    ids=["constant", "four values", "two samples"],
)
def test_data_without_enough_distinct_samples_are_refused(
    train: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Bins(train, train)

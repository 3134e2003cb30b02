"""Copying: the statistic by definition, its calibration, and samplers that copy, generalise or underfit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from ganstudy.trials.measures import copying
from ganstudy.trials.measures.copying import Copying


def gaussian(num: int, seed: int, dim: int = 8) -> torch.Tensor:
    return torch.randn(num, dim, generator=torch.Generator().manual_seed(seed))


def one_cell(samples: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(samples), dtype=torch.long)


def quadrants(samples: torch.Tensor) -> torch.Tensor:
    return (samples[:, 0] > 0).long() + 2 * (samples[:, 1] > 0.5).long()


def by_definition(train, held_out, cells_held_out, fake, cells_fake) -> float:
    """Pairs counted one by one."""
    real_distance, fake_distance = cdist(held_out, train).min(1), cdist(fake, train).min(1)
    total = weight = 0.0
    for cell in np.unique(cells_held_out):
        g, h = fake_distance[cells_fake == cell], real_distance[cells_held_out == cell]
        n, m = len(g), len(h)
        if min(n, m) < 10:
            continue
        u = sum((x > h).sum() + 0.5 * (x == h).sum() for x in g)
        total += m * (u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12)
        weight += m
    return total / weight


@pytest.mark.parametrize("cells", [one_cell, quadrants])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.3])
def test_c_t_is_the_definition(cells, scale: float, conformance) -> None:
    train, held_out, fake = gaussian(200, 0, 3), gaussian(150, 1, 3), scale * gaussian(170, 2, 3)
    score, _ = Copying(train, held_out, cells(held_out)).scores(fake, cells(fake))
    arrays = (x.double().numpy() for x in (train, held_out, cells(held_out), fake, cells(fake)))
    conformance(
        "measure copying", "the definition, pair by pair", abs(score - by_definition(*arrays)), 1e-9
    )


def test_duplicate_share_is_the_definition(conformance) -> None:
    train, held_out, fake = gaussian(200, 0), gaussian(150, 1), gaussian(170, 2)
    fake[:30] = train[:30] + 0.05 * gaussian(30, 3)
    ratios = []
    for samples in (held_out, fake):
        nearest = np.sort(cdist(samples.double(), train.double()), axis=1)
        ratios.append(nearest[:, 0] / nearest[:, 1])
    expected = np.mean(ratios[1] < np.quantile(ratios[0], 0.01))
    found = Copying(train, held_out, one_cell(held_out)).scores(fake, one_cell(fake))[1]
    conformance(
        "measure duplicates", "the definition, distances by scipy", abs(found - expected), 1e-12
    )


@pytest.mark.parametrize("cells", [one_cell, quadrants])
def test_fresh_samples_are_calibrated(cells) -> None:
    """100 draws of a perfect sampler: mean 0, standard deviation 1 for one cell and sqrt(sum w^2) for several."""
    scores, duplicates = [], []
    for seed in range(100):
        train, held_out, fake = (gaussian(300, 3 * seed + i) for i in range(3))
        score, share = Copying(train, held_out, cells(held_out)).scores(fake, cells(fake))
        scores.append(score)
        duplicates.append(share)
    shares = torch.bincount(cells(gaussian(100_000, 0))).double() / 100_000
    deviation = float((shares**2).sum().sqrt())
    assert abs(np.mean(scores)) < 3 * deviation / 10
    assert np.std(scores) == pytest.approx(deviation, rel=0.25)
    assert np.mean(duplicates) == pytest.approx(0.01, abs=0.006)


def test_real_digits(digits) -> None:
    """More real digits are not copies; training digits are, with noise too; noise images underfit."""
    pixels = torch.cat([digits.train, digits.held_out]).flatten(1)
    labels = torch.cat([digits.train_labels, digits.held_out_labels])
    train, held_out, fresh = pixels.split([600, 597, 600])
    _, cells_held_out, cells_fresh = labels.split([600, 597, 600])
    meter = Copying(train, held_out, cells_held_out)
    score, share = meter.scores(fresh, cells_fresh)
    assert abs(score) < 1.5 and share < 0.04
    noise = 0.1 * torch.randn(train.shape, generator=torch.Generator().manual_seed(0))
    for copies in (train, train + noise):
        score, share = meter.scores(copies, labels[:600])
        assert score < -8 and share > 0.95
    score, share = meter.scores(
        torch.rand(600, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1, labels[:600]
    )
    assert score > 8 and share == 0


def test_copies_hidden_behind_underfit_samples_show_in_the_duplicate_share() -> None:
    train, held_out, fake = gaussian(500, 0), gaussian(500, 1), 1.3 * gaussian(500, 2)
    fake[:50] = train[:50]
    score, share = Copying(train, held_out, one_cell(held_out)).scores(fake, one_cell(fake))
    assert score > 3, "nine tenths lie too far out, and drown the copies"
    assert share == pytest.approx(0.1, abs=0.02)


def test_preferring_a_dense_kind_is_not_copying() -> None:
    """Two kinds, one 10 times as dense; the generator draws the dense one only, afresh."""

    def draw(num: int, seed: int, dense_share: float) -> tuple[torch.Tensor, torch.Tensor]:
        kind = (torch.rand(num, generator=torch.Generator().manual_seed(seed)) < dense_share).long()
        scale = torch.where(kind == 1, 0.1, 1.0)[:, None]
        return 20 * kind[:, None] + scale * gaussian(num, seed + 1), kind

    (train, _), (held_out, kinds), (fake, fake_kinds) = (
        draw(500, 0, 0.5),
        draw(500, 10, 0.5),
        draw(500, 20, 1.0),
    )
    within, _ = Copying(train, held_out, kinds).scores(fake, fake_kinds)
    across, _ = Copying(train, held_out, 0 * kinds).scores(fake, 0 * fake_kinds)
    assert abs(within) < 3, "compared with held-out samples of its own kind"
    assert across < -10, "what a single cell would have said"


def test_images_are_compared_pixel_by_pixel() -> None:
    train, held_out, fake = (gaussian(100, i, 12) for i in range(3))
    flat = Copying(train, held_out, one_cell(held_out)).scores(fake, one_cell(fake))
    images = Copying(train.view(-1, 3, 2, 2), held_out.view(-1, 3, 2, 2), one_cell(held_out))
    assert images.scores(fake.view(-1, 3, 2, 2), one_cell(fake)) == flat


def test_training_images_that_exist_twice_do_no_harm() -> None:
    train = gaussian(100, 0).repeat(2, 1)
    held_out = gaussian(300, 1)
    _, share = Copying(train, held_out, one_cell(held_out)).scores(train[:50], one_cell(train[:50]))
    assert share == 1


def test_cells_with_few_held_out_samples_are_made_one() -> None:
    train, held_out, fake = gaussian(100, 0), gaussian(100, 1), gaussian(100, 2)
    meter = Copying(train, held_out, torch.arange(100))
    assert meter.scores(fake, torch.arange(100) + 50) == Copying(
        train, held_out, one_cell(held_out)
    ).scores(fake, one_cell(fake)), "a thousand kinds with a few samples each are compared as one"
    half = torch.cat([torch.zeros(50), torch.arange(1, 51)]).long()
    score, _ = Copying(train, held_out, half).scores(fake, half)
    arrays = (
        x.double().numpy() for x in (train, held_out, half.clamp(max=1), fake, half.clamp(max=1))
    )
    assert score == pytest.approx(by_definition(*arrays))


def test_cells_with_few_generated_samples_are_left_out() -> None:
    train, held_out, fake = gaussian(100, 0), gaussian(100, 1), gaussian(59, 2)
    cells, cells_fake = torch.arange(100) // 50, torch.arange(59) // 50
    score, _ = Copying(train, held_out, cells).scores(fake, cells_fake)
    alone = by_definition(train, held_out[:50], np.zeros(50), fake[:50], np.zeros(50))
    assert score == pytest.approx(alone)
    assert Copying(train, held_out, cells).scores(fake[:9], cells_fake[:9])[0] is None


def test_at_most_the_stated_number_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MOST_COMPARED", 40)
    train, held_out, fake = gaussian(100, 0), gaussian(100, 1), gaussian(100, 2)
    meter = Copying(train, held_out, one_cell(held_out))
    assert meter.scores(fake, one_cell(fake)) == meter.scores(fake[:40], one_cell(fake[:40]))

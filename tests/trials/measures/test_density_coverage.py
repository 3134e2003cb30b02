"""Density and coverage: the definition in float64, closed forms and calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from ganstudy.trials.measures import distances
from ganstudy.trials.measures.density_coverage import Neighbourhoods


def gaussian(num: int, seed: int, dim: int = 8, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(num, dim, generator=torch.Generator().manual_seed(seed))


def by_definition(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float]:
    radii = np.sort(cdist(real, real), axis=1)[:, k]  # position 0 is the sample itself
    inside = cdist(real, fake) < radii[:, None]
    return float(inside.sum() / (k * len(fake))), float(inside.any(axis=1).mean())


@pytest.mark.parametrize("dim", [2, 8, 100])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_it_is_the_definition(dim: int, k: int, conformance) -> None:
    real, fake = gaussian(300, 0, dim), gaussian(211, 1, dim, scale=0.8)
    expected = by_definition(real.double().numpy(), fake.double().numpy(), k)
    found = Neighbourhoods(real, k).density_coverage(fake)
    for name, score, by_scipy in zip(("density", "coverage"), found, expected, strict=True):
        conformance(
            f"measure {name}", "the definition, distances by scipy", abs(score - by_scipy), 1e-12
        )


@pytest.mark.parametrize(("num_real", "num_fake"), [(400, 400), (400, 200), (200, 600)])
def test_perfect_sampler_has_density_1_and_the_published_coverage(
    num_real: int, num_fake: int, conformance
) -> None:
    scores = [
        Neighbourhoods(gaussian(num_real, seed, 4)).density_coverage(
            gaussian(num_fake, 1000 + seed, 4)
        )
        for seed in range(30)
    ]
    density, coverage = np.mean(scores, axis=0)
    none = math.prod((num_real - i) / (num_real + num_fake - i) for i in range(1, 6))
    conformance(
        "measure density", "1 for a perfect sampler, mean of 30 draws", abs(density - 1), 0.02
    )
    published = "Naeem et al. 2020 for a perfect sampler, mean of 30 draws"
    conformance("measure coverage", published, abs(coverage - (1 - none)), 0.004)


def test_published_limit() -> None:
    """Coverage of a perfect sampler tends to 1 - 1 / 2^k: 0.5 at k = 1, 0.969 at k = 5 (Naeem et al. 2020)."""
    real, fake = gaussian(2000, 0, 4), gaussian(2000, 1, 4)
    for k in (1, 3, 5):
        assert Neighbourhoods(real, k).density_coverage(fake)[1] == pytest.approx(
            1 - 0.5**k, abs=0.03
        )


def test_points_on_a_line() -> None:
    """Reals at 0, 1, 3, k = 1: open balls of radius 1, 1, 2. The fakes 0.5, 2.5 and 9 lie in 2, 1 and 0 of them."""
    real, fake = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.5], [2.5], [9.0]])
    assert Neighbourhoods(real, 1).density_coverage(fake) == (3 / 3, 3 / 3)
    assert Neighbourhoods(real, 1).density_coverage(torch.tensor([[1.0], [9.0]])) == (1 / 2, 1 / 3)


def test_blocks_do_not_change_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = gaussian(700, 0), gaussian(900, 1)
    whole = Neighbourhoods(real).density_coverage(fake)
    monkeypatch.setattr(distances, "BLOCK_MEBIBYTES", 0.05)
    assert Neighbourhoods(real).density_coverage(fake) == whole


def test_ten_thousand_samples_do_not_take_the_whole_table() -> None:
    """The table of distances would take 763 MiB; a float32 copy of it 381."""
    real, fake = gaussian(10_000, 0, 2), gaussian(10_000, 1, 2)
    assert peak_mebibytes(lambda: Neighbourhoods(real).density_coverage(fake)) < 200


def peak_mebibytes(work) -> float:
    """NumPy reports its memory to tracemalloc."""
    import tracemalloc

    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def test_outlying_fakes_harm_density_and_not_coverage() -> None:
    real, fake = gaussian(500, 0), gaussian(500, 1)
    density, coverage = Neighbourhoods(real).density_coverage(fake)
    with_outliers = torch.cat([fake, 100 * gaussian(500, 2)])
    assert Neighbourhoods(real).density_coverage(with_outliers) == pytest.approx(
        (density / 2, coverage)
    )


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="at k = 5 need > 5 real samples, got 5"):
        Neighbourhoods(gaussian(5, 0))
    with pytest.raises(ValueError, match="at k = 5 need > 5 generated samples, got 5"):
        Neighbourhoods(gaussian(6, 0)).density_coverage(gaussian(5, 1))

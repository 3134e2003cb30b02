"""Sharpness: closed forms, an independent version by SciPy, and the right way round."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import laplace
from torchvision.transforms.functional import gaussian_blur

from ganstudy.trials.measures.sharpness import Sharpness, laplacian_variance


def test_checkerboard() -> None:
    """Every pixel of +-1 has four neighbours of the other sign: the Laplacian is -+8, its variance 64."""
    row, column = torch.meshgrid(torch.arange(10), torch.arange(10), indexing="ij")
    board = torch.where((row + column) % 2 == 0, 1.0, -1.0).expand(3, 2, 10, 10)
    assert laplacian_variance(board).tolist() == [64.0] * 3


def test_plane_wave_is_an_eigenfunction(conformance) -> None:
    """cos(ax + by): eigenvalue 2 cos a + 2 cos b - 4; over whole periods the wave's variance is 1/2."""
    a, b = 2 * np.pi / 8, 2 * np.pi * 3 / 16
    x, y = np.meshgrid(np.arange(34), np.arange(34))  # 32 x 32 inner pixels: four periods, and six
    wave = torch.from_numpy(np.cos(a * x + b * y + 0.3)).float()[None, None]
    expected = (2 * np.cos(a) + 2 * np.cos(b) - 4) ** 2 / 2
    deviation = abs(laplacian_variance(wave).item() / expected - 1)
    conformance("measure sharpness", "closed form of a plane wave", deviation, 1e-6)


def test_flat_images_and_linear_ramps_have_no_edges() -> None:
    ramp = torch.linspace(-1, 1, 9).expand(1, 1, 9, 9)
    assert laplacian_variance(torch.full((2, 3, 9, 9), 0.4)).tolist() == [0, 0]
    assert laplacian_variance(ramp).item() == pytest.approx(0, abs=1e-12)


def test_real_digits_by_scipy(digits, conformance) -> None:
    images = digits.held_out[:50]
    expected = np.array([laplace(image[0].double().numpy())[1:-1, 1:-1].var() for image in images])
    deviation = np.abs(laplacian_variance(images).numpy() / expected - 1).max()
    conformance("measure sharpness", "scipy.ndimage.laplace on real digits", deviation, 1e-9)


def test_channels_are_averaged() -> None:
    grey = torch.rand(600, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    colour = torch.cat([grey, grey.flip(0), torch.zeros_like(grey)], dim=1)
    variances = laplacian_variance(grey)
    assert torch.allclose(laplacian_variance(colour), (variances + variances.flip(0)) / 3)


def test_real_images_are_as_sharp_as_real_and_blurred_ones_less(digits) -> None:
    sharpness = Sharpness(digits.held_out)
    assert sharpness.ratio(digits.train) == pytest.approx(1, abs=0.05)
    ratios = [
        sharpness.ratio(gaussian_blur(digits.train, 5, sigma)) for sigma in (0.3, 0.5, 1.0, 2.0)
    ]
    assert ratios == sorted(ratios, reverse=True) and ratios[0] < 1 and ratios[-1] < 0.1
    noise = 0.5 * torch.randn(digits.train.shape, generator=torch.Generator().manual_seed(0))
    assert sharpness.ratio(digits.train + noise) > 1.2, "noise counts as sharpness"


def test_flat_real_data_are_refused() -> None:
    with pytest.raises(ValueError, match="real images that are not flat"):
        Sharpness(torch.zeros(10, 1, 8, 8))

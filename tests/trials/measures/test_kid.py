"""KID: an independent float64 version, torch-fidelity's own numbers, and unbiasedness."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch_fidelity
from torch.utils.data import TensorDataset
from torch_fidelity import FeatureExtractorBase, register_feature_extractor

from ganstudy.trials.measures.kid import KernelDistance


class Images(TensorDataset):
    """One tensor per item, as torch-fidelity wants them."""

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.tensors[0][index]


def gaussian(num: int, seed: int, mean: float = 0.0, dim: int = 16) -> torch.Tensor:
    return torch.randn(num, dim, generator=torch.Generator().manual_seed(seed)) + mean


def unbiased_mmd2(x: np.ndarray, y: np.ndarray) -> float:
    """Sums over pairs of different samples, one by one."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    n, m = len(x), len(y)
    within_x = kernel(x, x)[~np.eye(n, dtype=bool)].sum() / (n * (n - 1))
    within_y = kernel(y, y)[~np.eye(m, dtype=bool)].sum() / (m * (m - 1))
    return float(within_x + within_y - 2 * kernel(x, y).mean())


@pytest.mark.parametrize(("num", "other"), [(2, 2), (50, 80), (300, 200)])
def test_it_is_the_unbiased_mmd2(num: int, other: int, conformance) -> None:
    fake, real = gaussian(num, 0, mean=0.3), gaussian(other, 1)
    expected = unbiased_mmd2(fake.double().numpy(), real.double().numpy())
    deviation = abs(KernelDistance(real).distance(fake) / expected - 1)
    conformance("measure kid", "sums over pairs in float64", deviation, 1e-10)


def test_large_features_lose_no_digits() -> None:
    """Kernel values near 1e12 leave nothing of a small distance in single precision."""
    fake, real = gaussian(200, 0) + 1e4, gaussian(200, 1) + 1e4
    expected = unbiased_mmd2(fake.double().numpy(), real.double().numpy())
    assert KernelDistance(real).distance(fake) == pytest.approx(expected, rel=1e-3)


def test_a_part_agrees_with_the_whole() -> None:
    """4000 against 4000: 2000 of each estimate what all of them do."""
    fake, real = gaussian(4000, 0, mean=0.2), gaussian(4000, 1)
    expected = unbiased_mmd2(fake.double().numpy(), real.double().numpy())
    assert KernelDistance(real).distance(fake) == pytest.approx(expected, rel=0.2)


def test_it_is_the_number_of_calculate_metrics() -> None:
    class Pixels(FeatureExtractorBase):
        """Pixels as features."""

        def __init__(self, name, features_list, **_unused) -> None:
            super().__init__(name, features_list)

        def forward(self, images):
            return (images.flatten(1).float() / 255,)

        @staticmethod
        def get_provided_features_list():
            return ("pixels",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "pixels"

        @staticmethod
        def can_be_compiled():
            return False

        @staticmethod
        def get_dummy_input_for_compile():
            return torch.zeros(1, 1, 4, 4, dtype=torch.uint8)

    register_feature_extractor("pixels-of-test-kid", Pixels)
    stream = torch.Generator().manual_seed(0)
    fake = torch.randint(0, 200, (400, 1, 4, 4), generator=stream, dtype=torch.uint8)
    real = torch.randint(50, 256, (400, 1, 4, 4), generator=stream, dtype=torch.uint8)
    expected = torch_fidelity.calculate_metrics(
        input1=Images(fake),
        input2=Images(real),
        kid=True,
        kid_subset_size=400,
        kid_subsets=1,
        feature_extractor="pixels-of-test-kid",
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )["kernel_inception_distance_mean"]
    pixels = KernelDistance(real.flatten(1).float() / 255).distance(fake.flatten(1).float() / 255)
    assert pixels == pytest.approx(expected, rel=1e-4)


def test_perfect_sampler_scores_zero_on_average_at_any_n() -> None:
    for num in (10, 100):
        scores = [
            KernelDistance(gaussian(num, s, dim=4)).distance(gaussian(num, 1000 + s, dim=4))
            for s in range(200)
        ]
        error = np.std(scores) / np.sqrt(len(scores))
        assert abs(np.mean(scores)) < 3 * error
        assert 0.3 < np.mean(np.array(scores) < 0) < 0.8, (
            "unbiased: about as often below 0 as above"
        )


def test_it_repeats_itself_and_leaves_the_global_streams_alone() -> None:
    fake, real = gaussian(300, 0), gaussian(200, 1)
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    first, second = (KernelDistance(real).distance(fake) for _ in range(2))
    after = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    assert first == second
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the covariance of one real sample
@pytest.mark.parametrize(("num_fake", "num_real"), [(1, 100), (100, 1)])
def test_one_sample_is_not_enough(num_fake: int, num_real: int) -> None:
    with pytest.raises(
        ValueError, match=f">= 2 samples on each side, got {num_fake} generated and {num_real} real"
    ):
        KernelDistance(gaussian(num_real, 0, dim=2)).distance(gaussian(num_fake, 1, dim=2))

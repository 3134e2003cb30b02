"""Data sets: what the GAN trains on, what it is measured against, and what a mode is.

The held-out images are never trained on, neither by the GAN nor by the classifier that measures it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from trials.streams import generator

DIGITS_HELD_OUT = 797
RING_POINTS, RING_HELD_OUT = 100_000, 2_500


@dataclass(frozen=True)
class Mixture:
    """Known modes in the data space: a mixture of equal isotropic Gaussians."""

    means: Tensor
    """[K, D]"""
    sigma: float


@dataclass(frozen=True)
class Dataset:
    """Real data. Images are float32 in [-1, 1], [N, C, H, W]; points are float32 [N, D]."""

    name: str
    train: Tensor
    held_out: Tensor
    num_generated: int
    """Samples drawn per seed and evaluation."""
    train_labels: Tensor | None = None
    held_out_labels: Tensor | None = None
    mixture: Mixture | None = field(default=None)

    @property
    def mode_names(self) -> list[str]:
        """One name per mode, in the order of the mode histograms."""
        if self.mixture is not None:
            return [f"{x:.2f}, {y:.2f}" for x, y in self.mixture.means.tolist()]
        assert self.train_labels is not None
        return [str(label) for label in range(int(self.train_labels.max()) + 1)]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image or point."""
        return tuple(self.train.shape[1:])

    @property
    def bounded(self) -> bool:
        """Whether the values lie in [-1, 1] by construction."""
        return self.is_images

    @property
    def is_images(self) -> bool:
        """Images, or points of the plane."""
        return len(self.shape) == 3

    @cached_property
    def digest(self) -> str:
        """Hex digest of every value, of the split and of the labels."""
        digest = hashlib.blake2b(digest_size=8)
        for part in (self.train, self.held_out, self.train_labels, self.held_out_labels):
            if part is not None:
                digest.update(part.numpy().tobytes())
        return digest.hexdigest()


def digits() -> Dataset:
    """Scikit-learn's 1,797 handwritten digits, 8 x 8 grey: 1,000 to train on, 797 held out, 10 labels."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = torch.from_numpy(raw.images).float().div(8).sub(1).unsqueeze(1)
    labels = torch.from_numpy(raw.target).long()
    order = torch.randperm(len(images), generator=generator(0, "digits", "split"))
    held_out, train = order[:DIGITS_HELD_OUT], order[DIGITS_HELD_OUT:]
    return Dataset("digits", images[train], images[held_out], 1000, labels[train], labels[held_out])


def ring() -> Dataset:
    """Eight Gaussians of sigma 0.01 on the unit circle; 100,000 fixed points (the protocol of Lin et al. 2018)."""
    angles = torch.arange(8) * (2 * torch.pi / 8)
    mixture = Mixture(torch.stack([angles.cos(), angles.sin()], dim=1), sigma=0.01)

    def draw(num: int, split: str) -> Tensor:
        stream = generator(0, "ring", split)
        which = torch.randint(len(mixture.means), (num,), generator=stream)
        return mixture.means[which] + mixture.sigma * torch.randn(num, 2, generator=stream)

    return Dataset("ring", draw(RING_POINTS, "train"), draw(RING_HELD_OUT, "held_out"), 2_500, mixture=mixture)


DATASETS: dict[str, Callable[[], Dataset]] = {"digits": digits, "ring": ring}

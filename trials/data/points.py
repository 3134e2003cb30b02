"""Mixtures of Gaussians in the plane, as in PacGAN (Lin et al. 2018, sec. 4.1).

100,000 fixed points to train on, 2,500 samples per evaluation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.data import Grid, Ring
from ganstudy.trials.data.dataset import Dataset, Mixture
from ganstudy.trials.ensemble.streams import generator

NUM_TRAIN = 100_000
NUM_HELD_OUT = 2_500
NUM_GENERATED = 2_500


def ring(_options: Ring | None = None) -> Dataset:
    """Return eight Gaussians of sigma 0.01 on the unit circle."""
    angles = torch.arange(8) * (2 * torch.pi / 8)
    return _drawn("ring", Mixture(torch.stack([angles.cos(), angles.sin()], dim=1), sigma=0.01))


def grid(_options: Grid | None = None) -> Dataset:
    """Return 25 Gaussians of sigma 0.05 at the points of {-4, -2, 0, 2, 4}^2."""
    axis = torch.arange(-4.0, 5.0, 2.0)
    return _drawn("grid", Mixture(torch.cartesian_prod(axis, axis), sigma=0.05))


def _drawn(name: str, mixture: Mixture) -> Dataset:
    def draw(num: int, split: str) -> Tensor:
        # Seed 0 whatever the trial's: all seeds and trials of all studies see the same points.
        stream = generator(0, name, split)
        which = torch.randint(len(mixture.means), (num,), generator=stream)
        return mixture.means[which] + mixture.sigma * torch.randn(num, 2, generator=stream)

    return Dataset(
        name,
        train=draw(NUM_TRAIN, "train"),
        held_out=draw(NUM_HELD_OUT, "held_out"),
        num_generated=NUM_GENERATED,
        mixture=mixture,
    )

"""Five Gaussians on a line in the plane."""

from __future__ import annotations

import torch

from ganstudy.trials.config.data import Line
from ganstudy.trials.data.dataset import Dataset, Mixture
from ganstudy.trials.ensemble.streams import generator

NUM_TRAIN, NUM_HELD_OUT = 100_000, 2_500


def line(_options: Line | None = None) -> Dataset:
    """Return five Gaussians of sigma 0.05 at (-2, 0), (-1, 0), ..., (2, 0)."""
    axis = torch.arange(-2.0, 3.0)
    mixture = Mixture(torch.stack([axis, torch.zeros(5)], dim=1), sigma=0.05)

    def draw(num: int, split: str) -> torch.Tensor:
        stream = generator(0, "line", split)
        which = torch.randint(5, (num,), generator=stream)
        return mixture.means[which] + mixture.sigma * torch.randn(num, 2, generator=stream)

    return Dataset(
        "line",
        train=draw(NUM_TRAIN, "train"),
        held_out=draw(NUM_HELD_OUT, "held_out"),
        num_generated=NUM_HELD_OUT,
        mixture=mixture,
    )

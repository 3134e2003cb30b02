"""Linear generator and quadratic discriminator (Feizi et al. 2017, "Understanding GANs: the LQG setting")."""

from __future__ import annotations

import math

from torch import Tensor, nn

from ganstudy.trials.config.networks import Linear
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator


class Squares(nn.Module):
    """Values [B, D] -> the values and their squares [B, 2 D]."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the values beside their squares."""
        flat = values.flatten(1)
        return flat.repeat(1, 2) * nn.functional.pad(flat, (flat.shape[1], 0), value=1.0)


def linear(options: Linear, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return both networks. shape: of one image or point; bounded: it ends in tanh."""
    size = math.prod(shape)

    def generator() -> nn.Module:
        last = [nn.Tanh()] if bounded else []
        return nn.Sequential(nn.Linear(options.latent_dim, size), *last, nn.Unflatten(-1, shape))

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        return PlainDiscriminator(Squares(), nn.Linear(2 * math.prod(input_shape), 1))

    return Networks(generator, discriminator)

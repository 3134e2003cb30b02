"""Fully connected players, for images and points alike."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from ganstudy.trials.config.networks import MLP
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator


def _hidden(
    inputs: int,
    width: int,
    depth: int,
    activation: Callable[[], nn.Module],
    batch_norm: bool = False,
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(depth):
        # Batch normalisation subtracts the mean, and a bias with it.
        layers += [nn.Linear(inputs, width, bias=not batch_norm)]
        layers += [nn.BatchNorm1d(width)] if batch_norm else []
        layers += [activation()]
        inputs = width
    return layers


def mlp(options: MLP, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return fully connected networks.

    They have ReLU in the generator, leaky ReLU 0.2 in the discriminator, and torch's default initial
    values.

    shape: of one image [C, H, W] or point [D]. bounded: the data lie in [-1, 1], so the generator
    ends in tanh.
    """
    size = math.prod(shape)

    def generator() -> nn.Module:
        layers = _hidden(
            options.latent_dim, options.width, options.depth, nn.ReLU, options.batch_norm
        )
        layers += [
            nn.Linear(options.width, size),
            *([nn.Tanh()] if bounded else []),
            nn.Unflatten(-1, shape),
        ]
        return nn.Sequential(*layers)

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        layers = _hidden(
            math.prod(input_shape), options.width, options.depth, lambda: nn.LeakyReLU(0.2)
        )
        return PlainDiscriminator(nn.Sequential(nn.Flatten(), *layers), nn.Linear(options.width, 1))

    return Networks(generator, discriminator)

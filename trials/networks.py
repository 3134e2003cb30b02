"""Generators and discriminators. Resolution and channels come with the data.

A discriminator returns (logits [B], features [B, F]); the features are its penultimate layer, which
feature matching compares and minibatch discrimination extends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from trials.config import ModelConfig


class Discriminator(nn.Module):
    """`trunk` maps images to features [B, F], `head` maps features to one logit."""

    def __init__(self, trunk: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(logits [B], features [B, F])"""
        features = self.trunk(images)
        return self.head(features).squeeze(-1), features


@dataclass(frozen=True)
class Networks:
    """How to build one generator and one discriminator; called once per seed, under that seed's stream."""

    generator: Callable[[], nn.Module]
    discriminator: Callable[[], Discriminator]


def _hidden(inputs: int, width: int, depth: int, activation: Callable[[], nn.Module]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(inputs, width), activation()]
        inputs = width
    return layers


def mlp(config: ModelConfig, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Fully connected players: ReLU in the generator, leaky ReLU 0.2 in the discriminator.

    shape: of one image [C, H, W] or point [D]. bounded: the data lie in [-1, 1], so the generator ends in tanh.
    """
    size = math.prod(shape)

    def generator() -> nn.Module:
        layers = _hidden(config.latent_dim, config.width, config.depth, nn.ReLU)
        layers += [nn.Linear(config.width, size), *([nn.Tanh()] if bounded else []), nn.Unflatten(-1, shape)]
        return nn.Sequential(*layers)

    def discriminator() -> Discriminator:
        layers = _hidden(size, config.width, config.depth, lambda: nn.LeakyReLU(0.2))
        return Discriminator(nn.Sequential(nn.Flatten(), *layers), nn.Linear(config.width, 1))

    return Networks(generator, discriminator)


NETWORKS: dict[str, Callable[[ModelConfig, tuple[int, ...], bool], Networks]] = {"mlp": mlp}

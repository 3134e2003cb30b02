"""The residual networks of Miyato et al. 2018.

Their appendix B.4, tables 4 and 5.

Generator: z -> linear to the smallest map, one block per doubling (batch normalisation, ReLU,
nearest upsampling, 3 x 3 convolution, batch normalisation, ReLU, 3 x 3 convolution, beside an
upsampled 1 x 1 convolution), batch normalisation, ReLU, 3 x 3 convolution, tanh. Discriminator:
blocks of ReLU, 3 x 3 convolution, ReLU, 3 x 3 convolution and average pooling, beside a pooled 1 x
1 convolution; ReLU, the sum over the map, a linear layer; no batch normalisation. Below 64 pixels
all maps are equally wide (the paper's networks for CIFAR-10: 256 in the generator, 128 in the
discriminator, whose first two blocks halve); from 64 pixels on the generator's narrow from 1024 to
64 channels and the discriminator's widen from 64 to 1024. Xavier-uniform weights, with gain sqrt(2)
in the residual branches. Spectral normalisation is a remedy.
"""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn

from ganstudy.trials.config.networks import ResNet
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator
from ganstudy.trials.networks.sizes import exact_halvings, image_sides

LARGE = 4
"""Halvings from which the channels double with every one: 64 pixels."""


class GeneratorBlock(nn.Module):
    """Residual block [B, inputs, H, W] -> [B, outputs, 2 H, 2 W]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )
        # A 1 x 1 convolution and nearest upsampling commute; this order takes a quarter of the
        # work.
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.Upsample(scale_factor=2))
        _initialise(self.residual, self.shortcut)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the sum of both branches."""
        total: Tensor = self.residual(maps) + self.shortcut(maps)
        return total


class DiscriminatorBlock(nn.Module):
    """Residual block [B, inputs, H, W] -> [B, outputs, H, W], or half of H and W.

    The first one has no ReLU before its maps.
    """

    def __init__(self, inputs: int, outputs: int, halves: bool, first: bool = False) -> None:
        super().__init__()
        # As in the released code: the first block widens in its first convolution, others in the
        # second.
        hidden = outputs if first else inputs
        self.residual = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            nn.Conv2d(inputs, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, outputs, 3, padding=1),
            *([nn.AvgPool2d(2)] if halves else []),
        )
        # Pooling commutes with the 1 x 1 convolution as upsampling does in the generator.
        self.shortcut = (
            nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inputs, outputs, 1))
            if halves
            else nn.Identity()
        )
        _initialise(self.residual, self.shortcut)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the sum of both branches."""
        total: Tensor = self.residual(maps) + self.shortcut(maps)
        return total


class SumPool(nn.Module):
    """Sum over the map, [B, C, H, W] -> [B, C]."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return the sums."""
        # The sum and not the mean, as published: it sets the scale of the logits.
        return maps.sum((-2, -1))


def resnet(options: ResNet, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the residual networks.

    shape: of one image [C, H, W]. bounded: the data lie in [-1, 1], so the generator ends in tanh.
    Raises ValueError for points, and for sides that do not halve exactly down to 4..7.
    """
    channels, height, width = image_sides("resnet", shape)
    halvings = exact_halvings("resnet", height, width)
    smallest = (height // 2**halvings, width // 2**halvings)
    large = halvings >= LARGE
    growing = [options.width // 2 * 2 ** min(level, LARGE) for level in range(halvings + 1)]
    generator_maps = growing[::-1] if large else [2 * options.width] * (halvings + 1)

    def generator() -> nn.Module:
        first = nn.Linear(options.latent_dim, generator_maps[0] * smallest[0] * smallest[1])
        last = nn.Conv2d(generator_maps[-1], channels, 3, padding=1)
        _xavier(first)
        _xavier(last)
        return nn.Sequential(
            first,
            nn.Unflatten(-1, (generator_maps[0], *smallest)),
            *(GeneratorBlock(i, o) for i, o in pairwise(generator_maps)),
            nn.BatchNorm2d(generator_maps[-1]),
            nn.ReLU(),
            last,
            *([nn.Tanh()] if bounded else []),
        )

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        if large:
            blocks = [
                DiscriminatorBlock(i, o, halves=True, first=level == 0)
                for level, (i, o) in enumerate(
                    zip([input_shape[0], *growing], growing, strict=False)
                )
            ]
        else:
            blocks = [DiscriminatorBlock(input_shape[0], options.width, halves=True, first=True)]
            blocks += [
                DiscriminatorBlock(options.width, options.width, halves)
                for halves in (True, False, False)
            ]
        features = growing[-1] if large else options.width
        network = PlainDiscriminator(
            nn.Sequential(*blocks, nn.ReLU(), SumPool()), nn.Linear(features, 1)
        )
        _xavier(network.head)
        return network

    return Networks(generator, discriminator)


def _initialise(residual: nn.Module, shortcut: nn.Module) -> None:
    for branch, gain in ((residual, math.sqrt(2)), (shortcut, 1.0)):
        for layer in branch.modules():
            if isinstance(layer, nn.Conv2d):
                _xavier(layer, gain)


def _xavier(layer: nn.Module, gain: float = 1.0) -> None:
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)

"""DCGAN: strided convolutions and batch normalisation (Radford et al. 2015, sec. 3).

Generator: z -> linear to the smallest map, then 4 x 4 transposed convolutions of stride 2, each
with batch normalisation and ReLU, the last one with tanh instead. Discriminator: the mirror image,
with leaky ReLU 0.2 and no batch normalisation in its first layer. No biases; weights from N(0,
0.02^2), the scales of batch normalisation from N(1, 0.02^2). With width 64 at 64 pixels the maps
have 512, 256, 128 and 64 channels, as in the PyTorch project's example (the paper has twice as many
and 5 x 5 kernels); 28 pixels grow as 7, 14, 28.
"""

from __future__ import annotations

from torch import nn

from ganstudy.trials.config.networks import DCGAN
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator
from ganstudy.trials.networks.initialisation import normal_weights
from ganstudy.trials.networks.sizes import exact_halvings, image_sides


def dcgan(options: DCGAN, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the networks of DCGAN.

    shape: of one image [C, H, W]. bounded: the data lie in [-1, 1], so the generator ends in tanh.
    Raises ValueError for points, and for sides that do not halve exactly down to 4..7.
    """
    channels, height, width = image_sides("dcgan", shape)
    halvings = exact_halvings("dcgan", height, width)
    smallest = (height // 2**halvings, width // 2**halvings)
    maps = [options.width * 2**level for level in range(halvings)]
    size = maps[-1] * smallest[0] * smallest[1]

    def generator() -> nn.Module:
        layers: list[nn.Module] = [
            nn.Linear(options.latent_dim, size, bias=False),
            nn.Unflatten(-1, (maps[-1], *smallest)),
            nn.BatchNorm2d(maps[-1]),
            nn.ReLU(),
        ]
        # `maps` is ordered from the image down, and a generator goes up.
        for inputs, outputs in zip(maps[:0:-1], maps[-2::-1], strict=True):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            ]
        layers += [nn.ConvTranspose2d(maps[0], channels, 4, stride=2, padding=1, bias=False)]
        network = nn.Sequential(*layers, *([nn.Tanh()] if bounded else []))
        _initialise(network)
        return network

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        layers: list[nn.Module] = []
        # Not strict: the channels of the last map are no convolution's input.
        for inputs, outputs in zip([input_shape[0], *maps], maps, strict=False):
            first = not layers
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
            if options.discriminator_batch_norm and not first:
                # Real and generated batches pass apart, so running statistics would mix the two.
                layers += [nn.BatchNorm2d(outputs, track_running_stats=False)]
            layers += [nn.LeakyReLU(0.2)]
        network = PlainDiscriminator(
            nn.Sequential(*layers, nn.Flatten()), nn.Linear(size, 1, bias=False)
        )
        _initialise(network)
        return network

    return Networks(generator, discriminator)


def _initialise(network: nn.Module) -> None:
    normal_weights(network)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)

"""SNDCGAN, the convolutional networks of Miyato et al. 2018, as Kurach et al. 2019 use them.

The first describes them in appendix B.4.

Generator: z -> linear to 8 w maps of an eighth of the image's side, 4 x 4 transposed convolutions
of stride 2 to 4 w, 2 w and w maps, each with batch normalisation and ReLU, then a 3 x 3 convolution
and tanh; the normalisation behind the linear layer is per unit. Discriminator: seven convolutions
with leaky ReLU 0.1, 3 x 3 of stride 1 and 4 x 4 of stride 2 in turn, of w, 2 w, 2 w, 4 w, 4 w, 8 w,
8 w maps, without batch normalisation. Weights from N(0, 0.02^2), biases 0. Spectral normalisation,
which the networks are named for, is a remedy. Sides that 8 does not divide are rounded up: 28
pixels grow as 4, 7, 14, 28.
"""

from __future__ import annotations

from torch import nn

from ganstudy.trials.config.networks import SNDCGAN
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator
from ganstudy.trials.networks.initialisation import normal_weights
from ganstudy.trials.networks.same_padding import same_conv, same_deconv
from ganstudy.trials.networks.sizes import image_sides, rounded_halvings


def sndcgan(options: SNDCGAN, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the networks of SNDCGAN.

    shape: of one image [C, H, W]. bounded: the data lie in [-1, 1], so the generator ends in tanh.
    Raises ValueError for points and for images below 8 x 8 pixels.
    """
    channels, height, width = image_sides("sndcgan", shape)
    sides = rounded_halvings("sndcgan", height, width, halvings=3)
    maps = [options.width * factor for factor in (1, 2, 4, 8)]
    size = maps[3] * sides[3][0] * sides[3][1]

    def generator() -> nn.Module:
        layers: list[nn.Module] = [
            nn.Linear(options.latent_dim, size),
            nn.BatchNorm1d(size),
            nn.ReLU(),
            nn.Unflatten(-1, (maps[3], *sides[3])),
        ]
        for level in (2, 1, 0):
            layers += same_deconv(maps[level + 1], maps[level], 4, sides[level])
            layers += [nn.BatchNorm2d(maps[level]), nn.ReLU()]
        layers += [nn.Conv2d(maps[0], channels, 3, padding=1), *([nn.Tanh()] if bounded else [])]
        network = nn.Sequential(*layers)
        normal_weights(network)
        return network

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        layers: list[nn.Module] = [
            nn.Conv2d(input_shape[0], maps[0], 3, padding=1),
            nn.LeakyReLU(0.1),
        ]
        for level in (0, 1, 2):
            layers += [*same_conv(maps[level], maps[level + 1], 4, sides[level]), nn.LeakyReLU(0.1)]
            layers += [nn.Conv2d(maps[level + 1], maps[level + 1], 3, padding=1), nn.LeakyReLU(0.1)]
        network = PlainDiscriminator(nn.Sequential(*layers, nn.Flatten()), nn.Linear(size, 1))
        normal_weights(network)
        return network

    return Networks(generator, discriminator)

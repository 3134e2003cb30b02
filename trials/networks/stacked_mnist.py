"""The networks of PacGAN's stacked MNIST experiment.

Source: Lin et al. 2018, sec. 4.2, in VEEGAN's setting.

Generator: z -> linear to 8 w maps of 2 x 2 (28 pixels), then 5 x 5 transposed convolutions of
stride 2 to 4 w, 2 w, w maps and the image, with batch normalisation and ReLU everywhere but at the
end, which is tanh. Discriminator: 5 x 5 convolutions of stride 2 to w, 2 w, 4 w, 8 w maps with
leaky ReLU 0.2, batch normalisation in all but the first, then a linear layer. Sides are halved
rounding up: 28, 14, 7, 4, 2. Weights from N(0, 0.02^2), those of the discriminator's convolutions
cut off at two standard deviations, biases 0.
"""

from __future__ import annotations

from torch import nn

from ganstudy.trials.config.networks import StackedMNIST
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator
from ganstudy.trials.networks.initialisation import normal_weights
from ganstudy.trials.networks.same_padding import same_conv, same_deconv
from ganstudy.trials.networks.sizes import image_sides, rounded_halvings


def stacked_mnist(options: StackedMNIST, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the networks of the stacked MNIST experiment.

    shape: of one image [C, H, W]. bounded: the data lie in [-1, 1], so the generator ends in tanh.
    Raises ValueError for points and for images below 16 x 16 pixels.
    """
    channels, height, width = image_sides("stacked_mnist", shape)
    sides = rounded_halvings("stacked_mnist", height, width, halvings=4)
    maps = [options.width * factor for factor in (1, 2, 4, 8)]
    size = maps[3] * sides[4][0] * sides[4][1]

    def generator() -> nn.Module:
        layers: list[nn.Module] = [
            nn.Linear(options.latent_dim, size),
            nn.Unflatten(-1, (maps[3], *sides[4])),
            nn.BatchNorm2d(maps[3]),
            nn.ReLU(),
        ]
        for level in (3, 2, 1):
            layers += same_deconv(maps[level], maps[level - 1], 5, sides[level])
            layers += [nn.BatchNorm2d(maps[level - 1]), nn.ReLU()]
        layers += [*same_deconv(maps[0], channels, 5, sides[0]), *([nn.Tanh()] if bounded else [])]
        network = nn.Sequential(*layers)
        normal_weights(network)
        return network

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        layers: list[nn.Module] = []
        for level, inputs in enumerate([input_shape[0], *maps[:3]]):
            # Real and generated batches pass apart, so running statistics would mix the two.
            norm = [nn.BatchNorm2d(maps[level], track_running_stats=False)] if level > 0 else []
            layers += [*same_conv(inputs, maps[level], 5, sides[level]), *norm, nn.LeakyReLU(0.2)]
        network = PlainDiscriminator(nn.Sequential(*layers, nn.Flatten()), nn.Linear(size, 1))
        normal_weights(network)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                # torch's limits are numbers, not multiples of the standard deviation.
                nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
        return network

    return Networks(generator, discriminator)

"""The networks of PacGAN's experiments on two-dimensional mixtures (Lin et al. 2018, sec. 4.1).

Generator: z -> 4 layers of 400 units with batch normalisation and ReLU -> point; only the last
layer has a bias. Discriminator: 3 maxout layers of 200 units, each the largest of 5 linear pieces
-> logit. Weights from N(0, 0.02^2), biases 0. Batch normalisation as in the released code: epsilon
1e-4, which counts beside variances of 1e-3 in the first layer, and running statistics that move by
0.05.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganstudy.trials.config.networks import PacGANPoints
from ganstudy.trials.networks.base import Discriminator, Networks, PlainDiscriminator
from ganstudy.trials.networks.initialisation import normal_weights

GENERATOR_WIDTH = 400
GENERATOR_DEPTH = 4
DISCRIMINATOR_WIDTH = 200
DISCRIMINATOR_DEPTH = 3
PIECES = 5


class Maxout(nn.Module):
    """Layer [B, inputs] -> [B, outputs], each output the largest of `pieces` linear maps.

    (Goodfellow et al. 2013, sec. 2.)
    """

    def __init__(self, inputs: int, outputs: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs * pieces)
        self.pieces = pieces

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the largest piece for each output."""
        pieces: Tensor = self.linear(inputs).unflatten(-1, (-1, self.pieces))
        return pieces.amax(-1)


def pacgan_points(options: PacGANPoints, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the networks of the experiments on points.

    shape: of one point [D]. bounded: the data lie in [-1, 1], so the generator ends in tanh.
    Raises ValueError for images.
    """
    if len(shape) != 1:
        raise ValueError(
            f"pacgan_points makes points, got images of shape {list(shape)}; mlp makes either"
        )

    def generator() -> nn.Module:
        layers: list[nn.Module] = []
        inputs = options.latent_dim
        for _ in range(GENERATOR_DEPTH):
            layers += [
                nn.Linear(inputs, GENERATOR_WIDTH, bias=False),
                # momentum is the weight of the new batch in torch, and of the old average in
                # TensorFlow: 0.95.
                nn.BatchNorm1d(GENERATOR_WIDTH, eps=1e-4, momentum=0.05),
                nn.ReLU(),
            ]
            inputs = GENERATOR_WIDTH
        layers += [nn.Linear(GENERATOR_WIDTH, shape[0]), *([nn.Tanh()] if bounded else [])]
        network = nn.Sequential(*layers)
        normal_weights(network)
        return network

    def discriminator(input_shape: tuple[int, ...]) -> Discriminator:
        widths = [input_shape[0]] + [DISCRIMINATOR_WIDTH] * DISCRIMINATOR_DEPTH
        trunk = nn.Sequential(
            *(Maxout(inputs, outputs, PIECES) for inputs, outputs in pairwise(widths))
        )
        network = PlainDiscriminator(trunk, nn.Linear(DISCRIMINATOR_WIDTH, 1))
        normal_weights(network)
        return network

    return Networks(generator, discriminator)

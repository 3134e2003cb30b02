"""Packing (PacGAN): the discriminator judges m images at once, so it sees a lack of variety.

    D(x_1, ..., x_m) in place of D(x), all real or all generated        (Lin et al. 2018, sec. 2)

The m images are concatenated along the first axis: m C channels, or m D coordinates of points. The
discriminator's first layer is built for that size; nothing else about it changes. As the images of
a batch are independent draws, consecutive ones form a group.

batch_size counts images, so a batch of B gives B / m outputs (the released code counts groups: its
batch of 100 is batch_size = 100 m here). The same holds wherever else the discriminator is asked,
evaluation included; there, up to m - 1 last images that fill no group are left out.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.remedies import PackingOptions
from ganstudy.trials.networks.base import Discriminator
from ganstudy.trials.remedies.base import Remedy


class PackedDiscriminator(Discriminator):
    """Map images [N, C, ...] to (logits [N // m], features [N // m, F])."""

    def __init__(self, single: Discriminator, m: int) -> None:
        """single: takes one group of m images, concatenated, as one input."""
        super().__init__()
        self.single = single
        self.m = m
        self.num_features = single.num_features

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs for groups of m consecutive images."""
        # Evaluation may ask about any number of images; the last ones that fill no group are left out.
        groups = len(images) // self.m
        packed = images[: groups * self.m].unflatten(0, (groups, self.m)).flatten(1, 2)
        outputs: tuple[Tensor, Tensor] = self.single(packed)
        return outputs


class Packing(Remedy):
    """Discriminator that judges m images at once."""

    recordable = True
    options: PackingOptions

    def input_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape with m times the channels, or coordinates."""
        return (self.options.m * shape[0], *shape[1:])

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """Return the discriminator, applied to groups."""
        return PackedDiscriminator(discriminator, self.options.m)

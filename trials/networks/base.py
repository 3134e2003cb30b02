"""What a pair of networks is. Resolution and channels come with the data.

Shapes: B images per batch, Z latent dimensions, F features; images are [B, C, H, W], points [B, D].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


class Discriminator(nn.Module):
    """Maps images or points [B, ...] to (logits [B], features [B, F]).

    The features are the penultimate layer, which feature matching compares and minibatch
    discrimination extends. `num_features` is F, or None for a network that gives no features; these
    are [B, 0] then.
    """

    num_features: int | None


class PlainDiscriminator(Discriminator):
    """`trunk` maps images to features [B, F], `head` maps features to one logit."""

    def __init__(self, trunk: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head
        self.num_features = head.in_features

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(logits [B], features [B, F])"""
        features = self.trunk(images)
        return self.head(features).squeeze(-1), features


@dataclass(frozen=True)
class Networks:
    """How to build one generator and one discriminator; called once per seed, under that seed's
    stream.
    """

    generator: Callable[[], nn.Module]
    """-> a module that maps z [B, Z] to images or points of the data's shape"""
    discriminator: Callable[[tuple[int, ...]], Discriminator]
    """shape of one input -> its discriminator; packing shows it m images at once, m C channels or m
    D coordinates
    """

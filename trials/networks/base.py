"""The contract of a pair of networks. Resolution and channels come with the data.

Shapes: B images per batch, Z latent dimensions, F features; images are [B, C, H, W], points [B, D].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from ganstudy.trials.ensemble.structure import StructureError


class Discriminator(nn.Module):
    """Network that maps images or points [B, ...] to (logits [B], features [B, F]).

    The features are the penultimate layer, which feature matching compares and minibatch
    discrimination extends. `num_features` is F, or None for a network that gives no features; these
    are [B, 0] then.
    """

    num_features: int | None


class PlainDiscriminator(Discriminator):
    """Discriminator of a `trunk`, images to features [B, F], and a `head`, features to a logit."""

    def __init__(self, trunk: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        # Known without a pass, since remedies are built in before there is any input.
        self.num_features = head.in_features

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (logits [B], features [B, F])."""
        features = self.trunk(images)
        return self.head(features).squeeze(-1), features


@dataclass(frozen=True)
class Networks:
    """Builders of one generator and one discriminator.

    Called once per seed, under that seed's random stream.
    """

    generator: Callable[[], nn.Module]
    """Returns a module that maps z [B, Z] to images or points of the data's shape."""
    discriminator: Callable[[tuple[int, ...]], Discriminator]
    """Returns the discriminator for the shape of one input; packing shows it m images at once, m C
    channels or m D coordinates.
    """
    line_of: Callable[[Sequence[str]], str] | None = None
    """Of a user's own networks: returns FILE:LINE of what they hold at one of these paths."""

    @contextmanager
    def located(self) -> Iterator[None]:
        """Context manager in which a StructureError names the user's file and line."""
        try:
            yield
        except StructureError as error:
            if self.line_of is None:
                raise
            raise ValueError(f"{self.line_of(error.paths)}: {error}") from None

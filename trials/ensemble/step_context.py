"""What one step sees: its batch, its random streams, the outputs of either player."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ganstudy.trials.ensemble.streams import generator

if TYPE_CHECKING:
    pass


Player = Literal["discriminator", "generator"]
Kind = Literal["real", "fake", "between"]
"""What images are: of the data, of the generator, or interpolated between the two."""
Parameters = dict[str, Tensor]
"""Name -> [S, ...]"""
Discriminate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images [S, B, ...] -> (outputs [S, B], features [S, B, F]), the remedies' view of the images
included.
"""


@dataclass(frozen=True)
class StepContext:
    """Where in the training a step stands, and the random numbers that belong to it."""

    player: Player
    step: int
    """The player's own steps made before this one."""
    progress: float
    """Share of the budget that is spent, 0 to 1."""
    seeds: tuple[int, ...]
    device: torch.device

    def uniform(self, name: str, *shape: int) -> Tensor:
        """[S, *shape] from U(0, 1), by the stream `name` of this step."""
        return self._drawn(torch.rand, name, shape)

    def normal(self, name: str, *shape: int) -> Tensor:
        """[S, *shape] from N(0, 1), by the stream `name` of this step."""
        return self._drawn(torch.randn, name, shape)

    def _drawn(self, draw: Any, name: str, shape: tuple[int, ...]) -> Tensor:
        drawn = [
            draw(shape, generator=generator(seed, "remedy", name, self.player, self.step))
            for seed in self.seeds
        ]
        return torch.stack(drawn).to(self.device)


@dataclass(frozen=True)
class Batch:
    """What one step of either player is made on."""

    real: Tensor | None
    """[S, B, ...]; None in generator steps where nothing reads real images."""
    latents: Tensor
    """[S, B, Z]"""
    context: StepContext


@dataclass(frozen=True)
class DiscriminatorStep:
    """What is known when the discriminator's loss is formed. The images are leaves, or part of the
    generator's graph where the discriminator is unrolled; they require gradients where a remedy
    asks for them."""

    real: Tensor
    """[S, B, ...]"""
    fake: Tensor
    """[S, B, ...]"""
    logits_real: Tensor
    """[S, B]"""
    logits_fake: Tensor
    """[S, B]"""
    discriminate: Discriminate
    context: StepContext


@dataclass(frozen=True)
class GeneratorStep:
    """What is known when the generator's objective is formed."""

    features_real: Tensor | None
    """[S, B, F]; a constant, unless the discriminator is unrolled. None where no remedy needs real
    images.
    """
    features_fake: Tensor
    """[S, B, F]; carries the generator's gradient."""
    logits_fake: Tensor
    """[S, B]; carries the generator's gradient."""
    context: StepContext

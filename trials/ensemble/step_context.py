"""Give a step its batch, its random streams, the outputs of either player, and the remedies' view.

The view is the part of the trainer that a remedy's hooks may use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.streams import generator, per_seed

Player = Literal["discriminator", "generator"]
Kind = Literal["real", "fake", "between"]
"""Origin of images: of the data, of the generator, or interpolated between the two."""
Parameters = dict[str, Tensor]
"""Name -> [S, ...]"""
Discriminate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images [S, B, ...] -> (outputs [S, B], features [S, B, F]), the remedies' view of the images
included.
"""


@dataclass(frozen=True)
class StepContext:
    """Position of a step in the training, and the random numbers that belong to it."""

    player: Player
    step: int
    """The player's own steps made before this one."""
    progress: float
    """Share of the budget that is spent, 0 to 1."""
    seeds: tuple[int, ...]
    device: torch.device

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Draw [S, *shape] from U(0, 1), by the stream `name` of this step."""
        return self._drawn(torch.rand, name, shape)

    def normal(self, name: str, *shape: int) -> Tensor:
        """Draw [S, *shape] from N(0, 1), by the stream `name` of this step."""
        return self._drawn(torch.randn, name, shape)

    def _drawn(self, draw: Any, name: str, shape: tuple[int, ...]) -> Tensor:
        # Drawn on the CPU, so that runs on every device meet the same numbers.
        drawn = per_seed(
            self.seeds,
            lambda seed: draw(
                shape, generator=generator(seed, "remedy", name, self.player, self.step)
            ),
        )
        return torch.stack(drawn).to(self.device)


@dataclass(frozen=True)
class Batch:
    """Input of one step of either player."""

    real: Tensor | None
    """[S, B, ...]; None in generator steps where nothing reads real images."""
    latents: Tensor
    """[S, B, Z]"""
    context: StepContext


@dataclass(frozen=True)
class DiscriminatorStep:
    """Images and outputs that the discriminator's loss is formed on.

    The images are leaves, or part of the generator's graph where the discriminator is unrolled;
    they require gradients where a remedy asks for them (`Remedy.gradients_at`).
    """

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
    """Outputs that the generator's objective is formed on."""

    features_real: Tensor | None
    """[S, B, F]; a constant, unless the discriminator is unrolled. None where no remedy needs real
    images.
    """
    features_fake: Tensor
    """[S, B, F]; carries the generator's gradient."""
    logits_fake: Tensor
    """[S, B]; carries the generator's gradient."""
    context: StepContext


class GanView(Protocol):
    """What the hooks of a remedy may read and call of the trainer, which is gan.trainer.GanTrainer.

    A protocol, so that remedies need not import the trainer that calls them.
    """

    @property
    def players(self) -> dict[Player, SeedEnsemble]:
        """Both players' networks, all seeds."""

    @property
    def optimisers(self) -> dict[Player, torch.optim.Optimizer]:
        """Both players' optimisers."""

    @property
    def discriminator(self) -> SeedEnsemble:
        """The discriminators of all seeds."""

    def gradients(self, player: Player, batch: Batch) -> list[Tensor]:
        """Return the gradient of the player's own loss in its own parameters, [S, ...] each."""

    def discriminator_loss(
        self, batch: Batch, fake: Tensor | None = None, parameters: Parameters | None = None
    ) -> tuple[Tensor, DiscriminatorStep]:
        """Return the discriminator's loss [S] with all terms, and the outputs it is formed on."""

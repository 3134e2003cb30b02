"""What a remedy may change: the discriminator's structure, the generator's objective, either player's loss.

A remedy overrides the hooks that it needs; the others leave the plain GAN as it is. All tensors carry
the seeds' axis S first, and a remedy must treat the seeds apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from trials.networks import Discriminator

Player = Literal["discriminator", "generator"]
Parameters = dict[str, Tensor]
"""Name -> [S, ...]"""


@dataclass(frozen=True)
class GeneratorStep:
    """What is known when the generator's objective is formed."""

    features_real: Tensor
    """[S, B, F]; a constant."""
    features_fake: Tensor
    """[S, B, F]; carries the generator's gradient."""


class Remedy:
    """One remedy with its options, an instance of its model in trials.config.REMEDIES."""

    needs_real_features: ClassVar[bool] = False
    """Whether `generator_objective` reads features of real images, which cost a forward pass."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """The discriminator of one seed with this remedy built in; new parameters from torch's global stream."""
        return discriminator

    def generator_objective(self, step: GeneratorStep) -> Tensor | None:
        """[S]: an objective in place of the adversarial one, or None."""
        return None

    def penalty(self, player: Player, parameters: Parameters) -> Tensor | None:
        """[S]: a term added to the player's own loss, or None."""
        return None

    def start(self, player: Player, parameters: Parameters) -> None:
        """Called once with the initial parameters."""

    def after_step(self, player: Player, parameters: Parameters) -> None:
        """Called after each of the player's own steps."""

    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint must hold."""
        return {}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restores what `state` returned."""
        for name, value in self.state().items():
            value.copy_(state[name])

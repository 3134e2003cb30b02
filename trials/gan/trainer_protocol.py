"""What a trial trains, whatever the method: a GAN, or a baseline of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Batch, Player
from ganstudy.trials.remedies.base import Remedy


class Trainer(Protocol):
    """Players of all seeds and their training steps.

    These are gan.trainer.GanTrainer, and a baseline's gan.autoencoder.Autoencoder.
    """

    adversarial: bool
    """Whether a discriminator is trained against the generator. Without one there are generator
    steps alone, and they are what shows real images to the networks."""
    remedies: list[Remedy]
    players: dict[Player, SeedEnsemble]
    optimisers: dict[Player, torch.optim.Optimizer]
    gradient_norms: dict[Player, list[Tensor]]
    """[S] each, of some steps since the last evaluation; no method needs to gather them."""

    @property
    def generator_needs_real(self) -> bool:
        """Whether the generator's step reads real images."""

    def discriminator_step(self, batch: Batch) -> Tensor:
        """Make one step of the discriminators; return the loss per seed [S]."""

    def generator_step(self, batch: Batch) -> Tensor:
        """Make one step of the generators; return the loss per seed [S]."""

    def sample(self, latents: Tensor) -> Tensor:
        """Return generated images [S, N, ...] for latents [S, N, Z]."""

    def finite(self) -> Tensor:
        """Return whether all parameters of a seed are finite, bool [S]."""

    def fallbacks(self) -> list[str]:
        """Return what is made seed by seed, one sentence each."""


def make_trainer(
    config: TrialConfig,
    shape: tuple[int, ...],
    bounded: bool,
    device: torch.device,
    lanes: Sequence[TrialConfig] = (),
) -> Trainer:
    """Return the trainer of `config` before its first step.

    shape: of one real image or point; bounded: the data lie in [-1, 1]; lanes: the configuration
    of every lane where they are not all `config` (trials/config/lanes.py). Raises ValueError where the
    networks cannot take the shape or a remedy cannot work on them.
    """
    if config.method == "gan":
        from ganstudy.trials.gan.trainer import GanTrainer

        return GanTrainer(config, shape, bounded, device, lanes)
    from ganstudy.trials.gan.autoencoder import Autoencoder

    return Autoencoder(config, shape, bounded, device, lanes)

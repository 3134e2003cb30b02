"""What a trial trains, whatever the method: a GAN, or a baseline of another kind."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Batch, Player
from ganstudy.trials.remedies.base import Remedy


class Players(Protocol):
    """ganstudy.trials.gan.trainer.GanTrainer is the GAN, ganstudy.trials.gan.autoencoder.Autoencoder the
    baselines.
    """

    remedies: list[Remedy]
    players: dict[Player, SeedEnsemble]
    optimisers: dict[Player, torch.optim.Optimizer]
    gradient_norms: dict[Player, list[Tensor]]
    """Of some steps since the last `diagnostics` [S]; no method needs to gather them."""

    @property
    def generator_needs_real(self) -> bool:
        """Whether the generator's step reads real images."""

    @property
    def generator_step_shows_images(self) -> bool:
        """Whether a generator's step counts as real images shown."""

    def discriminator_steps_due(self, generator_step: int) -> int:
        """Discriminator steps that come before generator step `generator_step`, 1 being the first."""

    def discriminator_step(self, batch: Batch) -> Tensor:
        """One step of the discriminators; the loss per seed [S]."""

    def generator_step(self, batch: Batch) -> Tensor:
        """One step of the generators; the loss per seed [S]."""

    def sample(self, latents: Tensor) -> Tensor:
        """Generated images [S, N, ...] for latents [S, N, Z]."""

    def diagnostics(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Measures of the training itself [S] by name, on real and generated images [S, B, ...]."""

    def finite(self) -> Tensor:
        """[S] bool: all parameters of a seed are finite."""

    def fallbacks(self) -> list[str]:
        """Why a player runs as a loop over seeds, in words."""


def begin(
    config: TrialConfig, shape: tuple[int, ...], bounded: bool, device: torch.device
) -> Players:
    """The players of `config` before their first step.

    shape: of one real image or point; bounded: the data lie in [-1, 1]. Raises ValueError where the
    networks cannot take the shape or a remedy cannot work on them.
    """
    if config.method == "gan":
        from ganstudy.trials.gan.trainer import GanTrainer

        return GanTrainer(config, shape, bounded, device)
    from ganstudy.trials.gan.autoencoder import Autoencoder

    return Autoencoder(config, shape, bounded, device)

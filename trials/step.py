"""The two players and one step of either: the heart of ganstudy.

Shapes: S seeds, B images per batch, Z latent dimensions. Every loss is one number per seed, and the
sum over seeds is differentiated: a seed's parameters appear in its own loss alone, so each gradient
is exactly that seed's, and a non-finite seed cannot touch the others.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from trials import remedies
from trials.config import TrialConfig
from trials.losses import LOSSES
from trials.networks import NETWORKS
from trials.pack import Pack
from trials.remedies.contract import GeneratorStep, Player


def discriminator_steps_due(k: Fraction, generator_step: int) -> int:
    """Discriminator steps that come before generator step `generator_step` (1 is the first): ceil(k * step).

    Integers throughout, so the ratio is exact over any number of steps. k = 2 gives D D G, k = 1/2
    gives D G G, k = 3/2 gives D D G D G.
    """
    return -(-k.numerator * generator_step // k.denominator)


class Game:
    """Generators and discriminators of all seeds, their optimisers and remedies."""

    def __init__(self, config: TrialConfig, shape: tuple[int, ...], bounded: bool, device: torch.device) -> None:
        """shape: of one real image or point; bounded: the data lie in [-1, 1]."""
        self.config, self.device = config, device
        self.loss = LOSSES[config.loss]
        self.remedies = remedies.build(config)
        networks = NETWORKS[config.model.name](config.model, shape, bounded)
        extend = [(name, r.extend_discriminator) for name, r in zip(config.remedies, self.remedies, strict=True)]
        latents = torch.zeros(config.batch_size, config.model.latent_dim)
        images = torch.zeros(config.batch_size, *shape)
        self.generator = Pack(networks.generator, config.seeds, "generator", device, latents)
        self.discriminator = Pack(networks.discriminator, config.seeds, "discriminator", device, images, extend)
        self.players: dict[Player, Pack] = {"generator": self.generator, "discriminator": self.discriminator}
        betas = (config.beta1, config.beta2)
        self.optimisers: dict[Player, torch.optim.Adam] = {
            "generator": _adam(self.generator, config.lr_g, betas),
            "discriminator": _adam(self.discriminator, config.lr_d, betas),
        }
        for player, pack in self.players.items():
            for remedy in self.remedies:
                remedy.start(player, pack.parameters)

    def discriminator_step(self, real: Tensor, latents: Tensor) -> Tensor:
        """One discriminator step on real [S, B, ...] and latents [S, B, Z]; the loss per seed [S]."""
        with torch.no_grad():
            fake = self.generator(latents)
        logits_real, _ = self.discriminator(real)
        logits_fake, _ = self.discriminator(fake)
        return self._step("discriminator", self.loss.discriminator(logits_real, logits_fake))

    def generator_step(self, latents: Tensor, real: Tensor | None) -> Tensor:
        """One generator step; the loss per seed [S]. `real` is given where `needs_real`."""
        fake = self.generator(latents)
        logits_fake, features_fake = self.discriminator(fake, frozen=True)
        objectives = []
        if real is not None:
            with torch.no_grad():
                _, features_real = self.discriminator(real)
            step = GeneratorStep(features_real, features_fake)
            objectives = [o for r in self.remedies if (o := r.generator_objective(step)) is not None]
        loss = torch.stack(objectives).sum(0) if objectives else self.loss.generator(logits_fake)
        return self._step("generator", loss)

    @property
    def needs_real(self) -> bool:
        """Whether the generator's step reads real images."""
        return any(remedy.needs_real_features for remedy in self.remedies)

    def _step(self, player: Player, loss: Tensor) -> Tensor:
        parameters = self.players[player].parameters
        for remedy in self.remedies:
            penalty = remedy.penalty(player, parameters)
            if penalty is not None:
                loss = loss + penalty
        values = list(parameters.values())
        for value, gradient in zip(values, torch.autograd.grad(loss.sum(), values), strict=True):
            # vmap returns weight gradients transposed in memory, and the fused Adam on the CPU reads
            # memory, not strides: without this copy it pairs numbers with the wrong parameters.
            value.grad = gradient.contiguous()
        self.optimisers[player].step()
        for remedy in self.remedies:
            remedy.after_step(player, parameters)
        return loss.detach()

    @torch.no_grad()
    def sample(self, latents: Tensor) -> Tensor:
        """Generated images [S, N, ...] for latents [S, N, Z]."""
        samples: Tensor = self.generator(latents)
        return samples

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """[S]: mean of D over images [S, B, ...]."""
        logits, _ = self.discriminator(images)
        return torch.sigmoid(logits).mean(-1)

    def finite(self) -> Tensor:
        """[S] bool: both players of a seed have finite parameters."""
        return self.generator.finite() & self.discriminator.finite()

    def fallbacks(self) -> list[str]:
        """Why a player runs as a loop over seeds, in words; empty where both run as packs."""
        return [
            f"the {player} runs as a loop over seeds, since vmap cannot take it: {pack.fallback}"
            for player, pack in self.players.items()
            if pack.fallback is not None
        ]


def _adam(pack: Pack, lr: float, betas: tuple[float, float]) -> torch.optim.Adam:
    return torch.optim.Adam(pack.parameters.values(), lr=lr, betas=betas, fused=True)

"""Baselines of another kind and of the same size.

The generator is the decoder, the discriminator's trunk the encoder.

    autoencoder   L = E || x - G(E(x)) ||^2                      the code has no distribution to sample from
    vae           L = E_q [-log p(x | z)] + KL(q(z | x) || N(0, I)),  nats per image
                  q(z | x) = N(mu(x), diag sigma(x)^2),  p(x | z) = N(G(z), s^2 I)      Kingma & Welling 2014
                  with s^2 at its optimum, the batch's mean squared error per value (Rybkin et al. 2021,
                  "optimal sigma VAE"), so that no weight between the two terms is left to tune:
                  -log p = D / 2 (log(2 pi s^2) + 1)

Both are sampled like a GAN, from latents that the encoder never saw. One step trains both networks
and counts as a generator step; lr_g is the step size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganstudy.trials import networks
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble import optimisers
from ganstudy.trials.ensemble.ensemble import SeedEnsemble, convolutions_prefer_a_loop
from ganstudy.trials.ensemble.step_context import Batch, Player
from ganstudy.trials.gan.seed_loops import seed_loops
from ganstudy.trials.networks.base import Discriminator
from ganstudy.trials.remedies.base import Remedy

MIN_VARIANCE = 1e-6
"""Of the decoder, in squared data units: a perfect reconstruction would have infinite density, and
the loss would be minus infinity."""


class Encoder(nn.Module):
    """Images [B, ...] -> codes [B, Z], or (means, log variances) side by side [B, 2 Z]."""

    def __init__(self, trunk: nn.Module, num_features: int, outputs: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.code = nn.Linear(num_features, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Return the code of each image."""
        _, features = self.trunk(images)
        code: Tensor = self.code(features)
        return code


def _encoder(config: TrialConfig, trunk: Discriminator) -> Encoder:
    """Return an encoder on the discriminator's features; ValueError where it gives none."""
    if trunk.num_features is None:
        raise ValueError(
            f"{config.method} encodes with the discriminator's features; "
            f"{config.model.name} has none: let it return (logits, features), or end in a linear "
            "or convolutional layer with one output per image"
        )
    codes = 2 if config.method == "vae" else 1  # means, and log variances
    return Encoder(trunk, trunk.num_features, codes * config.model.latent_dim)


class Autoencoder:
    """Encoders and decoders of all seeds, driven as trainer_protocol.Trainer says."""

    adversarial = False
    generator_needs_real = True

    def __init__(
        self,
        config: TrialConfig,
        shape: tuple[int, ...],
        bounded: bool,
        device: torch.device,
        lanes: Sequence[TrialConfig] = (),
    ) -> None:
        """Make the trainer for data of one `shape`.

        shape: of one real image or point; bounded: the data lie in [-1, 1]; lanes: as of
        GanTrainer.

        Raises ValueError where the networks cannot take the shape or the discriminator has no
        features.
        """
        self.config = config
        self.remedies: list[Remedy] = []
        built = networks.build(config.model, shape, bounded)
        self._variational = config.method == "vae"
        latent, one_by_one = config.model.latent_dim, convolutions_prefer_a_loop(shape, device)
        with built.located():
            self.decoder = SeedEnsemble(
                built.generator,
                config.seeds,
                "generator",
                device,
                torch.zeros(config.batch_size, latent),
                loop_convolutions=one_by_one,
            )
            self.encoder = SeedEnsemble(
                lambda: _encoder(config, built.discriminator(shape)),
                config.seeds,
                "discriminator",
                device,
                torch.zeros(config.batch_size, *shape),
                loop_convolutions=one_by_one,
            )
        self.players: dict[Player, SeedEnsemble] = {
            "generator": self.decoder,
            "discriminator": self.encoder,
        }
        of_lanes = optimisers.numbers_of_lanes(lanes, "generator")
        self.optimisers: dict[Player, torch.optim.Optimizer] = {
            player: optimisers.build(config, config.lr_g, [*ensemble.parameters.values()], of_lanes)
            for player, ensemble in self.players.items()
        }
        self.gradient_norms: dict[Player, list[Tensor]] = {}

    def discriminator_step(self, batch: Batch) -> Tensor:
        """Raise NotImplementedError: there is no discriminator."""
        raise NotImplementedError

    def generator_step(self, batch: Batch) -> Tensor:
        """Make one step of encoders and decoders; return the loss per seed [S]."""
        for ensemble in self.players.values():
            ensemble.begin_step(batch.context.step)
        loss = self.loss(batch)
        values = [
            value for ensemble in self.players.values() for value in ensemble.parameters.values()
        ]
        # The trunk's own head has no part in the loss, so it gets zeros.
        gradients = torch.autograd.grad(
            loss.sum(), values, allow_unused=True, materialize_grads=True
        )
        for value, gradient in zip(values, gradients, strict=True):
            # The fused Adam reads memory, not strides; see GanTrainer.train_step.
            value.grad = gradient.contiguous()
        for optimiser in self.optimisers.values():
            optimiser.step()
        return loss.detach()

    def loss(self, batch: Batch) -> Tensor:
        """Return the reconstruction error, of a vae the negative ELBO in nats per image, [S]."""
        assert batch.real is not None
        code: Tensor = self.encoder(batch.real)
        if not self._variational:
            errors: Tensor = (batch.real - self.decoder(code)).flatten(2)
            return errors.square().sum(-1).mean(-1)
        mean, log_variance = code.chunk(2, dim=-1)
        noise = batch.context.normal("posterior", *mean.shape[1:])
        decoded: Tensor = self.decoder(mean + noise * (log_variance / 2).exp())
        errors = (batch.real - decoded).flatten(2)
        variance = errors.square().mean((1, 2)).clamp_min(MIN_VARIANCE)
        surprise = errors.shape[-1] / 2 * (torch.log(2 * math.pi * variance) + 1)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean(-1) / 2
        return surprise + divergence

    @torch.no_grad()
    def sample(self, latents: Tensor) -> Tensor:
        """Return decoded images [S, N, ...] of latents [S, N, Z]."""
        samples: Tensor = self.decoder(latents, evaluate=True)
        return samples

    def finite(self) -> Tensor:
        """Return whether both networks of a seed have finite parameters, bool [S]."""
        return self.decoder.finite() & self.encoder.finite()

    def fallbacks(self) -> list[str]:
        """Return what is made seed by seed, one sentence each; empty if nothing is."""
        return seed_loops([("decoder", self.decoder), ("encoder", self.encoder)], self.config)

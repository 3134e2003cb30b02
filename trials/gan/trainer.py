"""The two players and one step of either: the heart of ganstudy.

Shapes: S seeds, B images per batch, Z latent dimensions. Every loss is one number per seed, and the
sum over seeds is differentiated: a seed's parameters appear in its own loss alone, so each gradient
is exactly that seed's, and a non-finite seed cannot touch the others.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor, nn

from ganstudy.trials import losses, networks, remedies
from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble import optimisers
from ganstudy.trials.ensemble.ensemble import SeedEnsemble, faster_apart
from ganstudy.trials.ensemble.step_context import (
    Batch,
    DiscriminatorStep,
    GeneratorStep,
    Kind,
    Parameters,
    Player,
    StepContext,
)
from ganstudy.trials.ensemble.streams import draw
from ganstudy.trials.measures.discriminator_auc import discriminator_auc

NORM_EVERY = 10
"""Steps of a player between two looks at its gradient's norm; looking at every step would cost 5%
of a small one.
"""


class GanTrainer:
    """Generators and discriminators of all seeds, their optimisers and remedies."""

    def __init__(
        self, config: TrialConfig, shape: tuple[int, ...], bounded: bool, device: torch.device
    ) -> None:
        """shape: of one real image or point; bounded: the data lie in [-1, 1].

        Raises ValueError where the networks cannot take the shape or a remedy cannot work on them.
        """
        self.config, self.device = config, device
        self.loss = losses.build(config.loss_options)
        self.remedies = [remedies.build(o) for o in config.remedy_options.values()]
        # The loss's own come last: weight clipping must have the last word on the parameters.
        self._terms = [*self.remedies, *self.loss.terms()]
        built = networks.build(config.model, shape, bounded)
        seen = shape
        for remedy in self.remedies:
            seen = remedy.input_shape(seen)
        named = list(zip(config.remedies, self.remedies, strict=True))
        dim, kind = config.model.latent_dim, config.model.latent
        apart = faster_apart(shape, device, self.recordable)

        def latents(num: int) -> Tensor:
            return draw((num, dim), kind, torch.default_generator)

        self.generator = SeedEnsemble(
            built.generator,
            config.seeds,
            "generator",
            device,
            torch.zeros(config.batch_size, dim),
            [(name, partial(r.extend_generator, latents=latents)) for name, r in named],
            apart=apart,
        )
        self.discriminator = SeedEnsemble(
            lambda: built.discriminator(seen),
            config.seeds,
            "discriminator",
            device,
            torch.zeros(config.batch_size, *shape),
            [(name, r.extend_discriminator) for name, r in named],
            apart=apart,
        )
        self._check_features(self.discriminator.network)
        self.players: dict[Player, SeedEnsemble] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        rates = {"generator": config.lr_g, "discriminator": config.lr_d}
        self.optimisers: dict[Player, torch.optim.Optimizer] = {
            player: optimisers.build(config, rates[player], list(ensemble.parameters.values()))
            for player, ensemble in self.players.items()
        }
        self.gradient_norms: dict[Player, list[Tensor]] = {"generator": [], "discriminator": []}
        """[S] each, of every NORM_EVERY-th step since the list was last emptied."""
        for player, ensemble in self.players.items():
            for remedy in self.remedies:
                remedy.start(player, ensemble)

    def _check_features(self, discriminator: nn.Module) -> None:
        if getattr(discriminator, "num_features", None) is None:
            for name, remedy in zip(self.config.remedies, self.remedies, strict=True):
                if remedy.needs_features:
                    raise ValueError(
                        f"{name} needs features of the discriminator, and {self.config.model.name} has none: "
                        "it neither returns (outputs, features) nor ends in a linear layer"
                    )

    @property
    def recordable(self) -> bool:
        """Whether a GPU may replay a step that it has recorded, see trials/gan/cuda_graphs.py.

        A user's own networks may keep count of their calls, and a recording would repeat what they
        did in one.
        """
        return (
            self.device.type == "cuda"
            and self.config.optimiser == "adam"
            and not isinstance(self.config.model, OwnModel)
            and all(remedy.recordable for remedy in self._terms)
        )

    @property
    def generator_needs_real(self) -> bool:
        """Whether the generator's step reads real images."""
        return self._objective_needs_real or any(
            remedy.looks_at_both_players for remedy in self.remedies
        )

    @property
    def _objective_needs_real(self) -> bool:
        return self.loss.generator_needs_real or any(
            remedy.generator_needs_real for remedy in self.remedies
        )

    @property
    def generator_step_shows_images(self) -> bool:
        """Whether a generator's step counts as real images shown; in a GAN only the discriminator's
        do.
        """
        return False

    def discriminator_steps_due(self, generator_step: int) -> int:
        """Discriminator steps that come before generator step `generator_step`, 1 being the first."""
        return self.config.k.discriminator_steps_due(generator_step)

    # --- steps

    def discriminator_step(self, batch: Batch) -> Tensor:
        """One step of the discriminators; the loss per seed [S]."""
        return self._step("discriminator", batch)

    def generator_step(self, batch: Batch) -> Tensor:
        """One step of the generators; the loss per seed [S]."""
        return self._step("generator", batch)

    def _step(self, player: Player, batch: Batch) -> Tensor:
        for each in self.players.values():
            each.begin(2 * batch.context.step + (player == "generator"))
        loss, norm = self.make_step(player, batch, norm=batch.context.step % NORM_EVERY == 0)
        if norm is not None:
            self.gradient_norms[player].append(norm)
        return loss

    def make_step(self, player: Player, batch: Batch, norm: bool) -> tuple[Tensor, Tensor | None]:
        """(the loss, the gradient's norm where `norm` asks for it), [S] each, of a step that is
        made here.

        Where the game is `recordable`, a function of tensors that updates tensors in place.
        """
        ensemble = self.players[player]
        with ExitStack() as points:
            for remedy in self.remedies:
                points.enter_context(remedy.lookahead(self, batch))
            loss, gradients, step = self._gradients(player, batch)
        for value, gradient in zip(ensemble.parameters.values(), gradients, strict=True):
            # vmap returns weight gradients transposed in memory, and the fused Adam on the CPU
            # reads memory, not strides: without this copy it pairs numbers with the wrong
            # parameters.
            value.grad = gradient.contiguous()
        with ExitStack() as updates:
            for remedy in self._terms:
                updates.enter_context(remedy.update(player, ensemble))
            self.optimisers[player].step()
        for remedy in self._terms:
            remedy.after_step(player, ensemble, batch.context)
        if step is not None:
            for remedy in self._terms:
                remedy.observe(step)
        squares = [gradient.square().flatten(1).sum(1) for gradient in gradients] if norm else []
        return loss.detach(), torch.stack(squares).sum(0).sqrt() if norm else None

    # --- losses and gradients

    def gradients(self, player: Player, batch: Batch) -> list[Tensor]:
        """The gradient of the player's own loss in its own parameters, one tensor [S, ...] each."""
        return self._gradients(player, batch)[1]

    def _gradients(
        self, player: Player, batch: Batch
    ) -> tuple[Tensor, list[Tensor], DiscriminatorStep | None]:
        parameters = self.players[player].parameters
        step: DiscriminatorStep | None = None
        if player == "discriminator":
            with torch.no_grad():
                fake = self.generator(batch.latents)
            # A view of a parameter claims to require gradients even here.
            loss, step = self.discriminator_loss(batch, fake.detach())
        else:
            loss = self.generator_loss(batch)
        gradients = torch.autograd.grad(loss.sum(), list(parameters.values()), allow_unused=True)
        filled = [
            torch.zeros_like(v) if g is None else g
            for v, g in zip(parameters.values(), gradients, strict=True)
        ]
        return loss, filled, step

    def discriminator_loss(
        self, batch: Batch, fake: Tensor, parameters: Parameters | None = None
    ) -> tuple[Tensor, DiscriminatorStep]:
        """The discriminator's whole loss [S] on the batch's real images and `fake`, both [S, B,
        ...].

        parameters: of a discriminator other than the present one, whose running statistics stay as
        they are.
        """
        assert batch.real is not None
        held, elsewhere = (
            (self.discriminator.parameters, False) if parameters is None else (parameters, True)
        )
        differentiated = {place for remedy in self._terms for place in remedy.gradients_at}
        real = batch.real.detach().requires_grad_() if "real" in differentiated else batch.real
        if "fake" in differentiated and not fake.requires_grad:
            fake = fake.detach().requires_grad_()
        logits_real, _ = self.discriminate(
            real, "real", batch.context, held, keep_buffers=elsewhere
        )
        logits_fake, _ = self.discriminate(
            fake, "fake", batch.context, held, keep_buffers=elsewhere
        )
        step = DiscriminatorStep(
            real=real,
            fake=fake,
            logits_real=logits_real,
            logits_fake=logits_fake,
            discriminate=lambda images: self.discriminate(
                images, "between", batch.context, held, keep_buffers=elsewhere
            ),
            context=batch.context,
        )
        targets = [target for remedy in self.remedies if (target := remedy.real_target) is not None]
        loss = self.loss.discriminator(logits_real, logits_fake, *targets)
        for remedy in self._terms:
            for term in (remedy.discriminator_term(step), remedy.penalty("discriminator", held)):
                loss = loss if term is None else loss + term
        return loss, step

    def generator_loss(self, batch: Batch) -> Tensor:
        """The generator's whole loss [S]: the adversarial objective, or what remedies put in its
        place or beside it.
        """
        fake = self.generator(batch.latents)
        opponents = [
            p
            for remedy in self.remedies
            if (p := remedy.unrolled_discriminator(self, batch, fake)) is not None
        ]
        against = opponents[0] if opponents else self.discriminator.frozen()
        logits_fake, features_fake = self.discriminate(fake, "fake", batch.context, against)
        logits_real = features_real = None
        if self._objective_needs_real:
            assert batch.real is not None
            logits_real, features_real = self.discriminate(
                batch.real, "real", batch.context, against
            )
        step = GeneratorStep(features_real, features_fake, logits_fake, batch.context)
        objectives = [o for r in self.remedies if (o := r.generator_objective(step)) is not None]
        loss = (
            torch.stack(objectives).sum(0)
            if objectives
            else self.loss.generator(logits_fake, logits_real)
        )
        for remedy in self._terms:
            for term in (
                remedy.generator_term(step),
                remedy.penalty("generator", self.generator.parameters),
            ):
                loss = loss if term is None else loss + term
        return loss

    def discriminate(
        self,
        images: Tensor,
        kind: Kind,
        context: StepContext,
        parameters: Parameters,
        keep_buffers: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """(outputs [S, B], features [S, B, F]) of the discriminator with `parameters`, as the
        remedies let it see images [S, B, ...]."""
        for remedy in self.remedies:
            images = remedy.view(images, kind, context)
        outputs: tuple[Tensor, Tensor] = self.discriminator(
            images, parameters, keep_buffers=keep_buffers
        )
        return outputs

    # --- looking on

    @torch.no_grad()
    def sample(self, latents: Tensor) -> Tensor:
        """Generated images [S, N, ...] for latents [S, N, Z], in evaluation mode."""
        states = [
            state
            for remedy in self.remedies
            if (state := remedy.sampling_state(self.generator)) is not None
        ]
        parameters, buffers = (
            states[0] if states else (self.generator.parameters, self.generator.buffers)
        )
        samples: Tensor = self.generator(latents, parameters, buffers, evaluate=True)
        return samples

    @torch.no_grad()
    def outputs(self, images: Tensor) -> Tensor:
        """[S, B]: the discriminator's outputs on images [S, B, ...] as they are; nothing of the
        training changes.
        """
        logits, _ = self.discriminator(images, keep_buffers=True)
        result: Tensor = logits
        return result

    def diagnostics(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Measures of the game [S] by name, on real and generated images [S, B, ...]; see
        trials/results/records.py.
        """
        outputs_real, outputs_fake = self.outputs(real), self.outputs(fake)
        values = {"d_auc": discriminator_auc(outputs_real, outputs_fake)}
        if self.loss.log_odds:
            values |= {
                "d_real": outputs_real.sigmoid().mean(-1),
                "d_fake": outputs_fake.sigmoid().mean(-1),
            }
        for player, norms in self.gradient_norms.items():
            if norms:
                values[f"gradient_norm_{player[0]}"] = torch.stack(norms).mean(0)
            norms.clear()
        return values

    def finite(self) -> Tensor:
        """[S] bool: both players of a seed have finite parameters."""
        return self.generator.finite() & self.discriminator.finite()

    def fallbacks(self) -> list[str]:
        """Why a player runs as a loop over seeds, in words; empty where both run as packs."""
        return [
            f"the {player} runs as a loop over seeds, since vmap cannot take it: {ensemble.fallback}"
            for player, ensemble in self.players.items()
            if ensemble.fallback is not None
        ]

"""The two players of a GAN and one training step of either: the heart of ganstudy.

The whole step is in `GanTrainer.train_step`, `discriminator_loss` and `generator_loss`.

Shapes: S seeds, B images per batch, Z latent dimensions. Every loss is one number per seed, and the
sum over seeds is differentiated: a seed's parameters appear in its own loss alone, so each gradient
is exactly that seed's, and a non-finite seed cannot touch the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor

from ganstudy.trials import losses, networks, remedies
from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble import optimisers
from ganstudy.trials.ensemble.ensemble import SeedEnsemble, convolutions_prefer_a_loop
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
from ganstudy.trials.gan.seed_loops import seed_loops

NORM_EVERY = 10
"""Steps of a player between two measurements of its gradient's norm; one at every step would cost
5% of a step of small networks, and an evaluation reports the mean over many steps anyway."""


class GanTrainer:
    """Generators and discriminators of all seeds, their optimisers and remedies."""

    adversarial = True

    def __init__(
        self,
        config: TrialConfig,
        shape: tuple[int, ...],
        bounded: bool,
        device: torch.device,
        lanes: Sequence[TrialConfig] = (),
    ) -> None:
        """Make the trainer of all seeds of a configuration, or of all lanes of a pack.

        shape: of one real image or point; bounded: the data lie in [-1, 1]. lanes: the
        configuration of every lane, where they are not all `config`; that holds what they have in
        common, and the seeds of all lanes (trials/config/lanes.py).

        Raises ValueError where the networks cannot take the shape or a remedy cannot work on them.
        """
        self.config = config
        self.device = device
        self.lanes = tuple(lanes)
        self.loss = losses.build(config.loss_options, [lane.loss_options for lane in lanes], device)
        self.remedies = [
            remedies.build(options, [lane.remedy_options[name] for lane in lanes], device)
            for name, options in config.remedy_options.items()
        ]
        # The loss's own come last: weight clipping must have the last word on the parameters.
        self._terms = [*self.remedies, *self.loss.terms()]
        self.generator, self.discriminator = self._build_networks(shape, bounded)
        self.players: dict[Player, SeedEnsemble] = {
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        rates = {"generator": config.lr_g, "discriminator": config.lr_d}
        self.optimisers: dict[Player, torch.optim.Optimizer] = {
            player: optimisers.build(
                config,
                rates[player],
                list(ensemble.parameters.values()),
                optimisers.numbers_of_lanes(lanes, player),
            )
            for player, ensemble in self.players.items()
        }
        self.gradient_norms: dict[Player, list[Tensor]] = {"generator": [], "discriminator": []}
        """[S] each, of every NORM_EVERY-th step since the list was last emptied."""
        for player, ensemble in self.players.items():
            for remedy in self.remedies:
                remedy.start(player, ensemble)

    def _build_networks(
        self, shape: tuple[int, ...], bounded: bool
    ) -> tuple[SeedEnsemble, SeedEnsemble]:
        """Return the generators and discriminators of all seeds, with the remedies' extensions."""
        config = self.config
        built = networks.build(config.model, shape, bounded)
        input_shape = shape
        for remedy in self.remedies:
            input_shape = remedy.input_shape(input_shape)
        named = list(zip(config.remedies, self.remedies, strict=True))
        dim = config.model.latent_dim
        one_by_one = convolutions_prefer_a_loop(shape, self.device, self.recordable)

        def latents(num: int) -> Tensor:
            return draw((num, dim), config.model.latent, torch.default_generator)

        with built.located():
            generator = SeedEnsemble(
                built.generator,
                config.seeds,
                "generator",
                self.device,
                torch.zeros(config.batch_size, dim),
                extend=[(name, partial(r.extend_generator, latents=latents)) for name, r in named],
                loop_convolutions=one_by_one,
            )
            discriminator = SeedEnsemble(
                lambda: built.discriminator(input_shape),
                config.seeds,
                "discriminator",
                self.device,
                torch.zeros(config.batch_size, *shape),
                extend=[(name, remedy.extend_discriminator) for name, remedy in named],
                loop_convolutions=one_by_one,
            )
        if getattr(discriminator.network, "num_features", None) is None:
            for name, remedy in named:
                if remedy.needs_features:
                    raise ValueError(
                        f"{name} needs features of the discriminator, and {config.model.name} has "
                        "none: let it return (logits, features), or end in a linear or convolutional "
                        "layer with one output per image"
                    )
        return generator, discriminator

    @property
    def recordable(self) -> bool:
        """Whether a step may be captured in a CUDA graph, see trials/gan/cuda_graphs.py.

        A user's own networks may keep count of their calls, and a replay would repeat what they did
        in the captured one.
        """
        return (
            self.device.type == "cuda"
            and self.config.optimiser == "adam"
            and not isinstance(self.config.model, OwnModel)
            and all(term.recordable for term in self._terms)
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

    # --- one training step, in reading order

    def discriminator_step(self, batch: Batch) -> Tensor:
        """Make one step of the discriminators; return the loss per seed [S]."""
        return self._step("discriminator", batch)

    def generator_step(self, batch: Batch) -> Tensor:
        """Make one step of the generators; return the loss per seed [S]."""
        return self._step("generator", batch)

    def _step(self, player: Player, batch: Batch) -> Tensor:
        # Networks that draw random numbers (dropout) get streams that no two steps share.
        for each in self.players.values():
            each.begin_step(2 * batch.context.step + (player == "generator"))
        with_norm = batch.context.step % NORM_EVERY == 0
        loss, norm = self.train_step(player, batch, with_norm)
        if norm is not None:
            self.gradient_norms[player].append(norm)
        return loss

    def train_step(
        self, player: Player, batch: Batch, with_norm: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Make one step of `player`; return its loss [S] and, if asked for, its gradient's norm [S].

        All that a step does, from top to bottom; the forward passes are in `discriminator_loss`
        and `generator_loss` below. Where the trainer is `recordable`, the call is a function of
        tensors that updates tensors in place, so that CudaGraphStepper can capture it as it is.
        """
        ensemble = self.players[player]
        parameters = list(ensemble.parameters.values())
        outputs: DiscriminatorStep | None = None
        with ExitStack() as lookahead:
            # 1. Lookahead: extragradient takes the gradient one step ahead. On leaving the block
            # the players are where they were, so that the update starts from there.
            for remedy in self.remedies:
                lookahead.enter_context(remedy.lookahead(self, batch))

            # 2. Forward passes and the loss of every seed, with the terms of all remedies.
            if player == "discriminator":
                loss, outputs = self.discriminator_loss(batch)
            else:
                loss = self.generator_loss(batch)

            # 3. Gradients per seed: a seed's parameters appear in its own loss alone, so the
            # gradient of the sum is every seed's own. Parameters that the loss does not reach (an
            # unused head) get zeros.
            gradients = torch.autograd.grad(
                loss.sum(), parameters, allow_unused=True, materialize_grads=True
            )

        # 4. Update. vmap returns weight gradients transposed in memory, and the fused Adam on the
        # CPU reads memory, not strides: without the copy it pairs numbers with the wrong
        # parameters. Remedies with an update rule of their own (optimistic_adam) correct the
        # optimiser's step on leaving the block.
        for value, gradient in zip(parameters, gradients, strict=True):
            value.grad = gradient.contiguous()
        with ExitStack() as updates:
            for remedy in self._terms:
                updates.enter_context(remedy.update(player, ensemble))
            self.optimisers[player].step()

        # 5. After the step: averages of parameters, clipping, power iterations; then what remedies
        # remember of the discriminator's outputs (lecam), which its next loss reads.
        for remedy in self._terms:
            remedy.after_step(player, ensemble, batch.context)
        if outputs is not None:
            for remedy in self._terms:
                remedy.observe(outputs)

        # 6. What is reported.
        norm = None
        if with_norm:
            # unsqueeze: a parameter without axes is [S] in the stack, which flatten(1) refuses.
            squares = [g.square().unsqueeze(-1).flatten(1).sum(1) for g in gradients]
            norm = torch.stack(squares).sum(0).sqrt()
        return loss.detach(), norm

    def discriminator_loss(
        self, batch: Batch, fake: Tensor | None = None, parameters: Parameters | None = None
    ) -> tuple[Tensor, DiscriminatorStep]:
        """Return the discriminator's loss [S] with all terms, and the outputs it is formed on.

        fake: generated images [S, B, ...] in place of the generator's of the batch's latents.
        parameters: of a discriminator other than the present one (unrolled_discriminator plays
        against those), whose running statistics stay as they are.
        """
        assert batch.real is not None
        real, context = batch.real, batch.context
        keep_buffers = parameters is not None
        weights = self.discriminator.parameters if parameters is None else parameters
        if fake is None:
            with torch.no_grad():
                fake = self.generator(batch.latents)
            # A view of a parameter claims to require gradients even here.
            fake = fake.detach()

        # Gradient penalties differentiate the outputs in the images, which must be leaves then.
        # Fake images of an unrolled discriminator carry the generator's graph already.
        differentiated = {kind for term in self._terms for kind in term.gradients_at}
        if "real" in differentiated:
            real = real.detach().requires_grad_()
        if "fake" in differentiated and not fake.requires_grad:
            fake = fake.detach().requires_grad_()

        # Two passes, never one over both: batch normalisation must not mix real with fake.
        logits_real, _ = self.discriminate(real, "real", context, weights, keep_buffers)
        logits_fake, _ = self.discriminate(fake, "fake", context, weights, keep_buffers)
        outputs = DiscriminatorStep(
            real=real,
            fake=fake,
            logits_real=logits_real,
            logits_fake=logits_fake,
            discriminate=lambda images: self.discriminate(
                images, "between", context, weights, keep_buffers
            ),
            context=context,
        )

        # The loss of the game; one-sided label smoothing lowers its target on real images.
        targets = [target for remedy in self.remedies if (target := remedy.real_target) is not None]
        loss = self.loss.discriminator(logits_real, logits_fake, *targets)
        for term in self._terms:
            for value in (term.discriminator_term(outputs), term.penalty("discriminator", weights)):
                loss = loss if value is None else loss + value
        return loss, outputs

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return the generator's loss [S] with all terms.

        The loss is the adversarial objective, or the objectives that remedies put in its place.
        """
        fake: Tensor = self.generator(batch.latents)

        # The opponent is a constant, unless it is unrolled: then it is a function of the generator.
        opponent = self.discriminator.frozen()
        for remedy in self.remedies:
            unrolled = remedy.unrolled_discriminator(self, batch, fake)
            if unrolled is not None:
                opponent = unrolled
                break

        logits_fake, features_fake = self.discriminate(fake, "fake", batch.context, opponent)
        logits_real = features_real = None
        if self._objective_needs_real:
            assert batch.real is not None
            logits_real, features_real = self.discriminate(
                batch.real, "real", batch.context, opponent
            )
        outputs = GeneratorStep(features_real, features_fake, logits_fake, batch.context)

        # Feature matching replaces the adversarial objective; all other terms add to it.
        objectives = [o for r in self.remedies if (o := r.generator_objective(outputs)) is not None]
        loss = (
            torch.stack(objectives).sum(0)
            if objectives
            else self.loss.generator(logits_fake, logits_real)
        )
        for term in self._terms:
            for value in (
                term.generator_term(outputs),
                term.penalty("generator", self.generator.parameters),
            ):
                loss = loss if value is None else loss + value
        return loss

    def discriminate(
        self,
        images: Tensor,
        kind: Kind,
        context: StepContext,
        parameters: Parameters,
        keep_buffers: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return the discriminator's outputs [S, B] and features [S, B, F] on images [S, B, ...].

        The remedies change first what it sees of the images (augmentation, noise, packing).
        """
        for remedy in self.remedies:
            images = remedy.view(images, kind, context)
        outputs: tuple[Tensor, Tensor] = self.discriminator(
            images, parameters, keep_buffers=keep_buffers
        )
        return outputs

    def gradients(self, player: Player, batch: Batch) -> list[Tensor]:
        """Return the gradient of the player's own loss in its own parameters, [S, ...] each.

        At the present point and without a step: for extragradient's lookahead and the path angle.
        """
        if player == "discriminator":
            loss, _ = self.discriminator_loss(batch)
        else:
            loss = self.generator_loss(batch)
        parameters = list(self.players[player].parameters.values())
        return list(
            torch.autograd.grad(loss.sum(), parameters, allow_unused=True, materialize_grads=True)
        )

    # --- samples and state

    @torch.no_grad()
    def sample(self, latents: Tensor) -> Tensor:
        """Return generated images [S, N, ...] for latents [S, N, Z], in evaluation mode."""
        parameters, buffers = self.generator.parameters, self.generator.buffers
        for remedy in self.remedies:
            averaged = remedy.sampling_state(self.generator)
            if averaged is not None:
                parameters, buffers = averaged
                break
        samples: Tensor = self.generator(latents, parameters, buffers, evaluate=True)
        return samples

    @torch.no_grad()
    def outputs(self, images: Tensor) -> Tensor:
        """Return the discriminator's outputs [S, B] on images [S, B, ...] as they are.

        Without the remedies' view, and without a trace in the running statistics.
        """
        logits, _ = self.discriminator(images, keep_buffers=True)
        result: Tensor = logits
        return result

    def finite(self) -> Tensor:
        """Return whether both players of a seed have finite parameters, bool [S]."""
        return self.generator.finite() & self.discriminator.finite()

    def fallbacks(self) -> list[str]:
        """Return what is made seed by seed, one sentence each; empty if nothing is."""
        return seed_loops(self.players.items(), self.config)

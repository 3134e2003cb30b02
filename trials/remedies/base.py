"""The contract of a remedy.

A remedy may change the players' structure, what the discriminator sees, and either player's loss or
update.

A remedy overrides the hooks that it needs; the others leave the plain GAN as it is. All tensors
carry the seeds' axis S first, and a remedy must treat the seeds apart. Random numbers come from the
step's StepContext, never from a global stream, so that a seed has the same numbers alone, in an
ensemble and after a resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.lane_options import HasLaneOptions, Number
from ganstudy.trials.ensemble.step_context import (
    Batch,
    DiscriminatorStep,
    GanView,
    GeneratorStep,
    Kind,
    Parameters,
    Player,
    StepContext,
)
from ganstudy.trials.networks.base import Discriminator


class Remedy(HasLaneOptions):
    """One remedy with its options; a remedy that has options narrows the type of `options`."""

    generator_needs_real: ClassVar[bool] = False
    """Whether the generator's objective reads real images, which costs a forward pass."""
    looks_at_both_players: ClassVar[bool] = False
    """Whether either player's step forms the other's loss too, so that generator steps come with
    real images.
    """
    needs_features: ClassVar[bool] = False
    """Whether it reads or extends the discriminator's features; not every network has them."""
    recordable: ClassVar[bool] = False
    """Whether all its hooks within a step are functions of tensors and of the step context's random
    numbers, and change tensors in place: no count kept in Python, no look at the context's step or
    progress. A GPU may then replay the recorded step, see trials/gan/cuda_graphs.py.
    """
    gradients_at: ClassVar[frozenset[Literal["real", "fake"]]] = frozenset()
    """Images at which `discriminator_term` differentiates the discriminator."""

    # --- structure, when the networks are built

    def extend_generator(self, network: nn.Module, latents: Callable[[int], Tensor]) -> nn.Module:
        """Return the generator of one seed with this remedy built in.

        New parameters come from torch's global stream.

        latents: draws that many latents [N, Z] from the same stream.
        """
        return network

    def input_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one input that the discriminator is built for.

        shape: of one image or point.
        """
        return shape

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """Return the discriminator of one seed with this remedy built in.

        New parameters come from torch's global stream.
        """
        return discriminator

    # --- what the discriminator sees, and its target

    def view(self, images: Tensor, kind: Kind, context: StepContext) -> Tensor:
        """Return what the discriminator sees of images [S, B, ...].

        It must be differentiable, in both players' steps.
        """
        return images

    @property
    def real_target(self) -> Number | None:
        """Target of the discriminator on real images; None for the loss's own.

        One per lane, as [S, 1].
        """
        return None

    # --- losses

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor | None:
        """Return a term [S] to add to the discriminator's loss, or None."""
        return None

    def generator_objective(self, step: GeneratorStep) -> Tensor | None:
        """Return an objective [S] to take the place of the adversarial one, or None."""
        return None

    def generator_term(self, step: GeneratorStep) -> Tensor | None:
        """Return a term [S] to add to the generator's objective, or None."""
        return None

    def penalty(self, player: Player, parameters: Parameters) -> Tensor | None:
        """Return a term [S] in the player's own parameters, or None."""
        return None

    # --- the game

    def unrolled_discriminator(self, gan: GanView, batch: Batch, fake: Tensor) -> Parameters | None:
        """Return the generator's opponent in its step, or None for the present discriminator.

        fake: the generator's images [S, B, ...] of this step, with its gradient.
        """
        return None

    @contextmanager
    def lookahead(self, gan: GanView, batch: Batch) -> Iterator[None]:
        """Context manager in which the players have the parameters at which the gradient is taken.

        Afterwards they have their own again.
        """
        yield

    # --- the course of training

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Take note of the initial parameters; called once."""

    @contextmanager
    def update(self, player: Player, ensemble: SeedEnsemble) -> Iterator[None]:
        """Context manager in which the optimiser makes its step of the player.

        Afterwards the parameters are those of this remedy's own rule.
        """
        yield

    def after_step(self, player: Player, ensemble: SeedEnsemble, context: StepContext) -> None:
        """Act after an update of the player's own parameters, in whatever way it was made."""

    def observe(self, step: DiscriminatorStep) -> None:
        """Take note of what the discriminator's loss was formed on; called once per step."""

    def sampling_state(self, ensemble: SeedEnsemble) -> tuple[Parameters, dict[str, Tensor]] | None:
        """Return (parameters, buffers) of the generator that samples are drawn from.

        None stands for the present ones.
        """
        return None

    def state(self) -> dict[str, Tensor]:
        """Return all that a checkpoint must hold.

        That is tensors with the seeds on axis 0, or without axes where all seeds share the value.

        By this rule an ensemble is divided when memory runs out (trials/training/seed_shards.py).
        """
        return {}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        # In place: a recorded CUDA graph reads and writes these very tensors.
        for name, value in self.state().items():
            value.copy_(state[name])

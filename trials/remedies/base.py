"""What a remedy may change: the players' structure, what the discriminator sees, either player's
loss or update.

A remedy overrides the hooks that it needs; the others leave the plain GAN as it is. All tensors
carry the seeds' axis S first, and a remedy must treat the seeds apart. Random numbers come from the
step's StepContext, never from a global stream, so that a remedy is the same alone, in a pack and after a
resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ganstudy.trials.ensemble.ensemble import SeedEnsemble
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


class Remedy:
    """One remedy with its options, an instance of its model in trials.options.remedies.REMEDIES."""

    generator_needs_real: ClassVar[bool] = False
    """Whether the generator's objective reads real images, which costs a forward pass."""
    looks_at_both_players: ClassVar[bool] = False
    """Whether either player's step forms the other's loss too, so that generator steps come with
    real images.
    """
    needs_features: ClassVar[bool] = False
    """Whether it reads or extends the discriminator's features; not every network has them."""
    recordable: ClassVar[bool] = False
    """Whether all its hooks within a step are functions of tensors and of the moment's random
    numbers, and change tensors in place: no count kept in Python, no look at the moment's step or
    progress. A GPU may then replay the step instead of issuing it, see trials/gan/cuda_graphs.py.
    """
    gradients_at: ClassVar[frozenset[Literal["real", "fake"]]] = frozenset()
    """Images at which `discriminator_term` differentiates the discriminator."""

    def __init__(self, options: Any) -> None:
        self.options = options

    # --- structure, when the networks are built

    def extend_generator(self, network: nn.Module, latents: Callable[[int], Tensor]) -> nn.Module:
        """The generator of one seed with this remedy built in; new parameters from torch's global
        stream.

        latents: draws that many latents [N, Z] from the same stream.
        """
        return network

    def input_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one input that the discriminator is built for; `shape`: of one image."""
        return shape

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """The discriminator of one seed with this remedy built in; new parameters from torch's
        global stream.
        """
        return discriminator

    # --- what the discriminator sees and is told

    def view(self, images: Tensor, kind: Kind, context: StepContext) -> Tensor:
        """What the discriminator sees of images [S, B, ...]; differentiable, in both players'
        steps.
        """
        return images

    @property
    def real_target(self) -> float | None:
        """The discriminator's target on real images, or None for the loss's own."""
        return None

    # --- losses

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor | None:
        """[S]: a term added to the discriminator's loss, or None."""
        return None

    def generator_objective(self, step: GeneratorStep) -> Tensor | None:
        """[S]: an objective in place of the adversarial one, or None."""
        return None

    def generator_term(self, step: GeneratorStep) -> Tensor | None:
        """[S]: a term added to the generator's objective, or None."""
        return None

    def penalty(self, player: Player, parameters: Parameters) -> Tensor | None:
        """[S]: a term in the player's own parameters, or None."""
        return None

    # --- the game

    def unrolled_discriminator(
        self, trainer: GanView, batch: Batch, fake: Tensor
    ) -> Parameters | None:
        """The discriminator that the generator's step plays against, or None for the present one.

        fake: the generator's images [S, B, ...] of this step, with its gradient.
        """
        return None

    @contextmanager
    def lookahead(self, trainer: GanView, batch: Batch) -> Iterator[None]:
        """While it lasts, the players stand where the step's gradient is taken; afterwards where
        they stood.
        """
        yield

    # --- the course of training

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Called once with the initial parameters."""

    @contextmanager
    def update(self, player: Player, ensemble: SeedEnsemble) -> Iterator[None]:
        """While it lasts, the optimiser makes its step of the player; afterwards the player stands
        where this remedy's own rule puts it."""
        yield

    def after_step(self, player: Player, ensemble: SeedEnsemble, context: StepContext) -> None:
        """Called after each update of the player's own parameters, in whatever way it was made."""

    def observe(self, step: DiscriminatorStep) -> None:
        """Called once per discriminator step with what its loss was formed on."""

    def sampling_state(self, ensemble: SeedEnsemble) -> tuple[Parameters, dict[str, Tensor]] | None:
        """(parameters, buffers) of the generator that samples are drawn from, or None for the
        present ones.
        """
        return None

    def state(self) -> dict[str, Tensor]:
        """All that a checkpoint must hold: tensors with the seeds on axis 0, or without axes where
        all seeds share the value. By this rule a pack is divided when its memory runs out
        (trials/training/seed_shards.py)."""
        return {}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restores what `state` returned."""
        for name, value in self.state().items():
            value.copy_(state[name])

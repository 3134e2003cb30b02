"""What a loss is: one number per seed for each player, from the discriminator's outputs.

Shapes: S seeds, B images; outputs of the discriminator ("logits", whatever the loss makes of them)
are [S, B], losses [S].
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ganstudy.trials.remedies.base import Remedy


class Loss:
    """One loss with its options, an instance of its model in trials.options.losses.LOSSES."""

    log_odds: ClassVar[bool] = False
    """Whether the sigmoid of an output is the discriminator's probability of "real"."""
    generator_needs_real: ClassVar[bool] = False
    """Whether the generator's loss reads outputs on real images."""

    def __init__(self, options: Any) -> None:
        self.options = options

    def discriminator(self, real: Tensor, fake: Tensor, target: float = 1.0) -> Tensor:
        """What the discriminator minimises. target: on real data, below 1 with one-sided label
        smoothing.
        """
        raise NotImplementedError

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """What the generator minimises; `real` is given where `generator_needs_real`."""
        raise NotImplementedError

    def terms(self) -> list[Remedy]:
        """Regularisers that belong to the loss itself, on the contract of the remedies."""
        return []

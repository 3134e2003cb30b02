"""The contract of a loss: one number per seed for each player, from the discriminator's outputs.

Shapes: S seeds, B images; outputs of the discriminator ("logits", whatever the loss makes of them)
are [S, B], losses [S].
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ganstudy.trials.ensemble.lane_options import HasLaneOptions, Number
from ganstudy.trials.remedies.base import Remedy


class Loss(HasLaneOptions):
    """One loss with its options; a loss that has options narrows the type of `options`."""

    log_odds: ClassVar[bool] = False
    """Whether the sigmoid of an output is the discriminator's probability of "real"."""
    generator_needs_real: ClassVar[bool] = False
    """Whether the generator's loss reads outputs on real images."""

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return the discriminator's loss [S].

        target: of the discriminator on real data; below 1 with one-sided label smoothing. One per
        lane is [S, 1].
        """
        raise NotImplementedError

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return the generator's loss [S]; `real` is given where `generator_needs_real`."""
        raise NotImplementedError

    def terms(self) -> list[Remedy]:
        """Return the regularisers that belong to the loss, on the contract of the remedies."""
        return []

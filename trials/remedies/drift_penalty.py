"""Drift penalty: outputs of the discriminator are kept from drifting away from zero.

L_D += weight E D(x)^2                                            (Karras et al. 2018, app. A.1)
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.remedies import DriftPenaltyOptions
from ganstudy.trials.ensemble.step_context import DiscriminatorStep
from ganstudy.trials.remedies.base import Remedy


class DriftPenalty(Remedy):
    """Penalty on the size of the outputs on real images."""

    options: DriftPenaltyOptions

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor | None:
        """Return the penalty [S]."""
        return self.number("weight") * step.logits_real.square().mean(-1)

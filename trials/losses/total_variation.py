"""The total variation game (Nowozin et al. 2016, "f-GAN", tables 1 and 2).

    L_D = (E tanh D(G(z)) - E tanh D(x)) / 2,    L_G = -E tanh(D(G(z))) / 2

The best discriminator has the sign of p_data - p_G, and L_D falls to -TV(p_data, p_G): 0 where the
two agree.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.losses.base import Loss


class TotalVariation(Loss):
    """Bounded outputs of the discriminator, compared by their means."""

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return half the difference of the means [S]; there is no target to lower."""
        return (fake.tanh().mean(-1) - real.tanh().mean(-1)) / 2

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return -E tanh(D(G(z))) / 2 [S]."""
        return -fake.tanh().mean(-1) / 2

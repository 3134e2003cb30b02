"""The hinge game (Lim & Ye 2017, "Geometric GAN"; Miyato et al. 2018, sec. 4).

    L_D = E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))
    L_G = -E D(G(z))

The best discriminator is the sign of p_data - p_G, where L_D = 2 (1 - TV(p_data, p_G)): 2 where the
two agree.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.losses.base import Loss


class Hinge(Loss):
    """Hinge loss of the discriminator, linear loss of the generator."""

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return the sum of both hinges [S]; there is no target to lower."""
        return F.relu(1 - real).mean(-1) + F.relu(1 + fake).mean(-1)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return -E D(G(z)) [S]."""
        # Linear, not hinged: the generator has a gradient wherever the discriminator is sure.
        return -fake.mean(-1)

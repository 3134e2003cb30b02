"""The cross-entropy game of Goodfellow et al. 2014: D(x) = sigmoid(output).

Where the discriminator wins, the generator's gradient fades in `minimax` alone.

    L_D = -E log D(x) - E log(1 - D(G(z)))                       eq. 1, as a minimisation; 2 ln 2 at D = 1/2
    non_saturating: L_G = -E log D(G(z))                         sec. 3; same fixed point, strong gradient there
    minimax: L_G = E log(1 - D(G(z)))                            eq. 1; its gradient fades where D wins

With one-sided label smoothing the real part becomes -target E log D(x) - (1 - target) E log(1 -
D(x)) (Salimans et al. 2016, sec. 3.4). All in nats.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.losses.base import Loss


class CrossEntropy(Loss):
    """The discriminator's cross entropy, which both losses share."""

    log_odds = True

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return the cross entropy of both batches [S]."""
        on_real = F.softplus(-real)  # -log sigmoid(real), without overflow
        # Only then: weighted by 0 the second term would still be NaN where an output is infinite.
        if isinstance(target, Tensor):
            smoothed = target * on_real + (1 - target) * F.softplus(real)
            on_real = torch.where(target == 1.0, on_real, smoothed)
        elif target != 1.0:
            on_real = target * on_real + (1 - target) * F.softplus(real)
        return on_real.mean(-1) + F.softplus(fake).mean(-1)


class Minimax(CrossEntropy):
    """Cross entropy whose generator minimises what the discriminator maximises."""

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return E log(1 - D(G(z))) [S]."""
        # log(1 - sigmoid(x)) = -softplus(x), which neither overflows nor takes the log of 0.
        return -F.softplus(fake).mean(-1)


class NonSaturating(CrossEntropy):
    """Cross entropy whose generator maximises the probability of "real"."""

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return -E log D(G(z)) [S]."""
        return F.softplus(-fake).mean(-1)

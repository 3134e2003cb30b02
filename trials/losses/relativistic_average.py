"""The relativistic average game, cross-entropy form (Jolicoeur-Martineau 2019, "RaSGAN").

    D(x) = sigmoid(C(x) - E C(G(z)))                 how much more real than the average generated image
    D(G(z)) = sigmoid(C(G(z)) - E C(x))
    L_D = -E log D(x) - E log(1 - D(G(z)))
    L_G = -E log D(G(z)) - E log(1 - D(x))

C: the discriminator's outputs; E: averages of the batch.

Both players read both kinds of images, so the generator's step costs a pass over real ones. 2 ln 2
for both players where C is constant. The released code halves both losses, which Adam hardly
notices. In nats.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.losses.base import Loss


class RelativisticAverage(Loss):
    """Cross entropy of outputs relative to the average output on the other kind of images."""

    generator_needs_real = True

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return the cross entropy of both relative outputs [S]; there is no target to lower."""
        return _cross_entropy(above=real, below=fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return the same with the two kinds exchanged [S]."""
        assert real is not None
        return _cross_entropy(above=fake, below=real)


def _cross_entropy(above: Tensor, below: Tensor) -> Tensor:
    """Return the cross entropy [S] of outputs [S, B] against the average of the other kind.

    The outputs should lie above that average, or below it.
    """
    # Not detached: the averages depend on both players, and the gradient passes through them too.
    relative_above = above - below.mean(-1, keepdim=True)
    relative_below = below - above.mean(-1, keepdim=True)
    return F.softplus(-relative_above).mean(-1) + F.softplus(relative_below).mean(-1)

"""The least-squares game (Mao et al. 2017, eq. 2).

    L_D = 1/2 E (D(x) - b)^2 + 1/2 E (D(G(z)) - a)^2
    L_G = 1/2 E (D(G(z)) - c)^2

a, b: the discriminator's targets on generated and on real data; c: the generator's. The best
discriminator is (b p_data + a p_G) / (p_data + p_G); with b - c = 1 and b - a = 2 the generator
then minimises half the Pearson chi-squared divergence of p_data + p_G from 2 p_G, up to a constant
(their sec. 3.2). The usual choice is 0, 1, 1.

One-sided label smoothing multiplies b.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.losses import LeastSquaresOptions
from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.losses.base import Loss


class LeastSquares(Loss):
    """Squared distances of the outputs from the targets a, b and c."""

    options: LeastSquaresOptions

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return half the sum of the mean squared distances from target * b and a [S]."""
        on_real = (real - target * self.number("b", 1)).square().mean(-1)
        return 0.5 * (on_real + (fake - self.number("a", 1)).square().mean(-1))

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return half the mean squared distance from c [S]."""
        return 0.5 * (fake - self.number("c", 1)).square().mean(-1)

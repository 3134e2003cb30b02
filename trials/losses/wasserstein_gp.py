"""The Wasserstein game with a gradient penalty in place of clipping (Gulrajani et al. 2017, eq. 3).

    L_D = E f(G(z)) - E f(x) + lambda E (||grad f(x^)|| - 1)^2
    L_G = -E f(G(z))

x^ lies between a real and a generated image, as in the remedy gradient_penalty.

Theirs: lambda = 10, Adam with step size 1e-4, beta1 = 0, beta2 = 0.9, five critic steps per
generator step, and a critic without batch normalisation, which would tie the images of a batch
together.
"""

from __future__ import annotations

from ganstudy.trials.config.losses import WassersteinGPOptions
from ganstudy.trials.config.remedies import GradientPenaltyOptions
from ganstudy.trials.losses.wasserstein import Critic
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.gradient_penalty import GradientPenalty


class WassersteinGP(Critic):
    """Difference of the means of a critic with a gradient penalty."""

    options: WassersteinGPOptions

    def terms(self) -> list[Remedy]:
        """Return the penalty, centred at 1."""

        def centred(options: WassersteinGPOptions) -> GradientPenaltyOptions:
            return GradientPenaltyOptions(weight=options.weight, centre=1.0)

        return [self.part(GradientPenalty, centred)]

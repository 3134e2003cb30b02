"""The Wasserstein game with clipped weights (Arjovsky et al. 2017, alg. 1).

    L_D = E f(G(z)) - E f(x)          for critics f with parameters in [-c, c]
    L_G = -E f(G(z))

Over all 1-Lipschitz critics, the minimum of L_D is minus the Wasserstein-1 distance (their eq. 2);
clipping bounds the Lipschitz constant, so -L_D is that distance up to an unknown factor. The clip
follows every step of the critic. Theirs: c = 0.01, RMSProp with step size 5e-5, five critic steps
per generator step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.losses import WassersteinOptions
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.ensemble.step_context import Player, StepContext
from ganstudy.trials.losses.base import Loss
from ganstudy.trials.remedies.base import Remedy


class Critic(Loss):
    """The difference of the critic's means, which all Wasserstein losses share."""

    def discriminator(self, real: Tensor, fake: Tensor, target: Number = 1.0) -> Tensor:
        """Return E f(G(z)) - E f(x) [S]; there is no target to lower."""
        return fake.mean(-1) - real.mean(-1)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Return -E f(G(z)) [S]."""
        return -fake.mean(-1)


class Wasserstein(Critic):
    """Difference of the means of a critic with clipped weights."""

    options: WassersteinOptions

    def terms(self) -> list[Remedy]:
        """Return the clipping."""
        return [self.part(WeightClipping, lambda options: options)]


class WeightClipping(Remedy):
    """Sets every parameter of the critic, biases too, to the nearest value in [-clip, clip]."""

    recordable = True
    options: WassersteinOptions

    @torch.no_grad()
    def after_step(self, player: Player, ensemble: SeedEnsemble, context: StepContext) -> None:
        """Clip the parameters after each of the critic's steps."""
        if player == "discriminator":
            # In place: the optimiser and a recorded CUDA graph keep these very tensors.
            for value in ensemble.parameters.values():
                clip = self.number("clip", value.dim() - 1)
                if isinstance(clip, Tensor):
                    value.clamp_(-clip, clip)
                else:
                    value.clamp_(-clip, clip)

"""Unrolled discriminator: the generator plays against the discriminator that would answer it in K steps.

    theta <- step of G's optimiser on d/dtheta L_G(theta, psi_K(theta))        (Metz et al. 2017, secs. 2.2-2.3)

psi_K: the discriminator after K steps of its optimiser from psi.

    psi_0 = psi,  psi_{j+1} = psi_j - step of D's optimiser on L_D(theta, psi_j)

The gradient runs through all K steps, the optimiser's moments included. The discriminator itself
makes its ordinary steps from psi. All K steps see the same real images and the same generated ones,
as in the released code.

The K steps are those of the optimiser alone: what else follows a discriminator's step (clipping of
the weights, the power iteration of spectral_normalisation, the correction of optimistic_adam,
running statistics) does not happen in them. Cost: a generator step becomes about 2 K + 1
discriminator steps long and keeps K graphs in memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.remedies import UnrolledDiscriminatorOptions
from ganstudy.trials.ensemble.optimisers import VirtualSteps
from ganstudy.trials.ensemble.step_context import Batch, GanView, Parameters
from ganstudy.trials.remedies.base import Remedy


class UnrolledDiscriminator(Remedy):
    """Generator against the discriminator of K steps ahead."""

    looks_at_both_players = True
    options: UnrolledDiscriminatorOptions

    def unrolled_discriminator(self, gan: GanView, batch: Batch, fake: Tensor) -> Parameters | None:
        """Return psi_K as a function of the generator's parameters."""
        steps = VirtualSteps(gan.optimisers["discriminator"])
        names = list(gan.discriminator.parameters)
        values = list(gan.discriminator.parameters.values())
        for _ in range(self.options.steps):
            loss, _ = gan.discriminator_loss(batch, fake, dict(zip(names, values, strict=True)))
            # With its graph: the generator's gradient runs through these steps.
            gradients = torch.autograd.grad(
                loss.sum(), values, create_graph=True, allow_unused=True, materialize_grads=True
            )
            values = steps.step(values, gradients)
        # Not assigned to the discriminator, whose own steps go on from psi.
        return dict(zip(names, values, strict=True))

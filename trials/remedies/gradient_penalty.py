"""Gradient penalty: the discriminator's slope between real and generated images is held at a value.

    L_D += lambda E (||grad D(x^)|| - centre)^2, x^ = eps x + (1 - eps) G(z), eps ~ U(0, 1)
                                          (Gulrajani et al. 2017, eq. 3; Thanh-Tung et al. 2019)

centre = 1 is WGAN-GP's (Gulrajani et al. 2017, eq. 3), here for any loss, centre = 0 zero-centred
(Thanh-Tung et al. 2019). eps is drawn per input of the discriminator, one for all images of a
packed input. The images x^ pass through the remedies' view like any others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.remedies import GradientPenaltyOptions
from ganstudy.trials.ensemble.step_context import DiscriminatorStep
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.input_gradient import gradients


class GradientPenalty(Remedy):
    """Penalty on the norm of the discriminator's gradient between real and generated images."""

    recordable = True
    options: GradientPenaltyOptions

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor:
        """Return lambda times the mean squared distance of the norm from the centre [S]."""
        inputs = step.logits_real.shape[1]
        per_image = step.context.uniform("gradient_penalty", inputs).repeat_interleave(
            step.real.shape[1] // inputs, 1
        )
        eps = per_image.reshape(*per_image.shape, *[1] * (step.real.dim() - 2))
        between = eps * step.real + (1 - eps) * step.fake
        # In the discriminator's step the images are constants, and so would x^ be.
        if not between.requires_grad:
            between.requires_grad_()
        logits, _ = step.discriminate(between)
        # torch differentiates this norm as 0 at 0. Written as square().sum().sqrt() it would give NaN
        # where a discriminator is flat, as it is where all its ReLUs are off.
        norms: Tensor = torch.linalg.vector_norm(gradients(logits, between), dim=-1)
        return self.number("weight") * (norms - self.number("centre", 1)).square().mean(-1)

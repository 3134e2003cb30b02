"""R2: the discriminator should be flat at generated images.

    L_D += gamma / 2 E_z ||grad D(G(z))||^2          (Mescheder et al. 2018, sec. 4.1)

The gradient is taken in the image G(z), not in z. As for R1, their released code leaves out the
1/2.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.ensemble.step_context import DiscriminatorStep
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.input_gradient import gradients


class R2(Remedy):
    """See the module."""

    recordable = True
    gradients_at = frozenset({"fake"})

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor:
        """[S]: gamma / 2 times the mean squared norm on the batch's generated images."""
        squares = gradients(step.logits_fake, step.fake).square().sum(-1)
        gamma: float = self.options.gamma
        return gamma / 2 * squares.mean(-1)

"""R2: the discriminator should be flat at generated images.

    L_D += gamma / 2 E ||grad D(G(z))||^2          (Mescheder et al. 2018, sec. 4.1)

The gradient is taken in the image G(z), not in z.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.remedies import R2Options
from ganstudy.trials.ensemble.step_context import DiscriminatorStep
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.input_gradient import gradients


class R2(Remedy):
    """Penalty on the discriminator's gradient at generated images."""

    recordable = True
    gradients_at = frozenset({"fake"})
    options: R2Options

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor:
        """Return gamma / 2 times the mean squared norm on the batch's generated images [S]."""
        squares = gradients(step.logits_fake, step.fake).square().sum(-1)
        return self.number("gamma") / 2 * squares.mean(-1)

"""R1: the discriminator should be flat at real images.

    L_D += gamma / 2 E ||grad D(x)||^2             (Mescheder et al. 2018, sec. 4.1)

Their released code leaves out the 1/2: its reg_param 10 is gamma = 20 here.

D(x) is the output before any sigmoid.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.remedies import R1Options
from ganstudy.trials.ensemble.step_context import DiscriminatorStep
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.input_gradient import gradients


class R1(Remedy):
    """Penalty on the discriminator's gradient at real images."""

    recordable = True
    gradients_at = frozenset({"real"})
    options: R1Options

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor:
        """Return gamma / 2 times the mean squared norm on the batch's real images [S]."""
        squares = gradients(step.logits_real, step.real).square().sum(-1)
        # Of the batch that the step has anyway: `gradients_at` saw to it that it requires
        # gradients.
        return self.number("gamma") / 2 * squares.mean(-1)

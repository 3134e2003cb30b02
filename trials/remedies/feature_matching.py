"""Feature matching: the generator matches the mean of the discriminator's features on real data.

    L_G = || E_x f(x) - E_z f(G(z)) ||_2^2            (Salimans et al. 2016, sec. 3.1)

f is the discriminator's penultimate layer. The objective replaces the adversarial one; the
discriminator trains as before. `norm = "l1"` is the variant of the released code: the mean absolute
difference of the means.
"""

from __future__ import annotations

from torch import Tensor

from trials.remedies.contract import GeneratorStep, Remedy


class FeatureMatching(Remedy):
    """See the module."""

    needs_real_features = True

    def generator_objective(self, step: GeneratorStep) -> Tensor:
        """[S]: distance of the two feature means."""
        difference = step.features_real.mean(1) - step.features_fake.mean(1)
        if self.options.norm == "l1":
            return difference.abs().mean(-1)
        return difference.square().sum(-1)

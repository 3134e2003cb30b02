"""Feature matching: the generator matches the mean of the discriminator's features on real data.

    L_G = ||E f(x) - E f(G(z))||^2            (Salimans et al. 2016, sec. 3.1)

f is the discriminator's penultimate layer.

The objective replaces the adversarial one (unless the option `adversarial` keeps it, as some later
codes do); the discriminator trains as before. `norm = "l1"` is the variant of the released code:
the mean absolute difference of the means.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.remedies import FeatureMatchingOptions
from ganstudy.trials.ensemble.step_context import GeneratorStep
from ganstudy.trials.remedies.base import Remedy


class FeatureMatching(Remedy):
    """Distance of the mean features of real and generated images, as the generator's objective."""

    recordable = True
    generator_needs_real = True
    needs_features = True
    options: FeatureMatchingOptions

    def generator_objective(self, step: GeneratorStep) -> Tensor | None:
        """Return the distance of the two feature means [S] where it replaces the objective."""
        return None if self.options.adversarial else self._distance(step)

    def generator_term(self, step: GeneratorStep) -> Tensor | None:
        """Return the distance of the two feature means [S] where it is added to the objective."""
        return self._distance(step) if self.options.adversarial else None

    def _distance(self, step: GeneratorStep) -> Tensor:
        assert step.features_real is not None
        difference = step.features_real.mean(1) - step.features_fake.mean(1)
        if self.options.norm == "l1":
            return self.number("weight") * difference.abs().mean(-1)
        return self.number("weight") * difference.square().sum(-1)

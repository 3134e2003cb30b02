"""Instance noise: the discriminator sees all images through the same Gaussian noise, which fades.

    D sees x + sigma_t e, e ~ N(0, I), sigma_t = sigma max(0, 1 - t / anneal)
                                          (Sønderby et al. 2017; Arjovsky & Bottou 2017, sec. 3)

t is the share of the budget spent.

The noise makes the supports of both kinds overlap, so that a best discriminator exists; its
gradient reaches the generator as if through a clean image. Every image has noise of its own, in
both players' steps.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.config.remedies import InstanceNoiseOptions
from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.ensemble.step_context import Kind, StepContext
from ganstudy.trials.remedies.base import Remedy


class InstanceNoise(Remedy):
    """Gaussian noise on all images that the discriminator sees."""

    options: InstanceNoiseOptions

    def view(self, images: Tensor, kind: Kind, context: StepContext) -> Tensor:
        """Return the images [S, B, ...] with noise."""
        sigma = self.sigma(context.progress, images.dim() - 1)
        if (
            not isinstance(sigma, Tensor) and sigma == 0
        ):  # as in a plain GAN, without the cost of drawing
            return images
        # From the step's own stream, one for each kind: a resumed seed draws the same noise.
        return images + sigma * context.normal(f"instance_noise/{kind}", *images.shape[1:])

    def sigma(self, progress: float, axes: int = 0) -> Number:
        """Return the standard deviation of the noise, in units of the data.

        progress: share of the budget that is spent.
        """
        return self.computed(lambda options: _faded(options, progress), axes)


def _faded(options: InstanceNoiseOptions, progress: float) -> float:
    start, anneal = options.sigma, options.anneal
    return start * max(0.0, 1 - progress / anneal) if anneal else start

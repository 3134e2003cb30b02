"""One-sided label smoothing: the discriminator is asked for less than certainty on real images.

    D* = target p_data / (p_data + p_G)            (Salimans et al. 2016, sec. 3.4, with beta = 0)

D* is the best discriminator.

Generated ones keep the target 0, so that the best discriminator does not reward a generator for
staying where it is. The generator's loss stays as it is. Only losses with a target on real data can
be smoothed; theirs is the cross entropy, and for least squares `target` multiplies b.
"""

from __future__ import annotations

from ganstudy.trials.config.remedies import OneSidedLabelSmoothingOptions
from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.remedies.base import Remedy


class OneSidedLabelSmoothing(Remedy):
    """Target below 1 for the discriminator on real images."""

    recordable = True
    options: OneSidedLabelSmoothingOptions

    @property
    def real_target(self) -> Number:
        """The target alpha."""
        return self.number("target", 1)

"""[train] loss and [losses.NAME]: options of the losses. The implementations lie in trials/losses/."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganstudy.trials.config.base import StrictModel


class LossOptions(StrictModel):
    """What is known of a loss without torch."""

    smoothable: ClassVar[bool] = False
    """Whether the discriminator's target on real data can be lowered (one-sided label smoothing)."""


class CrossEntropyOptions(LossOptions):
    """Options of the non-saturating and the minimax loss: none."""

    smoothable: ClassVar[bool] = True


class HingeOptions(LossOptions):
    """Options of the hinge loss: none."""


class LeastSquaresOptions(LossOptions):
    """Options of trials/losses/least_squares.py: the targets of Mao et al. 2017, eq. 2."""

    a: float = Field(0.0, allow_inf_nan=False)
    """The discriminator's target on generated data."""
    b: float = Field(1.0, allow_inf_nan=False)
    """The discriminator's target on real data."""
    c: float = Field(1.0, allow_inf_nan=False)
    """The generator's target on generated data."""

    smoothable: ClassVar[bool] = True


class WassersteinOptions(LossOptions):
    """Options of trials/losses/wasserstein.py."""

    clip: float = Field(0.01, gt=0, allow_inf_nan=False)
    """Every parameter of the critic is clipped to [-clip, clip] after its step."""


class WassersteinGPOptions(LossOptions):
    """Options of trials/losses/wasserstein_gp.py."""

    weight: float = Field(10.0, ge=0, allow_inf_nan=False)
    """lambda of the gradient penalty."""


class RelativisticAverageOptions(LossOptions):
    """Options of the relativistic average loss: none."""


LOSSES: dict[str, type[LossOptions]] = {
    "non_saturating": CrossEntropyOptions,
    "minimax": CrossEntropyOptions,
    "hinge": HingeOptions,
    "least_squares": LeastSquaresOptions,
    "wasserstein": WassersteinOptions,
    "wasserstein_gp": WassersteinGPOptions,
    "relativistic_average": RelativisticAverageOptions,
}

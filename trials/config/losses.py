"""[train] loss and [losses.NAME]: options of the losses. The implementations lie in trials/losses/.

A new loss needs a class here, in LOSSES too, and a file in trials/losses/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from ganstudy.trials.config.base import ImplementedOptions, LaneNumber


class LossOptions(ImplementedOptions):
    """Options of a loss, and what is known of it without torch."""

    name: ClassVar[str]
    """In [train] loss and [losses.NAME]."""
    smoothable: ClassVar[bool] = False
    """Whether the discriminator's target on real data can be lowered."""
    excludes: ClassVar[Mapping[str, str]] = {}
    """Remedies that cannot be on with this loss, each with the sentence that says why."""


class NonSaturatingOptions(LossOptions):
    """Options of the non-saturating loss: none."""

    name = "non_saturating"
    implementation = "ganstudy.trials.losses.cross_entropy:NonSaturating"
    smoothable = True


class MinimaxOptions(LossOptions):
    """Options of the minimax loss: none."""

    name = "minimax"
    implementation = "ganstudy.trials.losses.cross_entropy:Minimax"
    smoothable = True


class HingeOptions(LossOptions):
    """Options of the hinge loss: none."""

    name = "hinge"
    implementation = "ganstudy.trials.losses.hinge:Hinge"


class LeastSquaresOptions(LossOptions):
    """Options of trials/losses/least_squares.py: the targets of Mao et al. 2017, eq. 2."""

    name = "least_squares"
    implementation = "ganstudy.trials.losses.least_squares:LeastSquares"
    smoothable = True

    a: LaneNumber = Field(0.0, allow_inf_nan=False)
    b: LaneNumber = Field(1.0, allow_inf_nan=False)
    c: LaneNumber = Field(1.0, allow_inf_nan=False)


class WassersteinOptions(LossOptions):
    """Options of trials/losses/wasserstein.py."""

    name = "wasserstein"
    implementation = "ganstudy.trials.losses.wasserstein:Wasserstein"
    excludes = {
        "spectral_normalisation": (
            "wasserstein clips the weights that spectral_normalisation divides by their norm, so "
            "neither holds: take the loss wasserstein_gp or hinge, or leave out the remedy"
        )
    }

    clip: LaneNumber = Field(0.01, gt=0, allow_inf_nan=False)
    """All parameters of f are clipped to [-clip, clip] after its step."""


class WassersteinGPOptions(LossOptions):
    """Options of trials/losses/wasserstein_gp.py."""

    name = "wasserstein_gp"
    implementation = "ganstudy.trials.losses.wasserstein_gp:WassersteinGP"
    excludes = {
        "gradient_penalty": (
            "wasserstein_gp has a gradient penalty of its own: leave out the remedy "
            "gradient_penalty"
        )
    }

    weight: LaneNumber = Field(10.0, ge=0, allow_inf_nan=False)


class RelativisticAverageOptions(LossOptions):
    """Options of the relativistic average loss: none."""

    name = "relativistic_average"
    implementation = "ganstudy.trials.losses.relativistic_average:RelativisticAverage"


LOSSES: dict[str, type[LossOptions]] = {
    options.name: options
    for options in (
        NonSaturatingOptions,
        MinimaxOptions,
        HingeOptions,
        LeastSquaresOptions,
        WassersteinOptions,
        WassersteinGPOptions,
        RelativisticAverageOptions,
    )
}
"""All losses by name; in this order users read them."""

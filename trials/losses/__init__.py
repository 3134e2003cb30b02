"""The losses by name, all on the contract of trials/losses/contract.py."""

from __future__ import annotations

from trials.config import TrialConfig
from trials.losses.contract import Loss
from trials.losses.cross_entropy import Minimax, NonSaturating
from trials.losses.hinge import Hinge
from trials.losses.least_squares import LeastSquares
from trials.losses.relativistic_average import RelativisticAverage
from trials.losses.wasserstein import Wasserstein
from trials.losses.wasserstein_gp import WassersteinGP
from trials.options.losses import LOSSES as OPTIONS

LOSSES: dict[str, type[Loss]] = {
    "non_saturating": NonSaturating,
    "minimax": Minimax,
    "hinge": Hinge,
    "least_squares": LeastSquares,
    "wasserstein": Wasserstein,
    "wasserstein_gp": WassersteinGP,
    "relativistic_average": RelativisticAverage,
}


def build(config: TrialConfig) -> Loss:
    """The loss of `config` with its options."""
    return LOSSES[config.loss](OPTIONS[config.loss](**config.loss_options))

"""The losses by name, all on the contract of trials/losses/base.py."""

from __future__ import annotations

from ganstudy.trials.config.losses import LOSSES as OPTIONS
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.losses.base import Loss
from ganstudy.trials.losses.cross_entropy import Minimax, NonSaturating
from ganstudy.trials.losses.hinge import Hinge
from ganstudy.trials.losses.least_squares import LeastSquares
from ganstudy.trials.losses.relativistic_average import RelativisticAverage
from ganstudy.trials.losses.wasserstein import Wasserstein
from ganstudy.trials.losses.wasserstein_gp import WassersteinGP

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

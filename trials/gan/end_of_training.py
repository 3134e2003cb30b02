"""Take the measures of the game at the end of a trial: duality gap and path angle.

They are taken once, since they cost as much as training steps.
"""

from __future__ import annotations

from torch import Tensor

from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.gan.duality_gap import duality_gap
from ganstudy.trials.gan.path_angle import path_angle
from ganstudy.trials.gan.trainer import GanTrainer

STEPS_PER_BATCH = 10
"""The path angle asks for gradients at 10 points, so with a tenth as many batches it costs as many
gradients as the search for the duality gap has steps."""


def end_of_training_measures(
    trainer: GanTrainer, dataset: Dataset, steps: int
) -> dict[str, Tensor]:
    """Return duality gap, path attraction and path rotation by name, each [S].

    NaN or infinite where a seed has diverged.

    steps: of either player in the search for the duality gap. Training goes on afterwards to the
    bit as if nothing had been measured.
    """
    angle = path_angle(trainer, dataset, max(1, steps // STEPS_PER_BATCH))
    return {
        "duality_gap": duality_gap(trainer, dataset, steps),
        "path_attraction": angle.attraction,
        "path_rotation": angle.rotation,
    }

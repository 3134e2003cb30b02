"""A trial whose seeds are trained by a function of the user's own.

A checkpoint is written between two steps of the seed in training, when the others are between two
steps as well; whoever goes on from it calls the function anew, which finds its objects as they were.
"""

from __future__ import annotations

import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.functions.calling import OwnFunction
from ganstudy.trials.training.functions.seed_by_seed import SeedBySeedTrial
from ganstudy.trials.training.functions.seed_state import SeedRecord
from ganstudy.trials.training.functions.seed_training import Context, SeedTraining, setting_of


class FunctionTrial(SeedBySeedTrial):
    """One trial: a training function with one configuration on all its seeds."""

    def __init__(
        self, config: TrialConfig, evaluator: Evaluator, device: torch.device | None = None
    ) -> None:
        """Begin the trial, untrained; raise ValueError as OwnFunction does."""
        device = device or torch.device("cpu")
        self._context = Context(
            config,
            evaluator,
            device,
            OwnFunction(config),
            setting_of(config, evaluator.dataset, device, evaluator.num_generated),
        )
        super().__init__(config, evaluator)

    def _make_seed(self, seed: int, record: SeedRecord | None) -> SeedTraining:
        return SeedTraining(self._context, seed, record)

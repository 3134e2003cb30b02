"""A trial whose seeds are trained by a script of the user's own, in a process each.

The scripts take turns, from one evaluation to the next; one whose turn it is not stands still. A
checkpoint holds the evaluations; the script's own snapshots hold its state.
"""

from __future__ import annotations

import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Evaluation
from ganstudy.trials.training.commands.context import CommandContext
from ganstudy.trials.training.commands.seed_command import SeedCommand
from ganstudy.trials.training.functions.inputs import TrainingData
from ganstudy.trials.training.functions.seed_by_seed import SeedBySeedTrial
from ganstudy.trials.training.functions.seed_state import SeedRecord

SILENT_SECONDS = 1800.0


class CommandTrial(SeedBySeedTrial):
    """One trial: a command with one configuration on all its seeds."""

    def __init__(
        self,
        config: TrialConfig,
        evaluator: Evaluator,
        device: torch.device | None = None,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        """Begin the trial, untrained."""
        assert config.function is not None and config.function.command is not None
        self._context = CommandContext(
            config,
            config.function.command,
            evaluator,
            TrainingData(evaluator.dataset),
            device is not None and device.type == "cuda",
            silent_seconds,
        )
        self._scripts: dict[int, SeedCommand] = {}
        super().__init__(config, evaluator)

    def _make_seed(self, seed: int, record: SeedRecord | None) -> SeedCommand:
        made = self._scripts[seed] = SeedCommand(self._context, seed, record)
        return made

    def _merge(self, index: int) -> Evaluation:
        """Return the evaluation with what is to be known of the scripts."""
        evaluation = super()._merge(index)
        for each in self._scripts.values():
            evaluation.notes += each.notes
            each.notes = []
        return evaluation

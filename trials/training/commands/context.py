"""What the attempts of a script share, and what stands for the placeholders of its command."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganstudy.trials.config.command import (
    Command,
    budget_values,
    interval_values,
    placeholders,
    script_of,
)
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.training.commands.training_data import training_array, training_folder
from ganstudy.trials.training.functions.inputs import TrainingData


class CommandError(ValueError):
    """A script did not do what is needed of it."""

    def __init__(self, text: str, location: str) -> None:
        """location: the script, which begins the message."""
        super().__init__(f"{location}: {text}")
        self.location = location


NEAR = 0.05
"""Share of the way between two evaluations that samples may come too early: batches and epochs do not
end where evaluations are due."""


@dataclass(frozen=True)
class CommandContext:
    """What the seeds of a trial share."""

    config: TrialConfig
    command: Command
    evaluator: Evaluator
    data: TrainingData
    on_gpu: bool
    silent_seconds: float
    """A script without a sign of life for so long is ended."""

    @property
    def name(self) -> str:
        """The script's, or the program's."""
        return Path(script_of(self.command.command) or self.command.command[0]).name

    def due(self, index: int) -> float:
        """Return the amount from which on samples are those of an evaluation."""
        return self.config.budget.amount * (index - NEAR) / self.config.evaluations

    def place(self, index: int) -> str:
        """Return where an evaluation is due, in words."""
        budget = self.config.budget
        amount = budget.amount * index / self.config.evaluations
        return f"{amount:g} {budget.unit.replace('_', ' ')}"


def placeholder_values(
    config: TrialConfig,
    folder: Path,
    dataset: Dataset,
    seed: int,
    others: Mapping[str, Any],
    made: float = 0.0,
) -> Settings:
    """Return what stands for the placeholders of a command; made: of the budget already."""
    assert config.function is not None and config.function.command is not None
    command, budget = config.function.command, config.budget
    values = {
        **config.function.params,
        **budget_values(budget.unit, budget.amount - made),
        **interval_values(budget.unit, budget.amount / config.evaluations),
        "seed": seed,
        "folder": str(folder),
        "home": command.home,
        "python": sys.executable,
        **others,
    }
    used = placeholders([*command.command, *command.resume, *command.dry_run])
    # Beside the trials: one copy for all of a study.
    if "data" in used:
        values["data"] = str(training_array(dataset, folder.parents[1]))
    if "data_folder" in used:
        values["data_folder"] = str(training_folder(dataset, folder.parents[1]))
    return values

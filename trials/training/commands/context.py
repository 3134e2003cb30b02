"""What the attempts of a script share, and what stands for the placeholders of its command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganstudy.trials.config.command import (
    Command,
    budget_values,
    interval_values,
    located,
    placeholders,
    script_of,
)
from ganstudy.trials.config.plugins import ChangedError, folder_root
from ganstudy.trials.config.training_function import TrainingFunction
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

    @cached_property
    def shipped(self) -> Path | None:
        """The copy of the user's folder of code that the script is run in; None without [code]."""
        return shipped_code(self.command, self.config.function)

    def own_arguments(self, arguments: Iterable[str]) -> list[str]:
        """Return arguments with the paths of the user's own files made absolute."""
        return own_arguments(self.command, arguments, self.shipped)

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


def shipped_code(command: Command, function: TrainingFunction | None) -> Path | None:
    """Return the copy of [code] folder that a script lies in; None where it is run where it lies."""
    if not command.code or function is None:
        return None
    root = folder_root(function.digest)
    if root is None:
        raise ChangedError(f"the code of digest {function.digest} is not on this node")
    return root.path


def own_arguments(command: Command, arguments: Iterable[str], shipped: Path | None) -> list[str]:
    """Return arguments with the paths of files of the study's folder made absolute.

    shipped: where those of [code] folder lie.
    """
    home, code = Path(command.home), Path(command.code)
    found = []
    for each in arguments:
        option, sign, text = each.rpartition("=") if each.startswith("-") else ("", "", each)
        path = Path(os.path.normpath(home / text))
        if shipped is not None and path.is_relative_to(code):
            copy = shipped / path.relative_to(code)
            if copy.is_file():
                found.append(f"{option}{sign}{copy}")
                continue
        found.append(located(each, home))
    return found


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

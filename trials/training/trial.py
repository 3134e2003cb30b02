"""One trial: a configuration trained on all its seeds together.

It is evaluated at equal distances on its budget's axis.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.lane_pack import LanePack
from ganstudy.trials.training.trial_state import TrialPosition


class Trial(LanePack):
    """One trial, a pack of one configuration, and its checkpoints.

    Call `advance` until `finished`. The state at any time is that of `tensors` and `position`.
    """

    def __init__(
        self, config: TrialConfig, evaluator: Evaluator, device: torch.device | None = None
    ) -> None:
        """Begin the trial, untrained.

        Raise ValueError where the networks cannot take the data or a remedy cannot work on them.
        """
        super().__init__([config], evaluator, device)
        self.config = config

    @property
    def history(self) -> list[EvaluationRow]:
        """Rows of all evaluations so far."""
        return self.histories[0]

    @property
    def counters(self) -> Counters:
        """The amounts spent so far."""
        return self.loop.counters

    @property
    def finished(self) -> bool:
        """Whether the budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)

    def advance(self, on_progress: Callable[[], None] = lambda: None) -> Evaluation:
        """Train up to the next evaluation, evaluate, and return the evaluation.

        on_progress: as of LanePack.advance_all.
        """
        return self.advance_all(on_progress)[0]

    def evaluate(self) -> Evaluation:
        """Evaluate all seeds as they are, add their rows to the history, and return both."""
        return self.evaluate_all()[0]

    def latest(self) -> Evaluation:
        """Return the last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        return Evaluation(self.evaluations_done, self.counters, rows, self.evaluator.provenance)

    # --- checkpoints

    def save(self, folder: Path) -> None:
        """Write a checkpoint."""
        tensors, position = self.states()[0]
        write_checkpoint(folder, self.counters.updates, tensors, position.to_json())

    def restore(self, folder: Path) -> bool:
        """Go on from the newest undamaged checkpoint in `folder`; return whether there is one."""
        found = read_newest(folder)
        if found is None:
            return False
        tensors, position = found
        self.load(tensors, TrialPosition.from_json(position))
        return True

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that training depends on by name, as trial_state.py says."""
        return self.states()[0][0]

    def position(self) -> TrialPosition:
        """Return the rest of the state: the position on every axis and the evaluations so far."""
        return self.states()[0][1]

    def load(self, tensors: dict[str, Tensor], position: TrialPosition) -> None:
        """Go on from `tensors` and `position`, to the same numbers as if never stopped."""
        self.load_all([(tensors, position)])


def is_finished(config: TrialConfig, history: list[EvaluationRow]) -> bool:
    """Return whether the rows of all evaluations so far leave nothing to train."""
    latest = history[-len(config.seeds) :]
    return bool(latest) and (
        latest[0].evaluation >= config.evaluations or not any(row.finite for row in latest)
    )

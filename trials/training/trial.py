"""One trial: a configuration trained on all its seeds together.

It is evaluated at equal distances on its budget's axis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.gan.trainer_protocol import Trainer
from ganstudy.trials.measures.evaluator import Evaluator
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.evaluation import TrialEvaluator
from ganstudy.trials.training.training_loop import TrainingLoop
from ganstudy.trials.training.trial_state import (
    START_PNG,
    TrialPosition,
    gather_tensors,
    png_to_tensor,
    restore_tensors,
    tensor_to_png,
)


class Trial:
    """One trial: its training loop, its evaluation, its history and its checkpoints.

    Call `advance` until `finished`. The state at any time is that of `tensors` and `position`.
    """

    def __init__(
        self, config: TrialConfig, evaluator: Evaluator, device: torch.device | None = None
    ) -> None:
        """Begin the trial, untrained.

        Raise ValueError where the networks cannot take the data or a remedy cannot work on them.
        """
        self.config = config
        self.evaluator = evaluator
        self.device = device or torch.device("cpu")
        self.loop = TrainingLoop(config, evaluator.dataset, self.device)
        self.evaluation = TrialEvaluator(config, evaluator, self.device)
        self.history: list[EvaluationRow] = []
        """Rows of all evaluations so far."""
        self.evaluations_done = 0
        self._start_png: bytes | None = None

    @property
    def trainer(self) -> Trainer:
        """The players in training."""
        return self.loop.trainer

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

        on_progress: called about once a second between two steps, and not while evaluating. It may
        save, and what it raises ends this call; the next one goes on where this one was.
        """
        # Only untrained: after a restore the picture comes with the checkpoint, if it was not sent
        # yet.
        if self.counters.updates == 0:
            self._start_png = self.evaluation.draw(self.evaluation.sample(self.trainer))
        budget = self.config.budget
        amount = budget.amount * (self.evaluations_done + 1) / self.config.evaluations
        self.loop.train_until(amount, on_progress)
        return self.evaluate()

    def evaluate(self) -> Evaluation:
        """Evaluate all seeds as they are, add their rows to the history, and return both."""
        start = time.perf_counter()
        # First: samples and features may need the memory that captured steps hold.
        self.loop.free_graphs()
        self.evaluations_done += 1
        samples = self.evaluation.sample(self.trainer)
        measured = self.evaluation.rows(self.loop, samples, self.evaluations_done, self.history)
        self.counters.evaluation_seconds += time.perf_counter() - start
        cost = self.counters.as_columns()
        rows = [
            replace(row, cost=cost, verdict=self.evaluation.seed_verdict(row, self.history))
            for row in measured
        ]
        self.history += rows
        self.loop.start_interval()
        start_png = self._start_png
        self._start_png = None
        return Evaluation(
            index=self.evaluations_done,
            counters=self.counters,
            rows=rows,
            provenance=self.evaluator.provenance,
            grid_png=self.evaluation.draw(samples),
            start_png=start_png,
            notes=self.loop.notes(),
        )

    def latest(self) -> Evaluation:
        """Return the last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        return Evaluation(self.evaluations_done, self.counters, rows, self.evaluator.provenance)

    # --- checkpoints

    def save(self, folder: Path) -> None:
        """Write a checkpoint."""
        write_checkpoint(folder, self.counters.updates, self.tensors(), self.position().to_json())

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
        tensors = gather_tensors(self.loop, self.config.remedies)
        if self._start_png is not None:
            tensors[START_PNG] = png_to_tensor(self._start_png)
        return tensors

    def position(self) -> TrialPosition:
        """Return the rest of the state: the position on every axis and the evaluations so far."""
        return TrialPosition(
            config=self.config.digest,
            counters=replace(self.counters),
            evaluations_done=self.evaluations_done,
            history=list(self.history),
            loss_counts=dict(self.loop.loss_counts),
        )

    def load(self, tensors: dict[str, Tensor], position: TrialPosition) -> None:
        """Go on from `tensors` and `position`, to the same numbers as if never stopped."""
        # Tensors of another configuration may have the same shapes, and would load without an
        # error.
        if position.config != self.config.digest:
            raise ValueError(
                f"the checkpoint is of configuration {position.config}, not {self.config.digest}"
            )
        self.loop.counters = replace(position.counters)
        self.loop.loss_counts = dict(position.loss_counts)
        restore_tensors(self.loop, self.config.remedies, tensors)
        self.evaluations_done = position.evaluations_done
        self.history = list(position.history)
        self._start_png = tensor_to_png(tensors[START_PNG]) if START_PNG in tensors else None


def is_finished(config: TrialConfig, history: list[EvaluationRow]) -> bool:
    """Return whether the rows of all evaluations so far leave nothing to train."""
    latest = history[-len(config.seeds) :]
    return bool(latest) and (
        latest[0].evaluation >= config.evaluations or not any(row.finite for row in latest)
    )

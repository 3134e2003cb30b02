"""A trial whose seeds are trained by a function of the user's own; used as ShardedTrial is.

The functions of the seeds take turns, from one evaluation to the next. A checkpoint is written
between two steps of the seed in training, when the others are between two steps as well; whoever
goes on from it calls the function anew, which finds its objects as they were.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.evaluator import Evaluator
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.functions.calling import OwnFunction
from ganstudy.trials.training.functions.seed_state import (
    SeedRecord,
    from_checkpoint,
    to_checkpoint,
)
from ganstudy.trials.training.functions.seed_training import Context, SeedTraining, setting_of
from ganstudy.trials.training.sample_grid import join_grids
from ganstudy.trials.training.seed_shards import merge_counters
from ganstudy.trials.training.trial import is_finished


class FunctionTrial:
    """One trial: a training function with one configuration on all its seeds."""

    def __init__(
        self, config: TrialConfig, evaluator: Evaluator, device: torch.device | None = None
    ) -> None:
        """Begin the trial, untrained; raise ValueError as OwnFunction does."""
        device = device or torch.device("cpu")
        self.config = config
        self.history: list[EvaluationRow] = []
        """Rows of all evaluations so far."""
        self.evaluations_done = 0
        self._evaluator = evaluator
        self._context = Context(
            config,
            evaluator,
            device,
            OwnFunction(config),
            setting_of(config, evaluator.dataset, device, evaluator.num_generated),
        )
        self._folder: Path | None = None
        self._seeds: list[SeedTraining] = []
        self._begin({})
        # Its threads end with the trial, however that is let go of.
        weakref.finalize(self, _close, self._seeds)

    def _begin(self, records: dict[int, SeedRecord]) -> None:
        _close(self._seeds)
        # In place: the list is what is closed in the end.
        self._seeds[:] = [
            SeedTraining(self._context, seed, records.get(seed)) for seed in self.config.seeds
        ]
        self.history, self.evaluations_done = [], 0

    @property
    def finished(self) -> bool:
        """Whether the budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)

    def advance(self, on_progress: Callable[[], None] = lambda: None) -> Evaluation:
        """Train every seed up to the next evaluation, and return the evaluation of all.

        on_progress: called about once a second between two steps; it may save, and what it raises
        ends this call, and the functions with it. Raise what a function raised, or
        TrainingFunctionError.
        """
        due = self.evaluations_done + 1
        try:
            for each in self._seeds:
                # A step may have passed more than one evaluation.
                while len(each.rows) < due:
                    each.advance(self._own_folder(each.seed), on_progress)
        except BaseException:
            _close(self._seeds)
            raise
        return self._merge(due)

    def _own_folder(self, seed: int) -> Path:
        """Return the folder for a seed's own files."""
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="ganstudy-"))
        return self._folder / f"seed-{seed}"

    def _merge(self, index: int) -> Evaluation:
        """Return the evaluation `index` of all seeds, and add its rows to the history."""
        own = [each.rows[index - 1] for each in self._seeds]
        counters = merge_counters(self.config, [Counters.from_columns(row.cost) for row in own])
        rows = [replace(row, cost=counters.as_columns()) for row in own]
        self.history += rows
        self.evaluations_done = index
        pictures = [picture for each in self._seeds if (picture := each.pictures.pop(index, None))]
        whole, is_images = len(pictures) == len(self._seeds), self._evaluator.dataset.is_images
        last = index == self.config.evaluations
        nearest = [each.nearest for each in self._seeds if last and each.nearest is not None]
        return Evaluation(
            index=index,
            counters=counters,
            rows=rows,
            provenance=self._evaluator.provenance,
            grid_png=join_grids(pictures, is_images) if whole else None,
            nearest_png=join_grids(nearest, is_images)
            if len(nearest) == len(self._seeds)
            else None,
        )

    def latest(self) -> Evaluation:
        """Return the last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        counters = Counters.from_columns(rows[0].cost)
        return Evaluation(self.evaluations_done, counters, rows, self._evaluator.provenance)

    # --- checkpoints

    def save(self, folder: Path) -> None:
        """Write a checkpoint; ValueError for objects that it cannot hold."""
        self._folder = folder
        tensors: dict[str, Tensor] = {}
        states: dict[str, Any] = {}
        passes = 0
        for each in self._seeds:
            record = each.record()
            if record is None:
                continue
            state, own = to_checkpoint(each.seed, record)
            states[str(each.seed)] = state
            tensors |= own
            passes += record.position.iterations
        whole = {
            "config": self.config.digest,
            "evaluations_done": self.evaluations_done,
            "seeds": states,
        }
        # The number that every step of any seed raises, whatever its function counts.
        write_checkpoint(folder, passes, tensors, whole)

    def restore(self, folder: Path) -> bool:
        """Go on from the newest undamaged checkpoint in `folder`; return whether there is one."""
        self._folder = folder
        found = read_newest(folder)
        if found is None:
            return False
        tensors, state = found
        if state["config"] != self.config.digest:
            raise ValueError(
                f"the checkpoint is of configuration {state['config']}, not {self.config.digest}"
            )
        self._begin(
            {
                int(seed): from_checkpoint(int(seed), held, tensors)
                for seed, held in state["seeds"].items()
            }
        )
        for index in range(1, state["evaluations_done"] + 1):
            self._merge(index)
        return True


def _close(seeds: list[SeedTraining]) -> None:
    for each in seeds:
        if each.thread is not None:
            each.thread.close()

"""A trial whose seeds are trained one by one by something of the user's own; used as ShardedTrial is.

The seeds take turns, from one evaluation to the next. trials/training/functions/ trains them by a
function, trials/training/commands/ by a script.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol

from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.functions.seed_state import (
    SeedRecord,
    from_checkpoint,
    to_checkpoint,
)
from ganstudy.trials.training.sample_grid import join_grids
from ganstudy.trials.training.seed_shards import merge_counters
from ganstudy.trials.training.trial import is_finished


class OwnSeed(Protocol):
    """One seed in training."""

    seed: int
    rows: list[EvaluationRow]
    """Of its evaluations so far, each with the seed's own cost."""
    pictures: dict[int, bytes]
    """By evaluation."""
    nearest: bytes | None
    """With the last evaluation of images: the training images nearest to those shown."""

    def advance(self, folder: Path, tick: Callable[[], None], /) -> None:
        """Train until the next evaluation is made.

        folder: for files of its own. tick: called about once a second; it may save and may raise.
        """

    def record(self) -> SeedRecord | None:
        """Return the state as a checkpoint holds it; None at the beginning."""

    def close(self) -> None:
        """End what trains it."""


class SeedBySeedTrial:
    """One trial: a configuration on all its seeds, each trained by itself."""

    def __init__(self, config: TrialConfig, evaluator: Evaluator) -> None:
        """Begin the trial, untrained."""
        self.config = config
        self.history: list[EvaluationRow] = []
        """Rows of all evaluations so far."""
        self.evaluations_done = 0
        self._evaluator = evaluator
        self._folder: Path | None = None
        self._seeds: list[OwnSeed] = []
        self._made_folders: list[Path] = []
        self._begin({})
        # What trains them ends with the trial, however that is let go of, and so does the folder of
        # one that has no other.
        weakref.finalize(self, _end, self._seeds, self._made_folders)

    def _make_seed(self, seed: int, record: SeedRecord | None) -> OwnSeed:
        """Return a seed at the beginning, or where a checkpoint has it."""
        raise NotImplementedError

    def _begin(self, records: dict[int, SeedRecord]) -> None:
        close_all(self._seeds)
        # In place: the list is what is closed in the end.
        self._seeds[:] = [self._make_seed(seed, records.get(seed)) for seed in self.config.seeds]
        self.history, self.evaluations_done = [], 0

    @property
    def finished(self) -> bool:
        """Whether the budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)

    def advance(self, on_progress: Callable[[], None] = lambda: None) -> Evaluation:
        """Train every seed up to the next evaluation, and return the evaluation of all.

        on_progress: called about once a second between two steps; it may save, and what it raises
        ends this call, and the training of all seeds with it.
        """
        due = self.evaluations_done + 1
        try:
            for each in self._seeds:
                # A step may have passed more than one evaluation.
                while len(each.rows) < due:
                    each.advance(self._own_folder(each.seed), on_progress)
        except BaseException:
            close_all(self._seeds)
            raise
        return self._merge(due)

    def _own_folder(self, seed: int) -> Path:
        """Return the folder for a seed's own files."""
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="ganstudy-"))
            self._made_folders.append(self._folder)
        return self._folder / f"seed-{seed}"

    def _merge(self, index: int) -> Evaluation:
        """Return the evaluation `index` of all seeds, and add its rows to the history."""
        own = [each.rows[index - 1] for each in self._seeds]
        counters = merge_counters(self.config, [_counters(row) for row in own])
        # What one of them does not say is not known of all.
        unknown = {name for row in own for name, value in row.cost.items() if value is None}
        cost = {n: None if n in unknown else v for n, v in counters.as_columns().items()}
        rows = [replace(row, cost=cost) for row in own]
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
        counters = _counters(rows[0])
        return Evaluation(self.evaluations_done, counters, rows, self._evaluator.provenance)

    # --- checkpoints

    def save(self, folder: Path) -> None:
        """Write a checkpoint; ValueError for objects that it cannot hold."""
        self._folder = folder
        tensors: dict[str, Tensor] = {}
        states: JsonObject = {}
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


def _counters(row: EvaluationRow) -> Counters:
    """Return the cost of a row, with 0 for what is not known."""
    return Counters.from_columns({name: value or 0 for name, value in row.cost.items()})


def _end(seeds: Sequence[OwnSeed], folders: Sequence[Path]) -> None:
    close_all(seeds)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def close_all(seeds: Sequence[OwnSeed]) -> None:
    """End what trains the seeds."""
    for each in seeds:
        each.close()

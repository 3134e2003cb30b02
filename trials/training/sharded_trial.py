"""A trial that goes on in smaller packs when its memory runs out.

A seed trains in a pack as it would alone, so a pack may as well be trained as several smaller ones,
one after the other: the results stay the same, and the trial takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.memory import is_out_of_memory, release
from ganstudy.trials.measures.evaluator import Evaluator
from ganstudy.trials.results.records import COUNTERS, Counters, Evaluation
from ganstudy.trials.training.sample_grid import join_grids
from ganstudy.trials.training.seed_shards import (
    Part,
    halves,
    join_history,
    put_evaluation,
    read_parts,
    spent,
    take_evaluation,
    write_parts,
)
from ganstudy.trials.training.trial import Trial, is_finished


class ShardedTrial:
    """Like trials.trial.Trial, and begins as one pack of all seeds. Whenever memory runs out, every
    part is halved, and all go on from the newest checkpoint in the folder of the last `save` or
    `restore`, or from the beginning.

    Only the part that is being trained has networks on the device; the others are kept on the host.
    """

    def __init__(
        self,
        config: TrialConfig,
        evaluator: Evaluator,
        device: torch.device | None = None,
        parts: int = 1,
    ) -> None:
        """parts: into so many packs, or a few more, the seeds are divided from the beginning."""
        self.config, self.evaluator = config, evaluator
        self.device = device or torch.device("cpu")
        self.history: list[dict[str, Any]] = []
        self.evaluations_done = 0
        self._folder: Path | None = None
        self._least = parts
        self._parts: list[Part] = []
        self._made: list[Evaluation] = []
        """Evaluations of the first parts, which wait for those of the others."""
        self._trial: Trial | None = None
        self._index = 0
        """Of the part that `_trial` trains."""
        self._begin([Part(config)])

    @property
    def finished(self) -> bool:
        """The budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)

    def advance(self, tick: Callable[[], None] = lambda: None) -> Evaluation:
        """Trains all parts up to the next evaluation and evaluates them; `tick` as in
        Trial.advance, and between parts.

        Raises MemoryError where a single seed does not fit either, and ValueError where the
        networks cannot carry the data or a remedy cannot work on them.
        """
        due = self.evaluations_done + 1
        while self.evaluations_done < due:  # evaluations since the checkpoint are made once more
            try:
                evaluation = self._advance(tick)
                continue
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Not in the handler, where the traceback holds on to all that the failed part had.
            self._split()
        return evaluation

    def _advance(self, tick: Callable[[], None]) -> Evaluation:
        while True:
            self._made.append(self._running(len(self._made)).advance(tick))
            if len(self._made) == len(self._parts):
                return self._evaluation()
            tick()

    def _running(self, index: int) -> Trial:
        """The part, ready to go on; the one that was running before is set aside."""
        if self._trial is None or self._index != index:
            if self._trial is not None:
                self._parts[self._index] = self._standing(self._index)
                self._trial = None
                release()
            part = self._parts[index]
            trial = Trial(part.config, self.evaluator, self.device)
            if part.state:
                trial.load(part.tensors, part.state)
            # What it holds is the trial's now: nothing is kept twice.
            self._trial, self._index, self._parts[index] = trial, index, Part(part.config)
        return self._trial

    def _standing(self, index: int) -> Part:
        """The part as it stands."""
        if self._trial is None or self._index != index:
            return self._parts[index]
        tensors: dict[str, Tensor] = {
            name: v.detach().cpu() for name, v in self._trial.tensors().items()
        }
        return Part(self._trial.config, tensors, self._trial.state())

    def _evaluation(self) -> Evaluation:
        """One evaluation of those of all parts."""
        made, self._made = self._made, []
        counters = spent(self.config, [each.counters for each in made])
        rows = [row for each in made for row in each.rows]
        for row in rows:
            row |= counters.as_columns()
        self.history += rows
        self.evaluations_done = made[0].index
        return Evaluation(
            index=made[0].index,
            counters=counters,
            rows=rows,
            provenance=self.evaluator.provenance,
            grid_png=self._joined([each.grid_png for each in made]),
            start_png=self._joined([each.start_png for each in made]),
            notes=list(
                dict.fromkeys([*(note for each in made for note in each.notes), *self._notes()])
            ),
        )

    def _joined(self, pictures: list[bytes | None]) -> bytes | None:
        drawn = [picture for picture in pictures if picture is not None]
        return join_grids(drawn, self.evaluator.dataset.is_images) if drawn else None

    def _notes(self) -> list[str]:
        num, seeds = len(self._parts), len(self.config.seeds)
        if num == 1:
            return []
        note = f"out of memory: the {seeds} seeds are trained in {num} packs, one after the other"
        if self.config.budget.unit == "seconds":
            note += f"; each has the whole budget of seconds to itself, so the trial takes {num} times as long"
        return [note]

    def _split(self) -> None:
        """Every part in two, from the newest checkpoint."""
        num = len(self._parts)
        self._begin([Part(self.config)])
        release()
        if num == len(self.config.seeds):
            raise MemoryError(
                f"out of memory even with one seed at a time: make batch_size ({self.config.batch_size}), the model's "
                "width or measures.samples smaller, or give each trial more of the device"
            )
        self._least = num + 1
        if self._folder is None or not self.restore(self._folder):
            self._begin([Part(self.config)])

    def _begin(self, parts: list[Part]) -> None:
        """Goes on from `parts`, or from their halves where more are wanted."""
        is_images = self.evaluator.dataset.is_images
        while len(parts) < min(self._least, len(self.config.seeds)):
            parts = [half for part in parts for half in halves(part, is_images)]
        self.evaluations_done = min(part.evaluations_done for part in parts)
        rows = join_history([part.state.get("history", []) for part in parts])
        self.history = [row for row in rows if row["evaluation"] <= self.evaluations_done]
        self._trial, self._parts, self._made = None, [], []
        for part in parts:
            if part.evaluations_done > self.evaluations_done:
                part, made = take_evaluation(part, self.evaluator.provenance)
                self._made.append(made)
            self._parts.append(part)

    def latest(self) -> Evaluation:
        """The last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        counters = Counters(**{name: rows[0][name] for name in COUNTERS if name != "updates"})
        return Evaluation(self.evaluations_done, counters, rows, self.evaluator.provenance)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint: where no part is ahead of another, the same as Trial.save, which
        Trial can restore.
        """
        self._folder = folder
        parts = [self._standing(index) for index in range(len(self._parts))]
        for index, made in enumerate(self._made):
            parts[index] = put_evaluation(parts[index], made)
        write_parts(folder, self.config, parts, self.evaluator.dataset.is_images)

    def restore(self, folder: Path) -> bool:
        """Goes on from the newest undamaged checkpoint in `folder`, in as many parts; False where
        there is none.
        """
        self._folder = folder
        found = read_parts(folder, self.config)
        if found is None:
            return False
        parts, num = found
        self._least = max(self._least, num)
        self._begin(parts)
        return True

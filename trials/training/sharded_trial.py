"""A trial that goes on in shards of its seeds when its memory runs out.

A seed trains beside others as it would alone, so the seeds of a trial may as well be trained in
several shards, one after the other: the results stay the same, and the trial takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.memory import is_out_of_memory, release
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.sample_grid import join_grids
from ganstudy.trials.training.seed_shards import (
    SeedShard,
    halve,
    merge_counters,
    merge_history,
    put_evaluation,
    read_shards,
    take_evaluation,
    write_shards,
)
from ganstudy.trials.training.trial import Trial, is_finished


class ShardedTrial:
    """A trial whose seeds are trained in as many shards as memory asks for; used as Trial is.

    It begins as one shard of all seeds. Whenever memory runs out, every shard is halved, and all go
    on from the newest checkpoint in the folder of the last `save` or `restore`, or from the
    beginning. Only the shard in training has networks on the device; the others are kept on the
    host.
    """

    def __init__(
        self,
        config: TrialConfig,
        evaluator: Evaluator,
        device: torch.device | None = None,
        num_shards: int = 1,
    ) -> None:
        """num_shards: the seeds are split into so many, or a few more, from the beginning."""
        self.config = config
        self.evaluator = evaluator
        self.device = device or torch.device("cpu")
        self.history: list[EvaluationRow] = []
        self.evaluations_done = 0
        self._folder: Path | None = None
        self._min_shards = num_shards
        self._shards: list[SeedShard] = []
        self._waiting: list[Evaluation] = []
        """Evaluations of the first shards, which wait for those of the others."""
        self._trial: Trial | None = None
        self._index = 0
        """Of the shard that `_trial` trains."""
        self._begin([SeedShard(config)])

    @property
    def finished(self) -> bool:
        """Whether the budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)

    def advance(self, on_progress: Callable[[], None] = lambda: None) -> Evaluation:
        """Train all shards up to the next evaluation, evaluate, and return the evaluation.

        on_progress: as in Trial.advance, and between shards. Raises MemoryError where a single seed
        does not fit either, and ValueError where the networks cannot take the data or a remedy
        cannot work on them.
        """
        due = self.evaluations_done + 1
        while self.evaluations_done < due:  # evaluations since the checkpoint are made once more
            try:
                evaluation = self._advance(on_progress)
                continue
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Not in the handler, where the traceback keeps alive all that the failed shard had.
            self._split()
        return evaluation

    def _advance(self, on_progress: Callable[[], None]) -> Evaluation:
        while True:
            # Not in a variable, which would keep this shard's networks while the next one's are
            # built.
            self._waiting.append(self._trial_of(len(self._waiting)).advance(on_progress))
            if len(self._waiting) == len(self._shards):
                return self._merge_evaluations()
            on_progress()

    def _trial_of(self, index: int) -> Trial:
        """Return the shard's trial, ready to go on; the one that was running is set aside."""
        if self._trial is None or self._index != index:
            if self._trial is not None:
                self._shards[self._index] = self._snapshot(self._index)
                self._trial = None
                release()
            shard = self._shards[index]
            trial = Trial(shard.config, self.evaluator, self.device)
            if shard.position is not None:
                trial.load(shard.tensors, shard.position)
            self._trial = trial
            self._index = index
            # The trial has its tensors now: nothing is kept twice.
            self._shards[index] = SeedShard(shard.config)
        return self._trial

    def _snapshot(self, index: int) -> SeedShard:
        """Return the shard at its present point, on the host."""
        if self._trial is None or self._index != index:
            return self._shards[index]
        tensors = {name: value.detach().cpu() for name, value in self._trial.tensors().items()}
        return SeedShard(self._trial.config, tensors, self._trial.position())

    def _merge_evaluations(self) -> Evaluation:
        """Return one evaluation of those of all shards, and add its rows to the history."""
        made = self._waiting
        self._waiting = []
        counters = merge_counters(self.config, [each.counters for each in made])
        cost = counters.as_columns()
        rows = [replace(row, cost=cost) for each in made for row in each.rows]
        self.history += rows
        self.evaluations_done = made[0].index
        notes = [note for each in made for note in each.notes] + self._notes()
        return Evaluation(
            index=made[0].index,
            counters=counters,
            rows=rows,
            provenance=self.evaluator.provenance,
            grid_png=self._join([each.grid_png for each in made]),
            start_png=self._join([each.start_png for each in made]),
            nearest_png=self._join([each.nearest_png for each in made]),
            notes=list(dict.fromkeys(notes)),  # shards say the same things
        )

    def _join(self, pictures: list[bytes | None]) -> bytes | None:
        drawn = [picture for picture in pictures if picture is not None]
        return join_grids(drawn, self.evaluator.dataset.is_images) if drawn else None

    def _notes(self) -> list[str]:
        num_shards = len(self._shards)
        if num_shards == 1:
            return []
        note = (
            f"out of memory: the {len(self.config.seeds)} seeds are trained in {num_shards} groups, "
            "one after the other"
        )
        if self.config.budget.unit == "seconds":
            note += (
                "; each has the whole budget of seconds to itself, so the trial takes "
                f"{num_shards} times as long"
            )
        return [note]

    def _split(self) -> None:
        """Halve every shard, and go on from the newest checkpoint."""
        num_shards = len(self._shards)
        # Nothing may refer to the failed trial when memory is released.
        self._begin([SeedShard(self.config)])
        release()
        if num_shards == len(self.config.seeds):
            raise MemoryError(
                "out of memory even with one seed at a time: make batch_size "
                f"({self.config.batch_size}), the model's width or measures.samples smaller, or "
                "give each trial more of the device"
            )
        self._min_shards = num_shards + 1
        if self._folder is None or not self.restore(self._folder):
            self._begin([SeedShard(self.config)])

    def _begin(self, shards: list[SeedShard]) -> None:
        """Go on from `shards`, or from their halves where more are wanted."""
        is_images = self.evaluator.dataset.is_images
        while len(shards) < min(self._min_shards, len(self.config.seeds)):
            shards = [half for shard in shards for half in halve(shard, is_images)]
        self.evaluations_done = min(shard.evaluations_done for shard in shards)
        rows = merge_history([shard.history for shard in shards])
        self.history = [row for row in rows if row.evaluation <= self.evaluations_done]
        self._trial = None
        self._shards = []
        self._waiting = []
        for shard in shards:
            if shard.evaluations_done > self.evaluations_done:
                shard, evaluation = take_evaluation(shard, self.evaluator.provenance)
                self._waiting.append(evaluation)
            self._shards.append(shard)

    def latest(self) -> Evaluation:
        """Return the last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        counters = Counters.from_columns(rows[0].cost)
        return Evaluation(self.evaluations_done, counters, rows, self.evaluator.provenance)

    def save(self, folder: Path) -> None:
        """Write a checkpoint.

        Where no shard is ahead of another, it is that of Trial.save, which Trial can restore.
        """
        self._folder = folder
        shards = [self._with_whole_cost(self._snapshot(i)) for i in range(len(self._shards))]
        for index, evaluation in enumerate(self._waiting):
            shards[index] = put_evaluation(shards[index], evaluation)
        write_shards(folder, self.config, shards, self.evaluator.dataset.is_images)

    def _with_whole_cost(self, shard: SeedShard) -> SeedShard:
        """Return the shard with the cost of the whole trial in all rows that all shards have."""
        if shard.position is None:
            return shard
        merged = [row for row in self.history if row.seed in shard.config.seeds]
        history = [*merged, *shard.history[len(merged) :]]
        return replace(shard, position=replace(shard.position, history=history))

    def restore(self, folder: Path) -> bool:
        """Go on from the newest undamaged checkpoint in `folder`, in as many shards.

        Return whether there is one.
        """
        self._folder = folder
        found = read_shards(folder, self.config)
        if found is None:
            return False
        shards, num_shards = found
        self._min_shards = max(self._min_shards, num_shards)
        self._begin(shards)
        return True

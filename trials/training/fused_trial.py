"""Several trials of one structure that are trained together, as few packs of lanes as may be.

Each trial keeps its own history, evaluations and checkpoints, and may begin from a checkpoint that
was written alone or in any other pack. Trials at unlike points of the training form packs of their
own until they meet at an evaluation: those behind go first. A trial that has finished, or that is
stopped, leaves its pack, and the others go on unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ganstudy.trials.config.lanes import check_fusable
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.memory import is_out_of_memory, release
from ganstudy.trials.ensemble.step_context import Player
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.lane_pack import LanePack, point_of
from ganstudy.trials.training.seed_shards import SeedShard, read_shards, write_shards
from ganstudy.trials.training.sharded_trial import ShardedTrial
from ganstudy.trials.training.trial import is_finished


@dataclass
class Member:
    """One of the trials."""

    shard: SeedShard
    """All its seeds at its present point, on the host, unless it is in the running pack."""
    history: list[EvaluationRow]
    folder: Path | None = None
    """Of its checkpoints."""
    shards: int = 1
    """More than 1: it is trained in so many smaller ensembles of its seeds, without the others."""
    alone: ShardedTrial | None = None
    """Its training, if it is trained without the others."""
    stopped: bool = False

    @property
    def config(self) -> TrialConfig:
        """Its configuration."""
        return self.shard.config

    @property
    def evaluations_done(self) -> int:
        """Evaluations made so far."""
        return self.history[-1].evaluation if self.history else 0

    @property
    def finished(self) -> bool:
        """Whether its budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)


class FusedTrial:
    """Trials of one structure, by their place in `configs`.

    Call `advance` until all are finished. Whenever memory runs out the packs become half as large,
    and what was trained since the newest checkpoint is trained again; a single trial that does not
    fit goes on in shards of its seeds (sharded_trial.py).
    """

    def __init__(
        self,
        configs: Sequence[TrialConfig],
        evaluator: Evaluator,
        device: torch.device | None = None,
        most: int | None = None,
    ) -> None:
        """most: trials per pack; all, if None.

        Raises ValueError where the configurations differ in more than numbers per lane.
        """
        check_fusable(configs)
        self.evaluator = evaluator
        self.device = device or torch.device("cpu")
        self.members = [Member(SeedShard(config), []) for config in configs]
        self._most = most or len(configs)
        self._wanted = self._most
        self._pack: LanePack | None = None
        self._in_pack: tuple[int, ...] = ()

    @property
    def all_finished(self) -> bool:
        """Whether every trial has finished or was stopped."""
        return all(member.finished or member.stopped for member in self.members)

    def finished(self, index: int) -> bool:
        """Return whether a trial's budget is spent and evaluated, or none of its seeds is finite."""
        return self.members[index].finished

    def history(self, index: int) -> list[EvaluationRow]:
        """Return the rows of all evaluations of a trial so far."""
        return self.members[index].history

    def stop(self, index: int) -> None:
        """Train a trial no further."""
        self.members[index].stopped = True

    def players(self) -> dict[Player, SeedEnsemble]:
        """Return the players of the running pack; empty if there is none."""
        return {} if self._pack is None else self._pack.trainer.players

    def advance(self, on_progress: Callable[[], None] = lambda: None) -> dict[int, Evaluation]:
        """Train the trials that are furthest behind up to their next evaluation, and evaluate them.

        Their evaluations are returned by their place.

        on_progress: as of LanePack.advance_all. Raises MemoryError where a single seed does not fit
        either, and ValueError where the networks cannot take the data or a remedy cannot work on
        them.
        """
        while True:
            pack = self._next_pack()
            try:
                return self._advance(pack, on_progress)
            except Exception as error:
                if not is_out_of_memory(error) or self.members[pack[0]].shards > 1:
                    raise
            # Not in the handler, where the traceback keeps alive all that the failed pack had.
            self._halve(pack)

    def _next_pack(self) -> tuple[int, ...]:
        """Return which trials are trained next: those at the point that is furthest behind."""
        left = [i for i, m in enumerate(self.members) if not (m.finished or m.stopped)]
        points = {i: self._point(i) for i in left}
        first = min(left, key=lambda i: points[i])
        if self.members[first].shards > 1:
            return (first,)
        alike = [i for i in left if points[i] == points[first] and self.members[i].shards == 1]
        return tuple(alike[: self._most])

    def _point(self, index: int) -> tuple[int, int, int]:
        if index in self._in_pack and self._pack is not None:
            return point_of(self._pack.evaluations_done, self._pack.loop.counters)
        member = self.members[index]
        if member.shard.position is None:
            return (member.evaluations_done, 0, 0)
        return point_of(member.evaluations_done, member.shard.counters)

    def _advance(
        self, chosen: tuple[int, ...], on_progress: Callable[[], None]
    ) -> dict[int, Evaluation]:
        first = self.members[chosen[0]]
        if first.shards > 1:
            return {chosen[0]: self._advance_in_shards(first, on_progress)}
        if self._pack is None or self._in_pack != chosen:
            self._set_aside()
            self._rest()
            self._pack = self._begun(chosen)
            self._in_pack = chosen
        evaluations = dict(zip(chosen, self._pack.advance_all(on_progress), strict=True))
        for index, evaluation in evaluations.items():
            self.members[index].history = list(self._pack.histories[chosen.index(index)])
            if self._most < self._wanted:
                evaluation.notes.append(
                    f"out of memory: at most {self._most} configurations are trained together"
                )
        return evaluations

    def _begun(self, chosen: tuple[int, ...]) -> LanePack:
        """Return a pack of these trials, ready to go on; each has its tensors now."""
        members = [self.members[index] for index in chosen]
        pack = LanePack([member.config for member in members], self.evaluator, self.device)
        states = [
            (member.shard.tensors, member.shard.position)
            for member in members
            if member.shard.position is not None
        ]
        if states:
            pack.load_all(states)
        # Nothing is kept twice.
        for member in members:
            member.shard = SeedShard(member.config)
        return pack

    def _set_aside(self) -> None:
        """Take the trials of the running pack out of it, each with its own state on the host."""
        if self._pack is None:
            return
        for index, (tensors, position) in zip(self._in_pack, self._pack.states(), strict=True):
            # Copies: a part of the stack would keep all of it in memory.
            own = {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
            member = self.members[index]
            member.shard = SeedShard(member.config, own, position)
        self._pack, self._in_pack = None, ()
        release()

    def _advance_in_shards(self, member: Member, on_progress: Callable[[], None]) -> Evaluation:
        self._set_aside()
        self._rest(member)
        if member.alone is None:
            member.alone = ShardedTrial(member.config, self.evaluator, self.device, member.shards)
            if member.folder is not None:
                member.alone.restore(member.folder)
        evaluation = member.alone.advance(on_progress)
        member.history = list(member.alone.history)
        return evaluation

    def _rest(self, but: Member | None = None) -> None:
        """Free the device of other trials in shards, which go on from their checkpoints."""
        for member in self.members:
            if member is not but and member.alone is not None and member.folder is not None:
                member.alone.save(member.folder)
                member.alone = None

    def _halve(self, pack: tuple[int, ...]) -> None:
        """Let fewer trials, or fewer seeds, be trained together, from the newest checkpoints on."""
        self._pack, self._in_pack = None, ()
        release()
        if len(pack) > 1:
            self._most = (len(pack) + 1) // 2
        for index in pack:
            member = self.members[index]
            member.shard, member.history = SeedShard(member.config), []
            if member.folder is not None:
                self.restore(index, member.folder)
            if len(pack) == 1:
                member.shards = max(2, member.shards)

    # --- each trial by itself

    def latest(self, index: int) -> Evaluation:
        """Return the last evaluation of a trial once more, without its picture."""
        member = self.members[index]
        rows = member.history[-len(member.config.seeds) :]
        counters = Counters.from_columns(rows[0].cost)
        return Evaluation(member.evaluations_done, counters, rows, self.evaluator.provenance)

    def save(self, index: int, folder: Path) -> None:
        """Write a checkpoint of a trial, which Trial and ShardedTrial can restore."""
        member = self.members[index]
        member.folder = folder
        if member.alone is not None:
            member.alone.save(folder)
            return
        shard = member.shard
        if self._pack is not None and index in self._in_pack:
            tensors, position = self._pack.states()[self._in_pack.index(index)]
            shard = SeedShard(member.config, tensors, position)
        if shard.position is not None:
            write_shards(folder, member.config, [shard], self.evaluator.dataset.is_images)

    def restore(self, index: int, folder: Path) -> bool:
        """Let a trial go on from the newest undamaged checkpoint in `folder`, before it is trained.

        Return whether there is one. Raises ValueError for a checkpoint of another configuration.
        """
        member = self.members[index]
        member.folder = folder
        found = read_shards(folder, member.config)
        if found is None:
            return False
        shards, num_shards = found
        if num_shards > 1:
            # Its memory was short before.
            member.alone = ShardedTrial(member.config, self.evaluator, self.device, num_shards)
            member.alone.restore(folder)
            member.shards, member.history = num_shards, list(member.alone.history)
            return True
        member.shard, member.history = shards[0], list(shards[0].history)
        return True

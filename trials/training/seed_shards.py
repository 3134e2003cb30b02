"""The state of a trial, split by seeds and merged again, and the checkpoint of a trial in shards.

Every tensor of the state has the seeds on axis 0, or no axis at all where all seeds share the value
(numbers of steps); pictures are split and merged by seeds as well. So shards that are at one
point of the training make the very checkpoint that the whole trial would have written, and it may
be read as any number of shards. Shards that are at different points lie side by side in one file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow, Provenance
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.sample_grid import join_grids, split_grid
from ganstudy.trials.training.trial_state import (
    START_PNG,
    TrialPosition,
    png_to_tensor,
    tensor_to_png,
)

GRID_PNG, NEAREST_PNG = "grid_png", "nearest_png"
"""Names of the pictures of an evaluation that waits for those of the other shards."""
PICTURES = (START_PNG, GRID_PNG, NEAREST_PNG)
"""Names of what is divided as a picture, and not by lanes."""
SUMMED = ("evaluation_seconds", "device_seconds")
"""Counters of shards that add up, whatever the unit of the budget."""


@dataclass(frozen=True)
class SeedShard:
    """Some seeds of a trial, at one point of their training."""

    config: TrialConfig
    """Of these seeds alone."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Those of Trial.tensors."""
    position: TrialPosition | None = None
    """None at the beginning of the training."""

    @property
    def evaluations_done(self) -> int:
        """Evaluations made so far."""
        return 0 if self.position is None else self.position.evaluations_done

    @property
    def counters(self) -> Counters:
        """The amounts that the shard has spent."""
        return Counters() if self.position is None else self.position.counters

    @property
    def history(self) -> list[EvaluationRow]:
        """Rows of all evaluations so far."""
        return [] if self.position is None else self.position.history


# --- splitting and merging


def split(shard: SeedShard, positions: Sequence[int], is_images: bool) -> SeedShard:
    """Return the seeds of `shard` at `positions`.

    The time that it has spent is divided equally among its seeds.
    """
    seeds = shard.config.seeds
    config = shard.config.model_copy(
        update={"seeds": tuple(seeds[position] for position in positions)}
    )
    if shard.position is None:
        return SeedShard(config)

    def of_positions(name: str, value: Tensor) -> Tensor:
        if name in PICTURES:
            pictures = split_grid(tensor_to_png(value), len(seeds), is_images)
            return png_to_tensor(join_grids([pictures[p] for p in positions], is_images))
        # Copies: an optimiser counts its steps in the very tensor that it is given.
        return value[list(positions)] if value.dim() else value.clone()

    share = len(positions) / len(seeds)
    divided = {name: getattr(shard.counters, name) * share for name in _summed_counters(config)}
    position = replace(
        shard.position,
        config=config.digest,
        counters=replace(shard.counters, **divided),
        history=[row for row in shard.history if row.seed in config.seeds],
    )
    tensors = {name: of_positions(name, value) for name, value in shard.tensors.items()}
    return SeedShard(config, tensors, position)


def halve(shard: SeedShard, is_images: bool) -> list[SeedShard]:
    """Return `shard` in two, the first the larger where they differ; one seed stays as it is."""
    positions = range(len(shard.config.seeds))
    middle = (len(positions) + 1) // 2
    halves = [positions[:middle], positions[middle:]]
    return [split(shard, half, is_images) for half in halves if half]


def merge(config: TrialConfig, shards: Sequence[SeedShard], is_images: bool) -> SeedShard:
    """Return the whole trial of `config` from all its shards, in the order of its seeds.

    The shards are at one point of the training.
    """
    position = shards[0].position
    if len(shards) == 1 or position is None:
        return shards[0]

    def merged(name: str, value: Tensor) -> Tensor:
        values = [shard.tensors[name] for shard in shards]
        if name in PICTURES:
            return png_to_tensor(join_grids([tensor_to_png(v) for v in values], is_images))
        return torch.cat(values) if value.dim() else value

    whole = replace(
        position,
        config=config.digest,
        counters=merge_counters(config, [shard.counters for shard in shards]),
        history=merge_history([shard.history for shard in shards]),
    )
    tensors = {name: merged(name, value) for name, value in shards[0].tensors.items()}
    return SeedShard(config, tensors, whole)


def merge_history(histories: Sequence[list[EvaluationRow]]) -> list[EvaluationRow]:
    """Return the rows of all shards, those of one evaluation together."""
    # Sorting is stable, so within an evaluation the rows keep the order of the shards.
    rows = [row for history in histories for row in history]
    return sorted(rows, key=lambda row: row.evaluation)


def merge_counters(config: TrialConfig, counters: Sequence[Counters]) -> Counters:
    """Return the amounts that the whole trial has spent, its shards trained one after the other.

    Steps and images are counted per seed: the fewest of all shards. Of a budget in seconds every
    shard has the whole, and `seconds` is the position on that axis: the most of all shards.
    """
    total = sum if "seconds" in _summed_counters(config) else max
    return Counters(
        generator_steps=min(each.generator_steps for each in counters),
        discriminator_steps=min(each.discriminator_steps for each in counters),
        images=min(each.images for each in counters),
        seconds=total(each.seconds for each in counters),
        evaluation_seconds=sum(each.evaluation_seconds for each in counters),
        device_seconds=sum(each.device_seconds for each in counters),
        peak_memory_bytes=max(each.peak_memory_bytes for each in counters),
    )


def _summed_counters(config: TrialConfig) -> tuple[str, ...]:
    # On a budget of seconds, `seconds` is a position, which every shard reaches by itself.
    return SUMMED if config.budget.unit == "seconds" else ("seconds", *SUMMED)


# --- evaluations that wait for the other shards


def put_evaluation(shard: SeedShard, evaluation: Evaluation) -> SeedShard:
    """Return `shard` with its latest evaluation inside, for a checkpoint."""
    pictures = {
        GRID_PNG: evaluation.grid_png,
        START_PNG: evaluation.start_png,
        NEAREST_PNG: evaluation.nearest_png,
    }
    tensors = {name: png_to_tensor(png) for name, png in pictures.items() if png is not None}
    assert shard.position is not None  # it has an evaluation
    position = replace(shard.position, notes=evaluation.notes)
    return replace(shard, tensors=shard.tensors | tensors, position=position)


def take_evaluation(shard: SeedShard, provenance: Provenance) -> tuple[SeedShard, Evaluation]:
    """Return what `put_evaluation` was given."""
    assert shard.position is not None
    tensors = dict(shard.tensors)
    grid = tensors.pop(GRID_PNG)
    start, nearest = tensors.pop(START_PNG, None), tensors.pop(NEAREST_PNG, None)
    evaluation = Evaluation(
        index=shard.evaluations_done,
        counters=shard.counters,
        rows=shard.history[-len(shard.config.seeds) :],
        provenance=provenance,
        grid_png=tensor_to_png(grid),
        start_png=None if start is None else tensor_to_png(start),
        nearest_png=None if nearest is None else tensor_to_png(nearest),
        notes=shard.position.notes,
    )
    return replace(shard, tensors=tensors), evaluation


# --- checkpoints; "parts" and "packs" are the names of shards on disk


def write_shards(
    folder: Path, config: TrialConfig, shards: Sequence[SeedShard], is_images: bool
) -> None:
    """Write one checkpoint of all shards.

    That of the whole trial where they are at one point, else the shards side by side.
    """
    # The mean over seeds: it grows with every step of any shard, and so the newest is found.
    seed_updates = sum(len(shard.config.seeds) * shard.counters.updates for shard in shards)
    updates = seed_updates // len(config.seeds)
    if _at_one_point(shards):
        whole = merge(config, shards, is_images)
        assert whole.position is not None
        state = whole.position.to_json() | {"parts": len(shards)}
        write_checkpoint(folder, updates, whole.tensors, state)
        return
    tensors = {
        f"{index}/{name}": value
        for index, shard in enumerate(shards)
        for name, value in shard.tensors.items()
    }
    # An empty state is that of a shard at its beginning.
    states = [
        {
            "seeds": shard.config.seeds,
            "state": {} if shard.position is None else shard.position.to_json(),
        }
        for shard in shards
    ]
    write_checkpoint(folder, updates, tensors, {"config": config.digest, "packs": states})


def read_shards(folder: Path, config: TrialConfig) -> tuple[list[SeedShard], int] | None:
    """Return (shards, how many there were on writing) of the newest undamaged checkpoint.

    None without one. One shard has all seeds where the shards stood at one point. Raises ValueError
    for a checkpoint of another configuration.
    """
    found = read_newest(folder)
    if found is None:
        return None
    tensors, state = found
    if state["config"] != config.digest:
        raise ValueError(
            f"the checkpoint is of configuration {state['config']}, not {config.digest}"
        )
    if "packs" not in state:
        return [SeedShard(config, tensors, TrialPosition.from_json(state))], state.get("parts", 1)
    shards = []
    for index, one in enumerate(state["packs"]):
        prefix = f"{index}/"
        own = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        own_config = config.model_copy(update={"seeds": tuple(one["seeds"])})
        position = TrialPosition.from_json(one["state"]) if one["state"] else None
        shards.append(SeedShard(own_config, own, position))
    return shards, len(shards)


def _at_one_point(shards: Sequence[SeedShard]) -> bool:
    if any(shard.position is None for shard in shards):
        return False
    points = {
        (
            shard.counters.generator_steps,
            shard.counters.discriminator_steps,
            shard.evaluations_done,
        )
        for shard in shards
    }
    return len(points) == 1

"""The state of a pack, cut to some of its seeds and joined again, and the checkpoint of a pack in
several parts.

Every tensor of the state has the seeds on axis 0, or no axis at all where all seeds share the value
(numbers of steps); pictures are cut and joined by seeds as well. So parts that stand at one point
of the training make the very checkpoint that the whole pack would have written, and it may be read
as any number of parts. Parts that stand at different points lie side by side in one file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Counters, Evaluation, Provenance
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.sample_grid import join_grids, split_grid
from ganstudy.trials.training.trial import PICTURE

GRID = "grid_png"
"""Of an evaluation that waits for those of the other parts; its `PICTURE` is kept beside it."""


@dataclass(frozen=True)
class Part:
    """Some seeds of a trial, at one point of their training."""

    config: TrialConfig
    """Of these seeds alone."""
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Those of Trial.tensors."""
    state: dict[str, Any] = field(default_factory=dict)
    """That of Trial.state; empty at the beginning of the training."""

    @property
    def evaluations_done(self) -> int:
        """Evaluations made so far."""
        return int(self.state.get("evaluations_done", 0))

    @property
    def counters(self) -> Counters:
        """What the part has spent."""
        return Counters(**self.state.get("counters", {}))


# --- cutting and joining


def cut(part: Part, places: Sequence[int], is_images: bool) -> Part:
    """The seeds of `part` at `places`. Time that it has spent is shared out equally among its
    seeds.
    """
    seeds = part.config.seeds
    config = part.config.model_copy(update={"seeds": tuple(seeds[place] for place in places)})
    if not part.state:
        return Part(config)

    def chosen(name: str, value: Tensor) -> Tensor:
        if name in (PICTURE, GRID):
            bands = split_grid(_as_bytes(value), len(seeds), is_images)
            return _as_tensor(join_grids([bands[place] for place in places], is_images))
        # Copies: an optimiser counts its steps in the very tensor that it is given.
        return value[list(places)] if value.dim() else value.clone()

    counters, share = dict(part.state["counters"]), len(places) / len(seeds)
    for name in _shared_out(config):
        counters[name] *= share
    own = {
        "config": config.digest,
        "counters": counters,
        "history": [row for row in part.state["history"] if row["seed"] in config.seeds],
    }
    return Part(
        config, {name: chosen(name, v) for name, v in part.tensors.items()}, part.state | own
    )


def halves(part: Part, is_images: bool) -> list[Part]:
    """`part` in two, the first the larger where they differ; one seed stays as it is."""
    places = range(len(part.config.seeds))
    middle = (len(places) + 1) // 2
    return [cut(part, some, is_images) for some in (places[:middle], places[middle:]) if some]


def join(config: TrialConfig, parts: Sequence[Part], is_images: bool) -> Part:
    """The whole pack of `config` from all its parts, in the order of its seeds, at one point of the
    training.
    """
    if len(parts) == 1:
        return parts[0]

    def joined(name: str, value: Tensor) -> Tensor:
        values = [part.tensors[name] for part in parts]
        if name == PICTURE:
            return _as_tensor(join_grids([_as_bytes(picture) for picture in values], is_images))
        return torch.cat(values) if value.dim() else value

    counters = spent(config, [part.counters for part in parts]).as_columns()
    whole = {
        "config": config.digest,
        "counters": {name: value for name, value in counters.items() if name != "updates"},
        "history": join_history([part.state["history"] for part in parts]),
    }
    tensors = {name: joined(name, value) for name, value in parts[0].tensors.items()}
    return Part(config, tensors, parts[0].state | whole)


def join_history(histories: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows of all parts, those of one evaluation together and in the order of the parts."""
    return sorted(
        (row for rows in histories for row in rows), key=lambda row: int(row["evaluation"])
    )


def spent(config: TrialConfig, parts: Sequence[Counters]) -> Counters:
    """What the whole pack has spent, parts being trained one after the other.

    Steps and images are counted per seed: the fewest of all parts. Of a budget in seconds every
    part has the whole, and `seconds` is the position on that axis: the most of all parts.
    """
    together = max if "seconds" not in _shared_out(config) else sum
    return Counters(
        generator_steps=min(each.generator_steps for each in parts),
        discriminator_steps=min(each.discriminator_steps for each in parts),
        images=min(each.images for each in parts),
        seconds=together(each.seconds for each in parts),
        evaluation_seconds=sum(each.evaluation_seconds for each in parts),
        device_seconds=sum(each.device_seconds for each in parts),
        peak_memory_bytes=max(each.peak_memory_bytes for each in parts),
    )


def _shared_out(config: TrialConfig) -> list[str]:
    """The counters that add up over parts."""
    names = ["evaluation_seconds", "device_seconds"]
    return names if config.budget.unit == "seconds" else ["seconds", *names]


# --- evaluations that wait for the other parts


def put_evaluation(part: Part, made: Evaluation) -> Part:
    """`part` together with its latest evaluation."""
    pictures = {GRID: made.grid_png, PICTURE: made.start_png}
    tensors = {
        name: _as_tensor(picture) for name, picture in pictures.items() if picture is not None
    }
    return replace(part, tensors=part.tensors | tensors, state=part.state | {"notes": made.notes})


def take_evaluation(part: Part, provenance: Provenance) -> tuple[Part, Evaluation]:
    """What `put_evaluation` was given."""
    tensors = dict(part.tensors)
    grid, start = tensors.pop(GRID), tensors.pop(PICTURE, None)
    made = Evaluation(
        index=part.evaluations_done,
        counters=part.counters,
        rows=part.state["history"][-len(part.config.seeds) :],
        provenance=provenance,
        grid_png=_as_bytes(grid),
        start_png=None if start is None else _as_bytes(start),
        notes=part.state["notes"],
    )
    return replace(part, tensors=tensors), made


def _as_tensor(picture: bytes) -> Tensor:
    return torch.frombuffer(bytearray(picture), dtype=torch.uint8)


def _as_bytes(picture: Tensor) -> bytes:
    data: bytes = picture.numpy().tobytes()
    return data


# --- checkpoints


def write_parts(folder: Path, config: TrialConfig, parts: Sequence[Part], is_images: bool) -> None:
    """One checkpoint of all parts: that of the whole pack where they stand at one point, else side
    by side.
    """
    updates = sum(len(part.config.seeds) * part.counters.updates for part in parts) // len(
        config.seeds
    )
    if _at_one_point(parts):
        whole = join(config, parts, is_images)
        write_checkpoint(folder, updates, whole.tensors, whole.state | {"parts": len(parts)})
        return
    tensors = {
        f"{index}/{name}": value
        for index, part in enumerate(parts)
        for name, value in part.tensors.items()
    }
    ensembles = [{"seeds": part.config.seeds, "state": part.state} for part in parts]
    write_checkpoint(folder, updates, tensors, {"config": config.digest, "packs": ensembles})


def read_parts(folder: Path, config: TrialConfig) -> tuple[list[Part], int] | None:
    """(parts, how many there were when it was written) by the newest undamaged checkpoint, or None.

    One part holds all seeds where the parts stood at one point. Raises ValueError for a checkpoint
    of another configuration.
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
        return [Part(config, tensors, state)], state.get("parts", 1)
    parts = []
    for index, ensemble in enumerate(state["packs"]):
        own = {
            name.removeprefix(f"{index}/"): v
            for name, v in tensors.items()
            if name.startswith(f"{index}/")
        }
        parts.append(
            Part(
                config.model_copy(update={"seeds": tuple(ensemble["seeds"])}),
                own,
                ensemble["state"],
            )
        )
    return parts, len(parts)


def _at_one_point(parts: Sequence[Part]) -> bool:
    if not all(part.state for part in parts):
        return False
    points = {
        (p.counters.generator_steps, p.counters.discriminator_steps, p.evaluations_done)
        for p in parts
    }
    return len(points) == 1

"""All that the training of one seed depends on, as it runs and as a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.results.records import Counters, EvaluationRow
from ganstudy.trials.training.functions.global_state import GlobalStreams
from ganstudy.trials.training.functions.inputs import Streams
from ganstudy.trials.training.functions.kept import KeptObjects
from ganstudy.trials.training.functions.losses import MeanLosses
from ganstudy.trials.training.functions.own_metrics import OwnMetrics
from ganstudy.trials.training.functions.state_tree import decode, encode
from ganstudy.trials.training.trial_state import png_to_tensor, tensor_to_png


@dataclass
class Position:
    """How far the training of a seed has come."""

    counters: Counters = field(default_factory=Counters)
    iterations: int = 0
    """Passes of the loop over run.steps()."""
    evaluations: int = 0


NEAREST = "nearest"
"""Name in a checkpoint."""


@dataclass(frozen=True)
class SeedRecord:
    """A seed in a checkpoint, between two steps."""

    position: Position
    rows: list[EvaluationRow]
    """Of its evaluations so far, each with the seed's own cost."""
    rest: dict[str, Any]
    """Objects kept, streams, losses, own metrics and global streams, as plain JSON with names of tensors."""
    tensors: dict[str, Tensor]
    pictures: dict[int, bytes]
    """By evaluation: of those that wait for other seeds."""
    nearest: bytes | None = None
    """The picture of training images that waits with the last of them."""


@dataclass
class SeedState:
    """A seed in training."""

    position: Position
    kept: KeptObjects
    streams: Streams
    losses: MeanLosses
    own: OwnMetrics

    @classmethod
    def of(cls, record: SeedRecord | None) -> SeedState:
        """Return the state with which a function is called: at the beginning, or of a checkpoint."""
        if record is None:
            return cls(Position(), KeptObjects(None, {}), Streams({}), MeanLosses(), OwnMetrics())
        rest = record.rest
        return cls(
            replace(record.position, counters=replace(record.position.counters)),
            KeptObjects(rest["kept"], record.tensors),
            Streams(dict(rest["streams"])),
            MeanLosses(rest["losses"]),
            OwnMetrics(rest.get("own")),  # checkpoints of older versions have none
        )

    def record(
        self, rows: list[EvaluationRow], pictures: dict[int, bytes], global_streams: GlobalStreams
    ) -> SeedRecord:
        """Return the state as a checkpoint holds it; ValueError for objects that it cannot hold."""
        tensors: dict[str, Tensor] = {}
        rest = {
            "kept": self.kept.state(tensors, "kept."),
            "streams": self.streams.state(),
            "losses": self.losses.state(),
            "own": self.own.state(),
            "global": encode(global_streams.state_dict(), tensors, "global"),
        }
        position = replace(self.position, counters=replace(self.position.counters))
        return SeedRecord(position, list(rows), rest, tensors, dict(pictures))


def global_streams_of(record: SeedRecord, device: torch.device) -> GlobalStreams:
    """Return the states of the global random streams in a checkpoint."""
    return GlobalStreams.from_state_dict(decode(record.rest["global"], record.tensors), device)


def to_checkpoint(seed: int, record: SeedRecord) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a seed's part of a checkpoint: JSON, and tensors by names that begin with the seed."""
    state = {
        "position": asdict(record.position),
        "rows": [row.to_json() for row in record.rows],
        "rest": record.rest,
        "pictures": sorted(record.pictures),
    }
    tensors = {f"{seed}/{name}": value for name, value in record.tensors.items()}
    for evaluation, picture in record.pictures.items():
        tensors[f"{seed}/picture.{evaluation}"] = png_to_tensor(picture)
    if record.nearest is not None:
        tensors[f"{seed}/{NEAREST}"] = png_to_tensor(record.nearest)
    return state, tensors


def from_checkpoint(
    seed: int, state: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> SeedRecord:
    """Return what `to_checkpoint` was given."""
    prefix = f"{seed}/"
    own = {n.removeprefix(prefix): value for n, value in tensors.items() if n.startswith(prefix)}
    pictures = {n: tensor_to_png(own.pop(f"picture.{n}")) for n in state["pictures"]}
    nearest = own.pop(NEAREST, None)
    position = dict(state["position"])
    position["counters"] = Counters(**position["counters"])
    rows = [EvaluationRow.from_json(row) for row in state["rows"]]
    return SeedRecord(
        Position(**position),
        rows,
        state["rest"],
        own,
        pictures,
        None if nearest is None else tensor_to_png(nearest),
    )

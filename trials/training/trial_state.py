"""The state of a trial: tensors by name, and its position with the history as JSON.

Every tensor has the seeds on axis 0, or no axis where all seeds share the value (numbers of steps);
the only others are pictures, as their bytes. seed_shards.py splits and merges trials by this rule.
The names are on disk: changing one makes all older checkpoints unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.results.records import Counters, EvaluationRow
from ganstudy.trials.training.training_loop import TrainingLoop

START_PNG = "start_png"
"""Name of the picture before any training, which waits for the first evaluation."""


@dataclass(frozen=True)
class TrialPosition:
    """How far a trial has come: what a checkpoint holds beside its tensors."""

    config: str
    """Digest of the configuration."""
    counters: Counters
    evaluations_done: int
    history: list[EvaluationRow]
    """Rows of all evaluations so far."""
    loss_counts: Mapping[str, int]
    """Steps behind each sum of losses."""
    notes: list[str] = field(default_factory=list)
    """Of an evaluation that waits for the other shards of its trial."""

    def to_json(self) -> dict[str, Any]:
        """Return the position as checkpoints hold it."""
        return {
            "config": self.config,
            "counters": asdict(self.counters),
            "evaluations_done": self.evaluations_done,
            "history": [row.to_json() for row in self.history],
            "loss_counts": dict(self.loss_counts),
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrialPosition:
        """Return the position that `to_json` was called on."""
        return cls(
            config=values["config"],
            counters=Counters(**values["counters"]),
            evaluations_done=values["evaluations_done"],
            history=[EvaluationRow.from_json(row) for row in values["history"]],
            loss_counts=values["loss_counts"],
            notes=values.get("notes", []),
        )


def gather_tensors(loop: TrainingLoop, remedies: tuple[str, ...]) -> dict[str, Tensor]:
    """Return every tensor that the training depends on, by name.

    remedies: names of the trainer's remedies, in their order.
    """
    trainer = loop.trainer
    tensors: dict[str, Tensor] = {}
    for player, ensemble in trainer.players.items():
        tensors |= {f"{player}.{name}": value for name, value in ensemble.state().items()}
        moments = trainer.optimisers[player].state_dict()["state"]
        for index, of_parameter in moments.items():
            for name, value in of_parameter.items():
                tensors[f"{player}.optimiser.{index}.{name}"] = value
    for remedy_name, remedy in zip(remedies, trainer.remedies, strict=True):
        tensors |= {f"remedy.{remedy_name}.{key}": v for key, v in remedy.state().items()}
    tensors |= {f"sum.{name}": total for name, total in loop.loss_sums.items()}
    for player, norms in trainer.gradient_norms.items():
        if norms:
            tensors[f"norms.{player}"] = torch.stack(norms, dim=1)
    return tensors


def restore_tensors(
    loop: TrainingLoop, remedies: tuple[str, ...], tensors: dict[str, Tensor]
) -> None:
    """Restore what `gather_tensors` returned."""
    trainer = loop.trainer
    for player, ensemble in trainer.players.items():
        ensemble.load_state(tensors_below(tensors, f"{player}."))
        if f"norms.{player}" in tensors:
            norms = tensors[f"norms.{player}"].to(loop.device)
            trainer.gradient_norms[player] = list(norms.unbind(1))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors_below(tensors, f"{player}.optimiser.").items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = value
        optimiser = trainer.optimisers[player]
        if len(moments) > len(ensemble.parameters):
            # Of a version that trained parameters with requires_grad = False.
            raise ValueError(
                f"the checkpoint has moments of {len(moments)} parameters of the {player}, and "
                f"{len(ensemble.parameters)} are to be trained: the others are frozen, and were "
                "trained nevertheless when it was written; start the study anew"
            )
        optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    for remedy_name, remedy in zip(remedies, trainer.remedies, strict=True):
        remedy.load_state(tensors_below(tensors, f"remedy.{remedy_name}."))
    loop.loss_sums = tensors_below(tensors, "sum.")


def tensors_below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def png_to_tensor(picture: bytes) -> Tensor:
    """Return a picture's bytes as a tensor, which is what safetensors can hold."""
    # A copy: torch wants memory that may be written to.
    return torch.frombuffer(bytearray(picture), dtype=torch.uint8)


def tensor_to_png(tensor: Tensor) -> bytes:
    """Return the picture that `png_to_tensor` was given."""
    data: bytes = tensor.numpy().tobytes()
    return data

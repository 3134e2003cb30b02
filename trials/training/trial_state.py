"""The state of a trial as tensors by name: what a checkpoint holds beside its JSON text.

Every tensor has the seeds on axis 0, or no axis where all seeds share the value (numbers of steps);
the only others are pictures, as their bytes. seed_shards.py splits and merges trials by this rule.
The names are on disk: changing one makes all older checkpoints unreadable.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.training.training_loop import TrainingLoop

START_PNG = "start_png"
"""Name of the picture before any training, which waits for the first evaluation."""


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
            index, name = key.split(".")
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

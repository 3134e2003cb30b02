"""How many trials of one structure fit into the memory that is free, before they are trained together.

Where an estimate was too small, trials/training/fused_trial.py halves the pack; on the host, where the
system ends a process that asks for too much, this spares the study the detour.
"""

from __future__ import annotations

import math
import os
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganstudy.trials.config.global_streams import kept_streams
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.memory import release
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.training_loop import TrainingLoop

# Guesses: the rest is left to evaluations, to other processes and to what the estimate misses.
SHARE = 0.5
"""Of the free memory that a pack may take."""
COPIES_OF_SAMPLES = 3
"""Generated images, what is measured of them, and one on its way."""
COPIES_OF_PARAMETERS = 4
"""Themselves, two moments, and one for a checkpoint; gradients are part of a step."""


def trials_that_fit(config: TrialConfig, evaluator: Evaluator, device: torch.device) -> int:
    """Return how many trials of the structure of `config` may be trained together, at least 1."""
    fit = SHARE * free_bytes(device) / trial_bytes(config, evaluator, device)
    return max(1, math.floor(fit))


def free_bytes(device: torch.device) -> float:
    """Return the free memory: of the GPU, or this process's part of the host's by its threads."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    part = min(1.0, torch.get_num_threads() / (os.cpu_count() or 1))
    return float(psutil.virtual_memory().available * part)


def trial_bytes(config: TrialConfig, evaluator: Evaluator, device: torch.device) -> float:
    """Return the memory that a trial on all its seeds takes at most, by one step of one seed.

    All that a step makes counts, as if nothing were freed before its end.
    """
    alone = config.model_copy(update={"seeds": config.seeds[:1]})
    # Own networks may draw from torch's streams; what trains later must not meet the difference.
    with kept_streams():
        loop = TrainingLoop(alone, evaluator.dataset, device)
        trainer = loop.trainer
        with _Counted() as counted:
            if trainer.adversarial:
                trainer.discriminator_step(loop.next_batch("discriminator"))
            trainer.generator_step(loop.next_batch("generator"))
        # Buffers are small beside them.
        parameters = sum(
            value.numel() * value.element_size()
            for player in trainer.players.values()
            for value in player.parameters.values()
        )
    del loop, trainer
    if device.type == "cuda":
        release()
    samples = 4.0 * evaluator.provenance.num_generated * math.prod(evaluator.dataset.shape)
    of_seed = COPIES_OF_PARAMETERS * parameters + counted.bytes + COPIES_OF_SAMPLES * samples
    return float(len(config.seeds) * of_seed)


class _Counted(TorchDispatchMode):
    """Counts the memory of all tensors that are made inside."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {_place(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        for each in tree_leaves(made):
            # Views, and what is written in place, take no memory of their own.
            if isinstance(each, Tensor) and _place(each) not in given:
                self.bytes += each.numel() * each.element_size()
        return made


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()

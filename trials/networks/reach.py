"""Which values a network's outputs can take: asked by calling it far from where it was built."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ganstudy.trials.config.global_streams import kept_streams
from ganstudy.trials.ensemble.structure import copied

SCALES = (0.0, 1e-2, 1.0, 30.0, 1e3)
"""Factors on the inputs."""
WEIGHT_SCALES = (0.0, 1.0, 30.0)
"""Spread of what is added to the parameters, in units of their own spread or of 0.1."""
REPEATS = 2


def stays_in_unit_interval(network: nn.Module, inputs: Tensor) -> bool:
    """Return whether all outputs lie in [0, 1], under large and small inputs and other weights.

    So do those of a sigmoid, in whatever form it is written. Of several outputs, the first counts.
    """
    seen = 0
    for output in _outputs(network, inputs):
        finite = output[torch.isfinite(output)]
        seen += len(finite)
        if bool(((finite < 0) | (finite > 1)).any()):
            return False
    return seen > 0


def _outputs(network: nn.Module, inputs: Tensor) -> Iterator[Tensor]:
    """Yield the network's outputs far from and near to where it was built.

    There are few where the first answer the question.
    """
    stream = torch.Generator().manual_seed(0)
    for spread in WEIGHT_SCALES:
        for _ in range(REPEATS if spread else 1):
            moved = copied(network)
            _move(moved, spread, stream)
            for scale in SCALES:
                with torch.no_grad(), kept_streams(0):
                    output = tree_leaves(moved(scale * inputs))[0]
                yield output.float()


def _move(network: nn.Module, spread: float, stream: torch.Generator) -> None:
    """Add random numbers to all parameters that are trained."""
    if spread == 0:
        return
    for value in network.parameters():
        if value.requires_grad and value.is_floating_point():
            unit = float(value.detach().std()) if value.numel() > 1 else 0.0
            noise = torch.randn(value.shape, generator=stream).to(value.dtype)
            value.data += spread * (unit if unit > 0 else 0.1) * noise

"""Find what a call of a network reads that is no parameter or buffer and differs by seed.

It is found by comparing two networks of unlike seeds under one state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ganstudy.trials.config.global_streams import kept_streams
from ganstudy.trials.ensemble.plain_values import GENERATORS, plain_values
from ganstudy.trials.ensemble.structure import copied, registered


def take_values(network: nn.Module, other: nn.Module) -> None:
    """Give `network` the parameters and buffers of `other`, which is built alike."""
    with torch.no_grad():
        values = registered(other)
        for name, value in registered(network).items():
            value.copy_(values[name])


def read_of(first: nn.Module, other: nn.Module, paths: Sequence[str], example: Tensor) -> list[str]:
    """Return which of `paths`, where the two networks differ, a call reads.

    There is none where one state gives equal outputs, whatever the networks hold besides.

    first and other may be one network: with other values, it is compared with its own copy then.
    example: an input; its shape counts, not its values.
    """
    inputs = _inputs_like(example)
    changed = copied(first)
    if other is first:
        outputs = _disturbed_outputs(first, changed, inputs)
    else:
        outputs = outputs_of(copied(other), inputs)
        take_values(changed, other)
    if close(outputs_of(changed, inputs), outputs):
        return []
    return [path for path in paths if _is_read(other, path, inputs, outputs)] or list(paths)


def depends_on_calls(network: nn.Module, example: Tensor) -> bool:
    """Return whether calls on the same input give unequal outputs.

    The parameters, buffers and random numbers are the same in both.
    """
    inputs, called = _inputs_like(example), copied(network)
    outputs = []
    for _ in range(3):
        take_values(called, network)
        outputs.append(outputs_of(called, inputs))
    return not (close(outputs[0], outputs[1]) and close(outputs[0], outputs[2]))


def untrained(network: nn.Module, held: Mapping[str, Any], example: Tensor) -> list[str]:
    """Return the paths of tensors that ask for gradients and are read by a call, but not trained.

    They are looked for in `held`, a result of `plain_values`, and are no parameters of the network.
    """
    known = {id(value) for value in registered(network).values()}
    paths = [
        path
        for path, value in held.items()
        if isinstance(value, Tensor)
        and id(value) not in known
        # What was computed is seen by the seeds' values.
        and value.requires_grad
        and value.is_leaf
    ]
    if not paths:
        return []
    inputs = _inputs_like(example)
    outputs = outputs_of(copied(network), inputs)
    return [path for path in paths if _is_read(network, path, inputs, outputs)]


def is_of_users(network: nn.Module) -> bool:
    """Return whether a part of the network is neither torch's nor ganstudy's."""
    return any(
        type(module).__module__.split(".")[0] not in ("torch", "ganstudy")
        for module in network.modules()
    )


def generators(held: Mapping[str, Any]) -> list[str]:
    """Return the paths of random generators in a result of `plain_values`."""
    return [path for path, value in held.items() if isinstance(value, GENERATORS)]


def _inputs_like(example: Tensor) -> Tensor:
    drawn = torch.randn(example.shape, generator=torch.Generator().manual_seed(0))
    return drawn.to(example.dtype)


def _disturb(network: nn.Module) -> None:
    """Change all parameters and buffers of floating point."""
    stream = torch.Generator().manual_seed(0)
    for value in registered(network).values():
        if value.is_floating_point():
            value.data += 0.01 * torch.rand(value.shape, generator=stream).to(value.dtype)


def _disturbed_outputs(network: nn.Module, copy_: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Return the outputs of `network` under other values, which its copy has afterwards."""
    saved = {name: value.detach().clone() for name, value in registered(network).items()}
    _disturb(network)
    take_values(copy_, network)
    outputs = outputs_of(network, inputs)
    with torch.no_grad():
        for name, value in registered(network).items():
            value.copy_(saved[name])
    return outputs


def outputs_of(network: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Return the tensors of the network's output, under fixed random numbers."""
    with torch.no_grad(), kept_streams(0):
        return [v for v in tree_leaves(network(inputs)) if isinstance(v, Tensor)]


def close(outputs: Sequence[Tensor], others: Sequence[Tensor], tolerance: float = 1e-5) -> bool:
    """Return whether all outputs are equal, up to `tolerance` of the largest number."""
    return len(outputs) == len(others) and all(
        a.shape == b.shape and difference(a, b) <= tolerance
        for a, b in zip(outputs, others, strict=True)
    )


def difference(value: Tensor, other: Tensor) -> float:
    """Return the largest difference, relative to the largest number.

    It is infinite where only one of them is not finite.
    """
    value, other = value.detach().double(), other.detach().double()
    if value.numel() == 0:
        return 0.0
    if not torch.equal(torch.isfinite(value), torch.isfinite(other)):
        return math.inf
    value, other = value.nan_to_num(0, 0, 0), other.nan_to_num(0, 0, 0)
    scale = max(float(value.abs().max()), float(other.abs().max()))
    return float((value - other).abs().max()) / scale if scale else 0.0


def _is_read(network: nn.Module, path: str, inputs: Tensor, outputs: Sequence[Tensor]) -> bool:
    """Return whether the outputs change with the tensor or array at `path`."""
    changed = copied(network)
    value = plain_values(changed).get(path)
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value) if value.dtype.kind == "f" else None
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return not isinstance(value, Tensor | str | None)
    with torch.no_grad():
        value.add_(1.0)
    return not close(outputs_of(changed, inputs), outputs)


def refusal(player: str, paths: Sequence[str], held: Mapping[str, Any]) -> str:
    """Return the refusal of what a call reads at `paths`."""
    named = ", ".join(paths[:3])
    first = held[paths[0]]
    if first is None:
        return f"the {player} reads {named} of another network: {way_out(paths[0], None)}"
    one = len(paths) == 1
    if isinstance(first, Tensor) and first.requires_grad:
        return (
            f"the {player} reads {named}, which {'is no parameter' if one else 'are no parameters'} "
            f"of it, so that nothing would train {'it' if one else 'them'}: "
            f"{way_out(paths[0], first)}"
        )
    return (
        f"the {player} reads {named}, which {'is' if one else 'are'} neither a parameter nor a "
        f"buffer and {'differs' if one else 'differ'} from seed to seed, so that all seeds would "
        f"share the first one's: {way_out(paths[0], first)}"
    )


def way_out(path: str, value: Any) -> str:
    """Return what to write so that the value at `path` is the seed's own.

    None stands for a tensor of another network.
    """
    if value is None:
        return "a function written inside keeps the network that it was written for: use a method"
    if isinstance(value, Tensor) and value.requires_grad:
        return (
            "keep layers in nn.ModuleList or nn.ModuleDict, and parameters in nn.ParameterList or "
            "as nn.Parameter"
        )
    name = path.rpartition(".")[2].rpartition(":")[2].split("[")[0]
    made = "..." if isinstance(value, Tensor) else "torch.as_tensor(...)"
    return f'self.register_buffer("{name}", {made}) makes it part of the network'

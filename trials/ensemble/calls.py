"""Calls of a network with other parameters and buffers than it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganstudy.trials.ensemble.structure import first_names

Places = list[tuple[dict[str, Any], str, str]]
"""(parameters or buffers of a layer, the name there, the first name of the tensor in the network)"""


def places(network: nn.Module) -> Places:
    """Return every place of a parameter or buffer, each once.

    A layer that is registered twice is one place; a tensor in two layers is in two.
    """
    first = first_names(network)
    return [
        (registry, last, first[f"{prefix}.{last}" if prefix else last])
        for prefix, module in network.named_modules()
        for registry in (module._parameters, module._buffers)
        for last, value in registry.items()
        if value is not None
    ]


def called(
    network: nn.Module, at: Places, values: Mapping[str, Tensor], inputs: Tensor
) -> tuple[Any, dict[str, Tensor]]:
    """Return the output of `network` with `values` in their places.

    What the call has put there instead is returned as well, by first name.

    Unlike torch.func.functional_call, which drops what a call assigns (self.mean = ...), and leaves
    the values of the call in a layer that is registered twice.
    """
    held = [registry[last] for registry, last, _ in at]
    for registry, last, first in at:
        registry[last] = values[first]
    try:
        output = network(inputs)
        assigned = {
            first: registry[last]
            for registry, last, first in at
            if registry.get(last) is not values[first]
        }
    finally:
        for (registry, last, _), value in zip(at, held, strict=True):
            registry[last] = value
    return output, assigned

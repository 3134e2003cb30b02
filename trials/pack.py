"""S copies of one network, one per seed, trained together.

Parameters and buffers are stacked along a leading axis S, and every call runs all seeds at once
through torch.func.vmap. A network that vmap cannot take is run in a loop over seeds; the numbers
are the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._pytree import tree_map

from trials.streams import derive


class Pack:
    """The copies of one player.

    `parameters` and `buffers` map names to tensors of shape [S, ...]; parameters are leaves that
    require gradients. `fallback` says why the pack runs as a loop, or is None.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        seeds: Sequence[int],
        stream: str,
        device: torch.device,
        example: Tensor,
        extend: Sequence[tuple[str, Callable[[Any], nn.Module]]] = (),
    ) -> None:
        """Builds one network per seed, under random streams that depend on that seed alone.

        example: an input of one seed, on which vmap is tried. extend: (stream, wrapper) pairs applied in
        order; each wrapper draws from its own stream, so the network below starts from the same values
        with and without it.
        """
        self.seeds = tuple(seeds)
        networks = [_build(build, seed, stream, extend) for seed in seeds]
        parameters, buffers = stack_module_state(networks)
        self.parameters = {
            name: value.detach().to(device).clone().requires_grad_() for name, value in parameters.items()
        }
        self.buffers = {name: value.to(device) for name, value in buffers.items()}
        self._template = copy.deepcopy(networks[0]).to("meta")
        self._mapped = vmap(self._one, in_dims=(0, 0, 0))
        self.fallback: str | None = None
        try:
            with torch.no_grad():
                held = {name: value.clone() for name, value in self.buffers.items()}
                self._mapped(self.parameters, held, torch.stack([example.to(device)] * len(networks)))
        except RuntimeError as error:
            self.fallback = str(error).splitlines()[0]

    def _one(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Any:
        return functional_call(self._template, (parameters, buffers), (inputs,))

    def __call__(self, inputs: Tensor, frozen: bool = False) -> Any:
        """The network's output for inputs [S, B, ...]; each tensor of it gains the leading axis S.

        frozen: gradients reach the inputs but not this player's parameters.
        """
        parameters = self.parameters
        if frozen:
            parameters = {name: value.detach() for name, value in parameters.items()}
        if self.fallback is None:
            return self._mapped(parameters, self.buffers, inputs)
        outputs = [
            self._one(
                {name: value[s] for name, value in parameters.items()},
                {name: value[s] for name, value in self.buffers.items()},
                inputs[s],
            )
            for s in range(len(self.seeds))
        ]
        return tree_map(lambda *per_seed: torch.stack(per_seed), *outputs)

    def finite(self) -> Tensor:
        """[S] bool: whether all parameters of a seed are finite."""
        per_tensor = [torch.isfinite(value).flatten(1).all(1) for value in self.parameters.values()]
        return torch.stack(per_tensor).all(0)

    def state(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, for a checkpoint."""
        return {**self.parameters, **self.buffers}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Copies `state` into the present tensors, so that optimisers keep pointing at them."""
        for name, value in {**self.parameters, **self.buffers}.items():
            value.copy_(state[name])


def _build(
    build: Callable[[], nn.Module], seed: int, stream: str, extend: Sequence[tuple[str, Callable[[Any], nn.Module]]]
) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initialisation", stream))
        network = build()
        for name, wrapper in extend:
            torch.manual_seed(derive(seed, "initialisation", stream, name))
            network = wrapper(network)
    return network

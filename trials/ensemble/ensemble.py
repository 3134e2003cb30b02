"""S copies of one network, one per seed, trained together.

Parameters and buffers are stacked along a leading axis S, and every call runs all seeds at once
through torch.func.vmap. A network that vmap cannot take (or that draws random numbers in its
forward pass, such as dropout) is run in a loop over seeds, and so are convolutions where a loop is
faster; the numbers are those of each seed alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._pytree import tree_leaves, tree_map

from ganstudy.trials.ensemble.memory import is_out_of_memory
from ganstudy.trials.ensemble.streams import derive

State = tuple[dict[str, Tensor], dict[str, Tensor]]
"""(parameters, buffers) by name, each [S, ...]"""


LARGE = 28
"""Pixels per side from which stacked convolutions, being grouped ones, are slower on the CPU than
one seed after another (1.1 to 1.6 times; below, and on fully connected networks, the pack is up to
1.7 times faster)."""


class SeedEnsemble:
    """The copies of one player.

    `parameters` and `buffers` map names to tensors of shape [S, ...]; parameters are leaves that
    require gradients. `fallback` says why the pack runs as a loop, or is None. `network` is one
    copy without values, for questions about the structure.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        seeds: Sequence[int],
        stream: str,
        device: torch.device,
        example: Tensor,
        extend: Sequence[tuple[str, Callable[[Any], nn.Module]]] = (),
        apart: bool = False,
    ) -> None:
        """Builds one network per seed, under random streams that depend on that seed alone.

        example: an input of one seed, on which vmap is tried, forwards and backwards. extend:
        (stream, wrapper) pairs applied in order; each wrapper draws from its own stream, so the
        network below starts from the same values with and without it. apart: whether convolutions
        run in a loop over seeds.

        Raises ValueError where a network that draws its weights draws the same ones for every seed.
        """
        self.seeds, self._stream = tuple(seeds), stream
        networks = [_build(build, seed, stream, extend) for seed in seeds]
        parameters, buffers = stack_module_state(networks)
        self.parameters = {
            name: value.detach().to(device).clone().requires_grad_()
            for name, value in parameters.items()
        }
        self.buffers = {name: value.to(device) for name, value in buffers.items()}
        self.network = copy.deepcopy(networks[0]).to("meta")
        self._evaluating = copy.deepcopy(self.network).eval()
        self._check_seeds_differ()
        self._position = (0, 0)
        self.fallback: str | None = None
        self._mapped = True
        try:
            self._try(example.to(device))
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self.fallback = str(error).splitlines()[0]
        self._mapped = self.fallback is None and not (apart and _convolves(self.network))

    def _check_seeds_differ(self) -> None:
        drawn = [
            value
            for value in self.parameters.values()
            if not bool((value == value.flatten()[0]).all())
        ]
        if (
            len(self.seeds) > 1
            and drawn
            and all(bool((value == value[:1]).all()) for value in drawn)
        ):
            raise ValueError(
                f"every seed's {self._stream} starts from the same numbers: the function that builds it must not set "
                "torch's random seed, which is the trial's to set"
            )

    def _try(self, example: Tensor) -> None:
        outputs = self(torch.stack([example] * len(self.seeds)), keep_buffers=True)
        total = torch.stack([value.sum() for value in tree_leaves(outputs)]).sum()
        torch.autograd.grad(total, list(self.parameters.values()), allow_unused=True)

    def begin(self, step: int) -> None:
        """Says which step of the game follows: networks that draw random numbers draw those of that
        step.
        """
        self._position = (step, 0)

    def __call__(
        self,
        inputs: Tensor,
        parameters: dict[str, Tensor] | None = None,
        buffers: dict[str, Tensor] | None = None,
        evaluate: bool = False,
        keep_buffers: bool = False,
    ) -> Any:
        """The network's output for inputs [S, B, ...]; each tensor of it gains the leading axis S.

        parameters, buffers: in place of the pack's own. evaluate: in evaluation mode. keep_buffers:
        running statistics stay as they are.
        """
        parameters = self.parameters if parameters is None else parameters
        buffers = self.buffers if buffers is None else buffers
        if keep_buffers:
            buffers = {name: value.clone() for name, value in buffers.items()}
        network = self._evaluating if evaluate else self.network

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Any:
            return functional_call(network, (parameters, buffers), (inputs,))

        if self._mapped:
            return vmap(one)(parameters, buffers, inputs)
        # unbind: one backward step for the whole stack, and views, so that running statistics are
        # written through.
        split = [
            {name: value.unbind() for name, value in held.items()} for held in (parameters, buffers)
        ]
        outputs = []
        with self._own_numbers(inputs.device):
            for s, seed in enumerate(self.seeds):
                if self.fallback is not None:
                    torch.manual_seed(derive(seed, "forward", self._stream, *self._position))
                own, kept = ({name: values[s] for name, values in part.items()} for part in split)
                outputs.append(one(own, kept, inputs[s]))
        self._position = (self._position[0], self._position[1] + 1)
        return tree_map(lambda *per_seed: torch.stack(per_seed), *outputs)

    def _own_numbers(self, device: torch.device) -> AbstractContextManager[None]:
        """While it lasts, torch's global streams may be set. A network that vmap could take draws
        nothing.
        """
        if self.fallback is None:
            return nullcontext()
        return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])

    def frozen(self) -> dict[str, Tensor]:
        """The parameters as constants: gradients reach a call's inputs, but not this player."""
        return {name: value.detach() for name, value in self.parameters.items()}

    def alone(self, state: dict[str, Tensor]) -> nn.Module:
        """One copy as an ordinary module in evaluation mode, holding `state`: parameters and
        buffers of one seed.
        """
        network = copy.deepcopy(self._evaluating)
        for name, value in state.items():
            owner, _, last = name.rpartition(".")
            module = network.get_submodule(owner)
            if last in module._parameters:
                module._parameters[last] = nn.Parameter(value.clone())
            else:
                module._buffers[last] = value.clone()
        return network

    def finite(self) -> Tensor:
        """[S] bool: whether all parameters of a seed are finite."""
        per_tensor = [torch.isfinite(value).flatten(1).all(1) for value in self.parameters.values()]
        return torch.stack(per_tensor).all(0)

    def state(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, for a checkpoint."""
        return {**self.parameters, **self.buffers}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Copy `state` into the present tensors, so that optimisers keep pointing at them."""
        for name, value in {**self.parameters, **self.buffers}.items():
            value.copy_(state[name])


def faster_apart(shape: tuple[int, ...], device: torch.device, recorded: bool = False) -> bool:
    """Whether convolutions over images of `shape` [C, H, W] are faster in a loop over seeds; points
    have none.

    recorded: steps are recorded, see trials/gan/cuda_graphs.py, so that a loop costs a GPU no time
    of Python's. The grouped convolutions of a pack run backwards on slower kernels there.
    """
    if device.type == "cuda":
        return recorded
    return len(shape) == 3 and max(shape[1:]) >= LARGE


def _convolves(network: nn.Module) -> bool:
    return any(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())


def _build(
    build: Callable[[], nn.Module],
    seed: int,
    stream: str,
    extend: Sequence[tuple[str, Callable[[Any], nn.Module]]],
) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initialisation", stream))
        network = build()
        for name, wrapper in extend:
            torch.manual_seed(derive(seed, "initialisation", stream, name))
            network = wrapper(network)
    return network

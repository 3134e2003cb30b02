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
"""Pixels per side from which the grouped convolutions that vmap makes of the seeds are slower on
the CPU than one seed after another (measured: 1.1 to 1.6 times slower; below, and on fully
connected networks, up to 1.7 times faster)."""


class SeedEnsemble:
    """The networks of one player, one per seed, as one stack (model ensembling of torch.func).

    `parameters` and `buffers` map names to tensors [S, ...]; parameters are leaves that require
    gradients. `fallback` is why the ensemble runs as a loop over seeds, or None. `network` is one
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
        loop_convolutions: bool = False,
    ) -> None:
        """Build one network per seed, under random streams that depend on that seed alone.

        example: an input of one seed, on which vmap is tried, forwards and backwards. extend:
        (stream, wrapper) pairs applied in order; each wrapper draws from its own stream, so the
        network below starts from the same values with and without it. loop_convolutions: whether
        convolutions run in a loop over seeds.

        Raises ValueError where a network that draws its weights draws the same ones for every seed.
        """
        self.seeds = tuple(seeds)
        self._stream = stream
        networks = [_build(build, seed, stream, extend) for seed in seeds]
        parameters, buffers = stack_module_state(networks)
        self.parameters = {
            name: value.detach().to(device).clone().requires_grad_()
            for name, value in parameters.items()
        }
        self.buffers = {name: value.to(device) for name, value in buffers.items()}
        # Structure without memory: functional_call puts the stack's values in its place.
        self.network = copy.deepcopy(networks[0]).to("meta")
        self._evaluating = copy.deepcopy(self.network).eval()
        self._check_seeds_differ()
        # Of the random numbers of a forward pass: the step, and the calls within it so far.
        self._position = (0, 0)
        self.fallback: str | None = None
        self._mapped = True
        try:
            self._try_vmap(example.to(device))
        except RuntimeError as error:
            # vmap raises RuntimeError for what it cannot batch, and so do allocators; a pass of a
            # loop would only run out of memory later.
            if is_out_of_memory(error):
                raise
            self.fallback = str(error).splitlines()[0]
        convolves = any(
            isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in self.network.modules()
        )
        self._mapped = self.fallback is None and not (loop_convolutions and convolves)

    def _check_seeds_differ(self) -> None:
        # Constant tensors (biases at 0, normalisation at 1) are the same for every seed by right.
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
                f"every seed's {self._stream} starts from the same numbers: the function that "
                "builds it must not set torch's random seed, which is the trial's to set"
            )

    def _try_vmap(self, example: Tensor) -> None:
        # Backwards too: some operations batch in the forward pass alone.
        outputs = self(torch.stack([example] * len(self.seeds)), keep_buffers=True)
        total = torch.stack([value.sum() for value in tree_leaves(outputs)]).sum()
        torch.autograd.grad(total, list(self.parameters.values()), allow_unused=True)

    def begin_step(self, step: int) -> None:
        """Set the step whose random numbers the next calls draw, in networks that draw any."""
        self._position = (step, 0)

    def __call__(
        self,
        inputs: Tensor,
        parameters: dict[str, Tensor] | None = None,
        buffers: dict[str, Tensor] | None = None,
        evaluate: bool = False,
        keep_buffers: bool = False,
    ) -> Any:
        """Return the networks' outputs for inputs [S, B, ...]; each of their tensors is [S, ...].

        parameters, buffers: in place of the ensemble's own. evaluate: in evaluation mode.
        keep_buffers: running statistics stay as they are.
        """
        parameters = self.parameters if parameters is None else parameters
        buffers = self.buffers if buffers is None else buffers
        if keep_buffers:
            # Normalisation writes its running statistics into the buffers it is given: a copy.
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
        with self._keep_global_streams(inputs.device):
            for s, seed in enumerate(self.seeds):
                if self.fallback is not None:
                    # So that a seed draws the same whichever seeds are trained beside it.
                    torch.manual_seed(derive(seed, "forward", self._stream, *self._position))
                own, kept = ({name: values[s] for name, values in part.items()} for part in split)
                outputs.append(one(own, kept, inputs[s]))
        self._position = (self._position[0], self._position[1] + 1)
        return tree_map(lambda *per_seed: torch.stack(per_seed), *outputs)

    def _keep_global_streams(self, device: torch.device) -> AbstractContextManager[None]:
        """Context manager that restores torch's global random streams at its end."""
        # A network that vmap can take draws nothing, and forking the streams takes time.
        if self.fallback is None:
            return nullcontext()
        return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])

    def frozen(self) -> dict[str, Tensor]:
        """Return the parameters as constants: gradients reach a call's inputs, not this player."""
        return {name: value.detach() for name, value in self.parameters.items()}

    def alone(self, state: dict[str, Tensor]) -> nn.Module:
        """Return one seed's network as an ordinary module in evaluation mode.

        state: its parameters and buffers by name.
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
        """Return whether all parameters of a seed are finite, bool [S]."""
        per_tensor = [
            # unsqueeze: a parameter without axes is [S] in the stack, which flatten(1) refuses.
            torch.isfinite(value).unsqueeze(-1).flatten(1).all(1)
            for value in self.parameters.values()
        ]
        return torch.stack(per_tensor).all(0)

    def state(self) -> dict[str, Tensor]:
        """Return parameters and buffers by name, for a checkpoint."""
        return {**self.parameters, **self.buffers}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        # In place: optimisers and CUDA graphs keep pointing at these tensors.
        for name, value in {**self.parameters, **self.buffers}.items():
            value.copy_(state[name])


def convolutions_prefer_a_loop(
    shape: tuple[int, ...], device: torch.device, recorded: bool = False
) -> bool:
    """Return whether convolutions over images of `shape` [C, H, W] are faster in a loop over seeds.

    recorded: steps are captured in a CUDA graph, so that a loop costs no launches. The grouped
    convolutions that vmap makes of the seeds run backwards on slower kernels of a GPU.
    """
    if device.type == "cuda":
        return recorded
    return len(shape) == 3 and max(shape[1:]) >= LARGE


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

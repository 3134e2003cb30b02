"""S copies of one network, one per seed, trained together.

Parameters and buffers are stacked along a leading axis S, and every call runs all seeds at once
through torch.func.vmap. A network that vmap cannot take (or that draws random numbers in its
forward pass, such as dropout) is run in a loop over seeds, and so are convolutions where a loop is
faster; the numbers are those of each seed alone. What a network shares stays shared, and what it
freezes (requires_grad = False) stays as it is.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_leaves, tree_map

from ganstudy.trials.config.global_streams import kept_streams, seed_all
from ganstudy.trials.ensemble import structure, unregistered
from ganstudy.trials.ensemble.calls import called, places
from ganstudy.trials.ensemble.memory import is_out_of_memory
from ganstudy.trials.ensemble.placeholders import refused_placeholders
from ganstudy.trials.ensemble.plain_values import plain_values, unlike
from ganstudy.trials.ensemble.streams import derive
from ganstudy.trials.ensemble.structure import StructureError

State = tuple[dict[str, Tensor], dict[str, Tensor]]
"""(parameters, buffers) by name, each [S, ...]"""


LARGE = 28
"""Pixels per side from which the grouped convolutions that vmap makes of the seeds are slower on
the CPU than one seed after another (measured: 1.1 to 1.6 times slower; below, and on fully
connected networks, up to 1.7 times faster)."""


UNTRAINED_SEED = -1
"""Of a network that is only compared with those to be trained."""


class SeedEnsemble:
    """The networks of one player, one per seed, as one stack (model ensembling of torch.func).

    `parameters` and `buffers` map names to tensors [S, ...]; parameters are leaves that require
    gradients, and frozen parameters are among the buffers, so that nothing that changes parameters
    (optimisers, averages, clipping) ever meets them; `frozen_names` says which. `fallback` is why
    the ensemble runs as a loop over seeds, or None. `network` is one copy without values, for
    questions about the structure.
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

        Raises ValueError where a network that draws its weights draws the same ones for every seed,
        has no parameter to train, or reads what is neither its parameter nor its buffer and differs
        from seed to seed.
        """
        self.seeds = tuple(seeds)
        self._stream = stream
        # Lanes of unlike configurations and one seed start from the same network.
        built = {seed: _build(build, seed, stream, extend) for seed in dict.fromkeys(seeds)}
        networks = list(built.values())
        lanes = None if len(networks) == len(self.seeds) else [built[seed] for seed in seeds]
        self.parameters, self.buffers = structure.stacked(networks, device, lanes)
        if not self.parameters:
            raise StructureError(f"the {stream} has no parameter to train")
        self._keep_structure(networks[0], device)
        self._check_seeds_differ()
        if len(networks) == 1 and unregistered.is_of_users(networks[0]):
            # One seed trains rightly whatever it holds; a new network in its place would not.
            networks.append(_build(build, UNTRAINED_SEED, stream, extend))
        self._check_plain_values(networks, example)
        # Of the random numbers of a forward pass: the step, and the calls within it so far.
        self._position = (0, 0)
        self.fallback: str | None = None
        self._mapped = True
        held = plain_values(self.network)
        self._choose_how_to_run(example.to(device))
        self._check_nothing_is_kept(networks[0], held, example)
        convolves = any(
            isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in self.network.modules()
        )
        self._mapped = self.fallback is None and not (loop_convolutions and convolves)

    def _keep_structure(self, network: nn.Module, device: torch.device) -> None:
        # Without memory: calls put the stack's values in its place.
        self.network = structure.without_values(network, device)
        self._evaluating = copy.deepcopy(self.network).eval()
        self._first_names = structure.first_names(self.network)
        self._places = [places(each) for each in (self.network, self._evaluating)]
        self._assigned: frozenset[str] = frozenset()
        self.frozen_names = frozenset(
            name for name, value in self.network.named_parameters() if not value.requires_grad
        )

    def _choose_how_to_run(self, example: Tensor) -> None:
        """Set `fallback`, by trying vmap; raise ValueError where a call reads what has no value."""
        before = _other_streams()
        with kept_streams(), refused_placeholders(self.network, self._stream):
            try:
                self._try_vmap(example)
                if self._assigned:
                    self._try_vmap(example)
            except RuntimeError as error:
                # vmap raises RuntimeError for what it cannot batch, and so do allocators; a pass of
                # a loop would only run out of memory later.
                if is_out_of_memory(error):
                    raise
                self.fallback = str(error).splitlines()[0]
            if any(m._backward_hooks or m._backward_pre_hooks for m in self.network.modules()):
                self.fallback = "it has hooks on the backward pass"
            if self.fallback is None and _other_streams() != before:
                self.fallback = "it draws random numbers of Python or NumPy"
            if self.fallback is not None:
                self._mapped = False
                with torch.no_grad():
                    copies = {name: value.clone() for name, value in self.parameters.items()}
                    inputs = torch.stack([example] * len(self.seeds))
                    self(inputs, copies, keep_buffers=True)
        self._position = (0, 0)

    def _check_plain_values(self, networks: Sequence[nn.Module], example: Tensor) -> None:
        # A call runs on a copy of the first seed's network with the values of each seed in place of
        # its own: what torch does not know as a parameter or buffer is the first seed's for all.
        found = plain_values(networks[0])
        read = unregistered.untrained(networks[0], found, example)
        captured = structure.captured(self.network, networks[0])
        if captured and not read:
            read = unregistered.read_of(networks[0], networks[0], captured, example)
            found |= dict.fromkeys(captured)
        for other in networks[1:]:
            if read:
                break
            held = plain_values(other)
            paths = unlike(found, held)
            read = unregistered.read_of(networks[0], other, paths, example) if paths else []
            found |= held
        if read:
            raise StructureError(unregistered.refusal(self._stream, read, found), read)

    def _check_nothing_is_kept(
        self, network: nn.Module, before: dict[str, Any], example: Tensor
    ) -> None:
        suspects = unlike(before, plain_values(self.network)) + list(
            unregistered.generators(before)
        )
        if suspects and unregistered.depends_on_calls(network, example):
            raise StructureError(
                f"the {self._stream} gives other outputs at every call, by what it keeps outside of "
                f"its parameters and buffers ({', '.join(suspects[:3])}): keep it in a buffer "
                "(self.register_buffer) that forward changes, and draw from torch's, NumPy's or "
                "Python's global stream",
                suspects,
            )

    def _check_seeds_differ(self) -> None:
        # Constant tensors (biases at 0, normalisation at 1) are the same for every seed by right.
        drawn = [
            value
            for value in self.parameters.values()
            if value.numel() and not bool((value == value.flatten()[0]).all())
        ]
        if (
            len(set(self.seeds)) > 1
            and drawn
            and all(bool((value == value[:1]).all()) for value in drawn)
        ):
            raise StructureError(
                f"every seed's {self._stream} starts from the same numbers: the function that "
                "builds it must not set torch's random seed, which is the trial's to set"
            )

    def _try_vmap(self, example: Tensor) -> None:
        # Backwards too: some operations batch in the forward pass alone. With copies: a call may
        # change parameters (clip them), and the training has not begun.
        copies = {n: v.detach().clone().requires_grad_() for n, v in self.parameters.items()}
        outputs = self(torch.stack([example] * len(self.seeds)), copies, keep_buffers=True)
        total = torch.stack([value.sum() for value in tree_leaves(outputs)]).sum()
        torch.autograd.grad(total, list(copies.values()), allow_unused=True)

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
        at = self._places[evaluate]
        # Where a call assigns a buffer, the one before it may be part of the call's graph.
        given = {n: v.clone() if n in self._assigned else v for n, v in buffers.items()}

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor) -> Any:
            return called(network, at, {**parameters, **buffers}, inputs)

        if self._mapped:
            outputs, assigned = vmap(one)(parameters, given, inputs)
        else:
            outputs, assigned = self._one_by_one(one, parameters, given, inputs)
        for name, value in assigned.items():
            self._assign(name, value, buffers)
        return outputs

    def _one_by_one(
        self,
        one: Callable[..., Any],
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: Tensor,
    ) -> Any:
        """Return what vmap would, by a call for each seed."""
        # unbind: one backward step for the whole stack, and views, so that running statistics are
        # written through.
        split = [
            {name: value.unbind() for name, value in held.items()} for held in (parameters, buffers)
        ]
        outputs = []
        with self._keep_global_streams(inputs.device):
            for s, seed in enumerate(self.seeds):
                if self.fallback is not None:
                    self.begin_call(seed)
                own, kept = ({name: values[s] for name, values in part.items()} for part in split)
                outputs.append(one(own, kept, inputs[s]))
        self._position = (self._position[0], self._position[1] + 1)
        return tree_map(lambda *per_seed: torch.stack(per_seed), *outputs)

    @torch.no_grad()
    def _assign(self, name: str, value: Tensor, buffers: dict[str, Tensor]) -> None:
        """Take the value [S, ...] that a call has assigned to a buffer."""
        if name not in buffers or name in self.frozen_names or buffers[name].shape != value.shape:
            raise StructureError(
                f"the {self._stream} assigns {name} in forward, which may assign buffers of one "
                "shape alone: change it in place, under torch.no_grad()",
                [name],
            )
        self._assigned |= {name}
        buffers[name].copy_(value)

    def _keep_global_streams(self, device: torch.device) -> AbstractContextManager[None]:
        """Context manager that restores the global random streams at its end."""
        # A network that vmap can take draws nothing, and forking the streams takes time.
        if self.fallback is None:
            return nullcontext()
        return _kept_streams_of(device)

    def begin_call(self, seed: int) -> None:
        """Seed the global streams as for the present call of the network of `seed`."""
        # So that a seed draws the same whichever seeds are trained beside it.
        seed_all(derive(seed, "forward", self._stream, *self._position))

    def frozen(self) -> dict[str, Tensor]:
        """Return the parameters as constants: gradients reach a call's inputs, not this player."""
        return {name: value.detach() for name, value in self.parameters.items()}

    def alone(self, state: dict[str, Tensor]) -> nn.Module:
        """Return one seed's network as an ordinary module in evaluation mode.

        state: its parameters and buffers by name.
        """

        def own(name: str, placeholder: Tensor) -> Tensor:
            value = state[name].clone()
            if isinstance(placeholder, nn.Parameter):
                return nn.Parameter(value, requires_grad=placeholder.requires_grad)
            return value

        return structure.copied(self._evaluating, own)

    def tensor(self, name: str) -> Tensor:
        """Return the parameter or buffer [S, ...] of that name, or that shares its value."""
        first = self._first_names[name]
        return self.parameters[first] if first in self.parameters else self.buffers[first]

    def __deepcopy__(self, memo: dict[int, Any]) -> SeedEnsemble:
        """Return a copy; of what calls left in the network, the values without their graph."""
        replica = type(self).__new__(type(self))
        memo[id(self)] = replica
        memo |= structure.detached(self.network) | structure.detached(self._evaluating)
        vars(replica).update(copy.deepcopy(vars(self), memo))
        return replica

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
    # Python's and NumPy's streams too, which a user's network may draw from.
    with kept_streams():
        seed_all(derive(seed, "initialisation", stream))
        network = build()
        for name, wrapper in extend:
            seed_all(derive(seed, "initialisation", stream, name))
            network = wrapper(network)
    return network


def _other_streams() -> tuple[Any, ...]:
    """Return the state of Python's and NumPy's global streams."""
    state: Any = np.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"]


@contextmanager
def _kept_streams_of(device: torch.device) -> Iterator[None]:
    """Context manager that restores the global streams at its end, the GPU's included."""
    devices = [device] if device.type == "cuda" else []
    with kept_streams(), torch.random.fork_rng(devices=devices):
        yield

"""Check a user's own networks without knowing what may be wrong with them.

The check asks whether what trains equals the modules as torch runs them.

For either player, on a few inputs, in double precision where the network takes it:

    two builds under one seed                     equal states
    two builds of unlike seeds under one state    equal outputs, in training and evaluation mode
    a seed alone and its lane in an ensemble      equal outputs, gradients and buffers, at the start
                                                  and after each of five optimiser steps
    the trained network and a new one, one state  equal outputs: nothing else has been learned
    frozen parameters                             unmoved, to the bit

Before each comparison the network alone takes the lane's values, so that rounding does not add up;
what it keeps otherwise is its own. Random numbers of a call are those of its seed on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ganstudy.trials import networks
from ganstudy.trials.config.global_streams import kept_streams
from ganstudy.trials.config.plugins import described
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble import optimisers
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.memory import is_out_of_memory
from ganstudy.trials.ensemble.plain_values import plain_values, unlike
from ganstudy.trials.ensemble.step_context import Player
from ganstudy.trials.ensemble.streams import generator as stream
from ganstudy.trials.ensemble.structure import (
    StructureError,
    check_layers_alike,
    copied,
    first_names,
    registered,
)
from ganstudy.trials.ensemble.unregistered import close, difference, outputs_of, take_values
from ganstudy.trials.networks.reach import stays_in_unit_interval

SEEDS = (0, 1)
MORE_SEEDS = range(2, 8)
"""Of networks that are only built: what is drawn from few choices may be the same for some."""
BATCH = 4
STEPS = 5
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-2}
"""Largest difference, relative to the largest number compared: rounding, enlarged by a network."""
Build = Callable[[], nn.Module]


@dataclass(frozen=True)
class Seen:
    """What the check saw of one player."""

    difference: float
    """Largest difference between a seed alone and in the ensemble, relative to the largest number."""
    frozen: int
    """Frozen parameters."""
    shared: int
    """Names of parameters and buffers beyond the first."""


def check_own_networks(config: TrialConfig, shape: tuple[int, ...], below_zero: bool) -> str:
    """Return in one line what was seen of the networks of `config`.

    shape: of one image or point. below_zero: whether the data have values below 0. Raises
    ValueError, with the user's file and line, where what trains would not be what was given.
    """
    built = networks.build(config.model, shape, True)
    inputs = {
        "generator": torch.randn(BATCH, config.model.latent_dim, generator=stream(0, "own")),
        "discriminator": 2 * torch.rand(BATCH, *shape, generator=stream(1, "own")) - 1,
    }
    builders: dict[Player, Build] = {
        "generator": built.generator,
        "discriminator": lambda: built.discriminator(shape),
    }
    with built.located():
        seen = [_seen(config, player, build, inputs[player]) for player, build in builders.items()]
        if below_zero and len(shape) == 3:
            _check_reach(built.generator, inputs["generator"])
    largest = max(each.difference for each in seen)
    frozen, shared = sum(each.frozen for each in seen), sum(each.shared for each in seen)
    return (
        f"own networks: alone as in an ensemble to {largest:.0e}, in output and gradient, at the "
        f"start and after {STEPS} steps; one state gives one output; {frozen} frozen unmoved, "
        f"{shared} shared kept"
    )


def _check_reach(build: Build, latents: Tensor) -> None:
    with kept_streams(0):
        network = build()
    if stays_in_unit_interval(network, latents):
        raise StructureError(
            "the generator's images stay in [0, 1] whatever the latents and the weights, as those "
            "of a sigmoid do, and the data lie in [-1, 1]: let it end in tanh, or in 2 * x - 1"
        )


def _seen(config: TrialConfig, player: Player, build: Build, inputs: Tensor) -> Seen:
    """Check one player; raise StructureError."""
    try:
        with double_precision():
            return _Comparison(config, player, lambda: build().double(), inputs.double()).run()
    except Exception as error:
        if is_out_of_memory(error):
            raise
    # In double precision a network may fail, or enlarge what it computes in single precision.
    try:
        return _Comparison(config, player, build, inputs).run()
    except ValueError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise StructureError(f"the {player} fails in training: {described(error)}") from error


@contextmanager
def double_precision() -> Iterator[None]:
    """Context manager in which new tensors are of double precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class _Comparison:
    """Networks of one player: an ensemble, and the second seed's network alone."""

    def __init__(self, config: TrialConfig, player: Player, build: Build, inputs: Tensor) -> None:
        self._config, self._player = config, player
        self._build, self._inputs = build, inputs
        self._tolerance = TOLERANCE[inputs.dtype]
        self._largest = 0.0

    def run(self) -> Seen:
        """Compare all that the module says; raise StructureError at the first difference."""
        first = self._built(SEEDS[0])
        before = outputs_of(copied(first), self._inputs)
        again, other = self._built(SEEDS[0]), self._built(SEEDS[1])
        if not close(before, outputs_of(copied(first), self._inputs)):
            of_classes = [
                name
                for module in first.modules()
                for name, value in vars(type(module)).items()
                if isinstance(value, Tensor)
            ]
            named = f" ({', '.join(of_classes[:3])})" if of_classes else ""
            raise StructureError(
                f"the {self._player} gives other outputs once another one is built: keep in the "
                f"network, not in its class or its file, what it reads{named}",
                of_classes,
            )
        self._compare_builds(first, again)
        for network in (other, *map(self._built, MORE_SEEDS)):
            # A copy: a call may move what the network keeps.
            self._compare_under_one_state(network, copied(first), "differs from seed to seed")
        ensemble = SeedEnsemble(self._build, SEEDS, self._player, torch.device("cpu"), self._inputs)
        alone = self._built(SEEDS[1])
        frozen = {name: ensemble.tensor(name).clone() for name in ensemble.frozen_names}
        self._train(ensemble, alone)
        for name, value in frozen.items():
            if not torch.equal(value, ensemble.tensor(name)):
                raise StructureError(f"the {self._player}'s {name} is frozen, and moved", [name])
        self._compare_under_one_state(self._built(SEEDS[0]), alone, "changes from call to call")
        names = first_names(alone)
        return Seen(self._largest, len(frozen), len(names) - len(set(names.values())))

    def _built(self, seed: int) -> nn.Module:
        with kept_streams(seed):
            return self._build()

    def _compare_builds(self, first: nn.Module, again: nn.Module) -> None:
        states = registered(first), registered(again)
        paths = unlike(*states) or unlike(plain_values(first), plain_values(again))
        if paths and (unlike(*states) or not self._agree(first, again)):
            raise StructureError(
                f"the {self._player}'s {', '.join(paths[:3])} differs between two calls under one "
                "seed: draw it from the global stream of torch, NumPy or Python, which ganstudy "
                "seeds",
                paths,
            )

    def _compare_under_one_state(self, network: nn.Module, other: nn.Module, how: str) -> None:
        """Raise where `network`, given the state of `other`, has other outputs."""
        held = plain_values(network), plain_values(other)
        take_values(network, other)
        if self._agree(network, other):
            return
        check_layers_alike(network, other)
        paths = unlike(*held)
        named = f" ({', '.join(paths[:3])})" if paths else ""
        raise StructureError(
            f"the {self._player} reads what is neither its parameter nor its buffer and {how}"
            f"{named}, so that a seed would not train, go on or be exported as it is: "
            "self.register_buffer(NAME, ...) makes it part of the network, and a call may change a "
            "buffer",
            paths,
        )

    def _agree(self, network: nn.Module, other: nn.Module) -> bool:
        """Return whether two networks of one state have equal outputs, in both modes."""
        agree = True
        for evaluate in (False, True):
            modes = [{m: m.training for m in each.modules()} for each in (network, other)]
            # What a call moves is put back, so that both modes begin with one state.
            saved = {name: value.clone() for name, value in registered(other).items()}
            if evaluate:
                network.eval(), other.eval()
            outputs = [outputs_of(each, self._inputs) for each in (network, other)]
            agree &= close(outputs[0], outputs[1], self._tolerance)
            for each, mode in zip((network, other), modes, strict=True):
                with torch.no_grad():
                    for name, value in registered(each).items():
                        value.copy_(saved[name])
                for module, training in mode.items():
                    module.training = training
        return agree

    def _train(self, ensemble: SeedEnsemble, alone: nn.Module) -> None:
        parameters = list(ensemble.parameters.values())
        lr = self._config.lr_g if self._player == "generator" else self._config.lr_d
        optimiser = optimisers.build(self._config, lr, parameters)
        for step in range(STEPS + 1):
            self._take_lane(ensemble, alone)
            ensemble.begin_step(step)
            with kept_streams():
                ensemble.begin_call(SEEDS[1])
                loss_alone, outputs_alone = _loss(alone(self._inputs), 0)
            outputs = ensemble(torch.stack([self._inputs] * len(SEEDS)))
            loss, lanes = _loss(outputs, 1)
            gradients = torch.autograd.grad(
                loss, parameters, allow_unused=True, materialize_grads=True
            )
            own = dict(alone.named_parameters())
            gradients_alone = torch.autograd.grad(
                loss_alone,
                [own[name] for name in ensemble.parameters],
                allow_unused=True,
                materialize_grads=True,
            )
            at = "at the start" if step == 0 else f"after {step} steps"
            for value, lane in zip(outputs_alone, lanes, strict=True):
                self._compare(value, lane[1], f"an output {at}", [])
            # As one vector: what is 0 by symmetry has no relative error of its own.
            self._compare(
                torch.cat([g.flatten() for g in gradients_alone]),
                torch.cat([g[1].flatten() for g in gradients]),
                f"the gradient {at}",
                [],
            )
            for name, value in registered(alone).items():
                self._compare(value, ensemble.tensor(name)[1], f"{name} {at}", [name])
            for value, gradient in zip(parameters, gradients, strict=True):
                value.grad = gradient.contiguous()
            optimiser.step()

    def _take_lane(self, ensemble: SeedEnsemble, alone: nn.Module) -> None:
        with torch.no_grad():
            for name, value in registered(alone).items():
                value.copy_(ensemble.tensor(name)[1])

    def _compare(self, alone: Tensor, lane: Tensor, what: str, paths: list[str]) -> None:
        found = difference(alone, lane)
        self._largest = max(self._largest, found)
        if found > self._tolerance:
            raise StructureError(
                f"the {self._player} gives in an ensemble of seeds what it does not give alone: "
                f"{what} differs by {found:.1e} of the largest number; keep in buffers what calls "
                "change, and change it in place or by assignment there",
                paths,
            )


def _loss(output: Any, first_axis: int) -> tuple[Tensor, list[Tensor]]:
    """Return a number whose gradient tells outputs apart, summed over seeds, and the outputs."""
    tensors = [v for v in tree_leaves(output) if isinstance(v, Tensor) and v.is_floating_point()]
    total = torch.zeros((), dtype=torch.get_default_dtype())
    for index, value in enumerate(tensors):
        weights = torch.randn(value.shape[first_axis:], generator=stream(index, "own", "weights"))
        total = total + (weights.to(value.dtype) * value + value.square() / 2).sum()
    return total, tensors

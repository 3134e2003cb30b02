"""Optimisers of the user's own, "my_optimiser.py:Lion": any class on torch.optim.Optimizer.

Each lane has an optimiser by itself, over its slices of the stacked parameters, so that it sees what
it would see alone: whole matrices, norms of layers, the seed's own count of steps. The numbers are
those of the seed alone, whatever the class does with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganstudy.trials.config.own_parts import OwnPart
from ganstudy.trials.config.plugins import described, source, where
from ganstudy.trials.ensemble.own_class import line_of, loaded
from ganstudy.trials.results.documents import Settings

GIVEN = ("lr", "betas", "beta1", "beta2")
"""Arguments that are given by name, beside the parameters; all but lr where the class takes them."""
NUMBERS: dict[str, type] = {kind.__name__: kind for kind in (bool, int, float)}
"""Plain numbers that a state may hold, as they are named in a checkpoint."""
GROUP = "group"
"""Begins the names of numbers that the class keeps in its parameter group."""


def declared_optimiser(made: type[torch.optim.Optimizer], reference: str, digest: str) -> OwnPart:
    """Return what a study keeps of the class; ValueError where it cannot be made from a step size."""
    file = source(digest, reference)
    _, *arguments = inspect.signature(made).parameters.values()
    names = {each.name for each in arguments}
    any_name = any(each.kind is each.VAR_KEYWORD for each in arguments)
    if "lr" not in names and not any_name:
        raise ValueError(
            f"{line_of(made, file)}: {made.__name__} must take the step size as lr, and takes "
            f"{', '.join(sorted(names)) or 'nothing'} beside the parameters"
        )
    needed = [
        each.name
        for each in arguments
        if each.default is each.empty
        and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        and each.name not in GIVEN
    ]
    if needed:
        raise ValueError(
            f"{line_of(made, file)}: {made.__name__} needs a default for {needed[0]}: ganstudy gives the "
            "parameters and lr, and betas, beta1, beta2 where they are taken"
        )
    return OwnPart(kind="optimiser", reference=reference, digest=digest)


class OwnOptimiser(torch.optim.Optimizer):
    """One optimiser of the user's class for every lane of stacked parameters [S, ...].

    Its state is that of the lanes on a first axis S, as checkpoints and packs need it.
    """

    def __init__(
        self,
        part: OwnPart,
        values: Sequence[Tensor],
        of_lanes: Sequence[tuple[float, float, float]],
    ) -> None:
        """of_lanes: step size, beta1 and beta2 of every lane."""
        super().__init__(values, {})
        self.part = part
        self._slices = [
            [nn.Parameter(value.detach()[lane]) for value in values]
            for lane in range(len(of_lanes))
        ]
        self._lanes = [
            self._made(part, parameters, numbers)
            for parameters, numbers in zip(self._slices, of_lanes, strict=True)
        ]

    def __getstate__(self) -> dict[str, object]:
        """Return all that a copy needs; torch's own leaves out what it does not know."""
        return {**super().__getstate__(), **vars(self)}

    def _made(
        self, part: OwnPart, parameters: list[nn.Parameter], numbers: tuple[float, float, float]
    ) -> torch.optim.Optimizer:
        lr, beta1, beta2 = numbers
        made = loaded(part)
        taken = inspect.signature(made).parameters
        given = {"betas": (beta1, beta2), "beta1": beta1, "beta2": beta2}
        try:
            built: torch.optim.Optimizer = made(
                parameters, lr=lr, **{name: each for name, each in given.items() if name in taken}
            )
        except Exception as error:
            raise self._failure("cannot be made", error) from error
        if len(built.param_groups) != 1:
            raise self._failure("must keep its parameters in one group", None)
        return built

    def _failure(self, what: str, error: Exception | None) -> ValueError:
        file = source(self.part.digest, self.part.reference)
        line = file.name if error is None else where(error, file)
        line = line_of(loaded(self.part), file) if line == file.name else line
        cause = "" if error is None else f": {described(error)}"
        return ValueError(f"{line}: {self.part.name} {what}{cause}")

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make one step of all lanes on the gradients of the parameters."""
        values = self.param_groups[0]["params"]
        for lane, (optimiser, parameters) in enumerate(zip(self._lanes, self._slices, strict=True)):
            for parameter, value in zip(parameters, values, strict=True):
                # Anew at each step: a copy of this optimiser has parameters of its own.
                parameter.data = value.detach()[lane]
                parameter.grad = None if value.grad is None else value.grad[lane]
            try:
                optimiser.step()
            except Exception as error:
                raise self._failure("fails in a step", error) from error
            for parameter, value in zip(parameters, values, strict=True):
                if parameter.data_ptr() != value[lane].data_ptr():
                    value.detach()[lane] = parameter.detach()

    def state_dict(self) -> Settings:
        """Return the lanes' states: by parameter and name, tensors [S, ...]."""
        states = []
        for index in range(len(self.param_groups[0]["params"])):
            held = [
                optimiser.state.get(parameters[index], {})
                for optimiser, parameters in zip(self._lanes, self._slices, strict=True)
            ]
            states.append(self._stacked(held))
        # What schedules and averages keep is in the group; one parameter's place is enough for it.
        groups = [
            {
                f"{GROUP}_{name}": value
                for name, value in each.param_groups[0].items()
                if _kept(value)
            }
            for each in self._lanes
        ]
        states[0] |= self._stacked(groups)
        state = {index: each for index, each in enumerate(states) if each}
        return {**super().state_dict(), "state": state}

    def _stacked(self, held: list[Settings]) -> dict[str, Tensor]:
        stacked = {}
        for name, first in held[0].items():
            if not _kept(first):
                if first is None:
                    continue
                raise self._failure(
                    f"keeps {name}, a {type(first).__name__}: a state is made of tensors and numbers",
                    None,
                )
            values = [each[name] for each in held]
            if isinstance(first, Tensor):
                if any(value.shape != first.shape for value in values):
                    raise self._failure(f"keeps {name} of unlike shapes for its seeds", None)
                stacked[name] = torch.stack(values)
            else:
                # In double precision: counts, and rates of which no digit may be lost.
                numbers = torch.tensor([float(value) for value in values], dtype=torch.float64)
                stacked[f"{name}:{type(first).__name__}"] = numbers
        return stacked

    def load_state_dict(self, state_dict: Settings) -> None:
        """Restore what `state_dict` returned."""
        values = self.param_groups[0]["params"]
        for lane, (optimiser, parameters) in enumerate(zip(self._lanes, self._slices, strict=True)):
            group = optimiser.param_groups[0]
            for index, parameter in enumerate(parameters):
                restored: Settings = {}
                for name, stack in state_dict["state"].get(index, {}).items():
                    key, value = _unstacked(name, stack[lane])
                    # As torch does: a count stays where it is unless the step is made on a GPU alone.
                    on_device = group.get("capturable") or group.get("fused") or key != "step"
                    if isinstance(value, Tensor) and on_device:
                        value = value.to(values[index].device)
                    if key.startswith(f"{GROUP}_"):
                        group[key.removeprefix(f"{GROUP}_")] = value
                    else:
                        restored[key] = value
                if restored:
                    optimiser.state[parameter] = restored


def _unstacked(name: str, value: Tensor) -> tuple[str, Any]:
    """Return the name and value of one lane's part of a state."""
    key, _, kind = name.partition(":")
    return (key, NUMBERS[kind](value.item())) if kind else (key, value.clone())


def _kept(value: Any) -> bool:
    return isinstance(value, Tensor | bool | int | float)

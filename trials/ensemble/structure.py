"""The structure of a network: what it shares and what it freezes, kept when it is copied or stacked.

torch stacks and swaps registered tensors alone, by their names. So copies here keep what is shared:
a tensor under two names, a layer in two places.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ganstudy.trials.ensemble.plain_values import is_dead, plain_values


class StructureError(ValueError):
    """A network that cannot be trained as it is: what it holds, shares or freezes.

    paths: where in the network, such as "layers[0].weight".
    """

    def __init__(self, message: str, paths: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.paths = tuple(paths)


Rebuilt = Callable[[str, Tensor], Tensor]
"""Returns the tensor that takes the place of the registered one of that name."""


def registered(network: nn.Module) -> dict[str, Tensor]:
    """Return parameters, then buffers, each once, under the first of its names."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def first_names(network: nn.Module) -> dict[str, str]:
    """Return for every name of a parameter or buffer the first name of the same tensor."""
    names: dict[int, str] = {}
    found: dict[str, str] = {}
    for each in (network.named_parameters, network.named_buffers):
        for name, value in each(remove_duplicate=False):
            found[name] = names.setdefault(id(value), name)
    return found


def captured(copy_: nn.Module, network: nn.Module) -> list[str]:
    """Return the paths at which a copy still holds parameters and buffers of `network` itself.

    A function that was written over it may do so.
    """
    inside = {id(value) for value in registered(network).values()}
    return [path for path, value in plain_values(copy_).items() if id(value) in inside]


def copied(
    network: nn.Module, rebuilt: Rebuilt | None = None, device: torch.device | None = None
) -> nn.Module:
    """Return a copy in which everything is shared that `network` shares.

    rebuilt: gives the copy's parameters and buffers; None clones them. device: of the tensors that
    the network keeps as plain attributes.
    """
    memo = detached(network, device)
    if rebuilt is not None:
        memo |= {id(value): rebuilt(name, value) for name, value in registered(network).items()}
    return copy.deepcopy(network, memo)


def without_values(network: nn.Module, device: torch.device) -> nn.Module:
    """Return a copy whose parameters and buffers take no memory."""

    def empty(_: str, value: Tensor) -> Tensor:
        placeholder = torch.empty_like(value, device="meta", requires_grad=False)
        if isinstance(value, nn.Parameter):
            return nn.Parameter(placeholder, requires_grad=value.requires_grad)
        return placeholder

    return copied(network, empty, device)


def detached(network: nn.Module, device: torch.device | None = None) -> dict[int, Any]:
    """Return the beginning of a memo for copy.deepcopy: tensors that are no parameters or buffers.

    deepcopy refuses those that were computed, which a network may keep from call to call.
    """
    memo: dict[int, Any] = {}
    inside = {id(value) for value in registered(network).values()}
    for value in plain_values(network, with_torchs_own=True).values():
        if not isinstance(value, Tensor) or id(value) in inside:
            continue
        if is_dead(value):
            memo[id(value)] = torch.empty(0)
        elif not value.is_leaf or device is not None:
            held = value.detach().clone()
            held = held if device is None else held.to(device)
            memo[id(value)] = (
                nn.Parameter(held, value.requires_grad) if isinstance(value, nn.Parameter) else held
            )
    return memo


def stacked(
    networks: Sequence[nn.Module], device: torch.device, lanes: Sequence[nn.Module] | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters that are trained, and all that no gradient changes, by name.

    The latter are buffers and frozen parameters. Each is [S, ...] with memory of its own.

    lanes: which of `networks` each lane starts from, where there are more lanes than networks.

    Raises StructureError where the networks are not alike, or memory is shared by two of them.
    """
    if both := overlaps(networks[0]):
        raise StructureError(
            f"{both[0]} and {both[1]} are two parameters or buffers in the same memory, and "
            "training would change each by the steps of both: make them one (b.weight = a.weight, "
            "after any normalisation), or give each its own (.clone())",
            both,
        )
    _check_hooks(networks[0])
    first = registered(networks[0])
    names = first_names(networks[0])
    values = {id(networks[0]): first}
    for network in networks[1:]:
        check_layers_alike(networks[0], network)
        other = registered(network)
        _check_alike(first, other, names, first_names(network))
        values[id(network)] = other
    of_lanes = [values[id(network)] for network in lanes or networks]
    parameters, constants = {}, {}
    for name, value in first.items():
        stack = torch.stack([each[name].detach() for each in of_lanes]).to(device)
        if isinstance(value, nn.Parameter) and value.requires_grad:
            parameters[name] = stack.requires_grad_()
        else:
            constants[name] = stack
    return parameters, constants


def _check_hooks(network: nn.Module) -> None:
    for name, value in network.named_parameters():
        if value._backward_hooks or getattr(value, "_post_accumulate_grad_hooks", None):
            raise StructureError(
                f"{name} has a hook on its gradient, which the stack of all seeds would not call: "
                "do in forward what the hook does (weight * mask, with the mask in a buffer)",
                [name],
            )


def check_layers_alike(network: nn.Module, other: nn.Module) -> None:
    """Raise StructureError where a layer is of one kind in one network and of another in the other."""
    # By name: every parametrised layer is of a class of its own.
    kinds = [
        {name: type(module).__qualname__ for name, module in each.named_modules()}
        for each in (network, other)
    ]
    for name in {**kinds[0], **kinds[1]}:
        one, another = (kind.get(name, "missing") for kind in kinds)
        if one != another:
            raise StructureError(
                f"networks of two seeds must be alike but for their values, and {name} is "
                f"{one} in one and {another} in another: let no random number decide that",
                [name],
            )


def _check_alike(
    first: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    names: Mapping[str, str],
    other_names: Mapping[str, str],
) -> None:
    unlike = sorted(
        name
        for name in {**names, **other_names}
        if names.get(name) != other_names.get(name)
        or _kind(first[names[name]]) != _kind(other[names[name]])
    )
    if unlike:
        raise StructureError(
            f"networks of two seeds must be alike but for their values, and {unlike[0]} differs in "
            "shape, type, sharing or requires_grad: let no random number decide those",
            unlike,
        )


def _kind(value: Tensor) -> tuple[Any, ...]:
    return value.shape, value.dtype, value.requires_grad, isinstance(value, nn.Parameter)


def overlaps(network: nn.Module) -> tuple[str, str] | None:
    """Return the names of two registered tensors that are unlike and share memory.

    At least one of them is a parameter that is trained; None if there are none.
    """
    spans: list[tuple[int, int, int, bool, str]] = []
    for name, value in registered(network).items():
        if value.numel() == 0 or value.is_meta:
            continue
        reach = sum((n - 1) * abs(s) for n, s in zip(value.shape, value.stride(), strict=True))
        begin = value.data_ptr()
        trained = isinstance(value, nn.Parameter) and value.requires_grad
        storage = value.untyped_storage().data_ptr()
        spans.append((storage, begin, begin + (reach + 1) * value.element_size(), trained, name))
    spans.sort()
    for one, after in pairwise(spans):
        if one[0] == after[0] and after[1] < one[2] and (one[3] or after[3]):
            return one[4], after[4]
    return None

"""What a network holds besides its parameters and buffers, by path, such as "layers[0].weight"."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

REGISTRIES = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")
HOOKS = ("_forward_hooks", "_forward_pre_hooks")
OWN_OF_TORCH = ("_flat_weights",)
"""Aliases that recurrent layers keep of their weights, and renew in every call."""
MOST_VISITED = 20_000
LEAVES = (bool, int, float, complex, str, np.generic)
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def is_dead(value: Tensor) -> bool:
    """Return whether a tensor is left from a call that is over, so that nothing can read it."""
    if torch._C._functorch.is_functorch_wrapped_tensor(value):  # of a call under vmap
        return True
    try:
        return value.is_leaf is None
    except RuntimeError:  # a seed's view of a stack that has changed since
        return True


def plain_values(network: nn.Module, with_torchs_own: bool = False) -> dict[str, Any]:
    """Return by path what a network holds and torch does not know as its own.

    These are tensors, arrays, numbers, texts and random generators in attributes, lists, dicts,
    closures, hooks, and modules that are not registered. Parameters and buffers appear where they
    are held once more.

    with_torchs_own: the weights of recurrent layers, which those hold once more, too.
    """
    known = {id(module) for module in network.modules()}
    seen: set[int] = set()
    found: dict[str, Any] = {}
    for name, module in network.named_modules():
        for path, value in _of_module(module, name):
            _visit(value, path, known, seen, found)
        for attribute in OWN_OF_TORCH if with_torchs_own else ():
            _visit(vars(module).get(attribute), f"{name}.{attribute}", known, seen, found)
    return found


def _of_module(module: nn.Module, name: str) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of the plain attributes and hooks of one module."""
    prefix = f"{name}." if name else ""
    for attribute, value in vars(module).items():
        if attribute in HOOKS:
            for index, hook in enumerate(value.values()):
                yield f"{prefix}{attribute}[{index}]", hook
        elif attribute.endswith("_hooks") or attribute in REGISTRIES + OWN_OF_TORCH:
            continue
        elif attribute != "training":
            yield prefix + attribute, value


def _visit(value: Any, path: str, known: set[int], seen: set[int], found: dict[str, Any]) -> None:
    if isinstance(value, (Tensor, np.ndarray, *LEAVES, *GENERATORS)):
        found[path] = value
        return
    if value is None or isinstance(value, type) or id(value) in known or id(value) in seen:
        return
    seen.add(id(value))
    if len(seen) > MOST_VISITED:
        return
    for below, part in _parts(value, path):
        _visit(part, below, known, seen, found)


def _parts(value: Any, path: str) -> list[tuple[str, Any]]:
    """Return the parts of a container, function, module or other object by path."""
    if isinstance(value, nn.Module):
        own: list[tuple[str, Any]] = [
            (f"{path}.{name}", part) for name, part in value.named_parameters(recurse=False)
        ]
        own += [(f"{path}.{name}", part) for name, part in value.named_buffers(recurse=False)]
        own += [(f"{path}.{name}", part) for name, part in value.named_children()]
        return own + list(_of_module(value, path))
    if isinstance(value, Mapping):
        return [(f"{path}[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    if isinstance(value, partial):
        return [(path, value.func), (path, value.args), (path, value.keywords)]
    if isinstance(value, MethodType):
        return [(path, value.__self__)]
    if isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        inner = []
        for name, cell in cells:
            try:
                inner.append((f"{path}:{name}", cell.cell_contents))
            except ValueError:  # not yet filled
                continue
        return inner + [(path, part) for part in value.__defaults__ or ()]
    return [(f"{path}.{name}", part) for name, part in getattr(value, "__dict__", {}).items()]


def unlike(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the paths at which two results of `plain_values` differ."""
    return [
        path
        for path in {**first, **other}
        if path not in first or path not in other or not _equal(first[path], other[path])
    ]


def _equal(first: Any, other: Any) -> bool:
    if isinstance(first, GENERATORS):
        return True  # seen by what it draws
    if type(first) is not type(other):
        return False
    if isinstance(first, Tensor):
        if is_dead(first) or is_dead(other):
            return is_dead(first) and is_dead(other)
        if first.is_meta or other.is_meta:
            return first.is_meta and other.is_meta
        first, other = first.detach().cpu(), other.detach().cpu()
        return first.shape == other.shape and bool(
            ((first == other) | ((first != first) & (other != other))).all()
        )
    if isinstance(first, np.ndarray):
        return first.shape == other.shape and bool(((first == other) | (first != first)).all())
    return bool(first == other) or first != first

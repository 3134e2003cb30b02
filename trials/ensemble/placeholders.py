"""Refusal of calls that read a tensor without a value.

A network in an ensemble holds placeholders on torch's meta device, which a call (calls.py) replaces
where they are registered. Whatever reads one by another way would compute with whatever
lies in memory.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils import checkpoint
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganstudy.trials.ensemble.plain_values import plain_values
from ganstudy.trials.ensemble.structure import StructureError


class _PlaceholderError(BaseException):
    """Not an Exception: what is being refused must not pass for something vmap cannot take."""


class _Watch(TorchDispatchMode):
    """Raises where an operation reads a tensor on the meta device."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if any(isinstance(v, Tensor) and v.is_meta for v in tree_leaves((args, kwargs))):
            raise _PlaceholderError
        return function(*args, **kwargs)


@contextmanager
def refused_placeholders(network: nn.Module, player: str) -> Iterator[None]:
    """Context manager that raises StructureError where an operation reads one of the placeholders.

    The error says where `network` holds them other than as its parameters and buffers.
    """
    try:
        with _Watch():  # type: ignore[no-untyped-call]
            yield
    except _PlaceholderError as error:
        frames = traceback.extract_tb(error.__traceback__)
        if any(frame.filename == checkpoint.__file__ for frame in frames):
            raise StructureError(
                f"the {player} uses torch.utils.checkpoint, which calls a part of it once more "
                "in the backward pass, when the values of the seeds are gone: leave it out"
            ) from None
        held = [
            path
            for path, value in plain_values(network).items()
            if isinstance(value, Tensor) and value.is_meta
        ]
        where = f" ({', '.join(held[:3])})" if held else ""
        raise StructureError(
            f"the {player} reads a parameter or buffer by another way than by its name{where}: "
            "write self.NAME where it is used, or keep parameters in nn.ParameterList or "
            "nn.ParameterDict",
            held,
        ) from None

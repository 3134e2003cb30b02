"""What objects of the user's keep, as tensors and JSON: a checkpoint holds no pickled object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

KINDS = "tensors, NumPy arrays, numbers, text, None, and lists, tuples and dicts of these"


def encode(value: Any, tensors: dict[str, Tensor], place: str) -> Any:
    """Return `value` as plain JSON, with its tensors put into `tensors` as copies on the host.

    place: of the value, for the names of tensors and for messages. Raise ValueError for what a
    checkpoint cannot hold.
    """
    if value is None or isinstance(value, bool | int | float | str):
        # Of a subclass the plain value: an enum's member, for example.
        return value if type(value) in (bool, int, float, str, type(None)) else _plain(value, place)
    if isinstance(value, Tensor):
        # A copy of its own: safetensors refuses tensors that share memory.
        return {"tensor": _put(value.detach().to("cpu", copy=True).contiguous(), tensors, place)}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        array = np.asarray(value)
        data = torch.frombuffer(bytearray(array.tobytes() or b"\0"), dtype=torch.uint8)
        name = _put(data, tensors, place)
        return {"array": name, "dtype": array.dtype.str, "shape": list(array.shape)}
    if isinstance(value, Mapping):
        pairs = [
            [encode(key, tensors, f"{place}.key"), encode(each, tensors, f"{place}.{key}")]
            for key, each in value.items()
        ]
        return {"dict": pairs}
    if isinstance(value, list | tuple):
        parts = [encode(each, tensors, f"{place}.{index}") for index, each in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": parts}
    raise ValueError(
        f"{place} is a {type(value).__name__}, and a checkpoint can hold {KINDS}; keep it in such "
        "a form"
    )


def _put(value: Tensor, tensors: dict[str, Tensor], place: str) -> str:
    """Put a tensor in under a name that is free, and return that."""
    # Keys may hold dots themselves: {"a": {"b": x}, "a.b": y}.
    while place in tensors:
        place += "'"
    tensors[place] = value
    return place


def _plain(value: Any, place: str) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    raise ValueError(f"{place} is a {type(value).__name__}")


def decode(held: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return what `encode` was given."""
    if not isinstance(held, dict):
        return held
    if "tensor" in held:
        return tensors[held["tensor"]]
    if "array" in held:
        array = np.frombuffer(tensors[held["array"]].numpy().tobytes(), np.uint8)
        size = int(np.prod(held["shape"])) * np.dtype(held["dtype"]).itemsize
        return array[:size].view(held["dtype"]).reshape(held["shape"]).copy()
    if "dict" in held:
        return {decode(key, tensors): decode(each, tensors) for key, each in held["dict"]}
    kind = "list" if "list" in held else "tuple"
    parts = [decode(each, tensors) for each in held[kind]]
    return parts if kind == "list" else tuple(parts)

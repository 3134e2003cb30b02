"""Large arrays as files of a node, which all its processes map: one copy in memory for all of them.

A file is named by what it holds, written once and never changed; the folder may be emptied whenever
nothing is written to it. Processes map it copy-on-write: what one of them changes in place, none
beside it sees.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

LARGE = 256 * 2**20
"""Bytes from which arrays are files: below, a copy in every process costs less than it saves."""
ENVIRONMENT = "GANSTUDY_CACHE"
DEFAULT = "~/.cache/ganstudy"
CHUNK = 64 * 2**20
"""Bytes that are read at once."""
Array = NDArray[Any]


def is_large(values: Tensor) -> bool:
    """Return whether the values are many enough to be shared, and never to be copied as a whole."""
    return values.nbytes >= LARGE


def folder() -> Path:
    """Return the folder of the files, made if need be; raise ValueError where it cannot be."""
    root = Path(os.environ.get(ENVIRONMENT) or DEFAULT).expanduser()
    path = root.absolute() / "arrays"
    try:
        # Nobody else may change what is trained on.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(_unwritable(path, error)) from None
    return path


@contextmanager
def only_writer(name: str) -> Iterator[Path]:
    """Context manager in which no other process writes files of that name; gives their folder.

    It waits while another one does.
    """
    place = folder()
    try:
        lock = FileLock(place / f"{name}.lock")
        lock.acquire()
    except OSError as error:
        raise ValueError(_unwritable(place, error)) from None
    try:
        yield place
    finally:
        lock.release()


def reserve(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return a new file's array, to be filled in place; ValueError where the disk has no room."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    try:
        with path.open("wb") as file:
            header = {"descr": kind.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            # A full disk found later would be a signal that ends the process.
            os.posix_fallocate(file.fileno(), file.tell(), size)
        made: Array = np.load(path, mmap_mode="r+", allow_pickle=False)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ValueError(_unwritable(path.parent, error, size)) from None
    return made


def finish(array: Array, partial: Path, path: Path) -> None:
    """Give a file that was filled its name, once all of it is on the disk."""
    assert isinstance(array, np.memmap)
    array.flush()
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def opened(path: Path) -> Tensor:
    """Return the array of a file; raise ValueError where it is damaged."""
    try:
        return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, and it is made again") from None


def digest_of(array: Array) -> str:
    """Return the hex digest of an array's values, shape and type."""
    digest = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=16)
    rows = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).data)
    return digest.hexdigest()


def computed(name: str, compute: Callable[[], Tensor]) -> Tensor:
    """Return what `compute` returns, from the file of that name if a process made it before.

    name: what the values depend on.
    """
    with only_writer(name) as place:
        path = place / f"{name}.npy"
        if not path.exists():
            values = compute().numpy()
            partial = path.with_suffix(".partial")
            array = reserve(partial, values.shape, values.dtype)
            array[...] = values
            finish(array, partial, path)
    return opened(path)


def shared(values: Tensor) -> Tensor:
    """Return the same values in a file named by their digest."""
    return computed(digest_of(values.numpy()), lambda: values)


def _unwritable(path: Path, error: OSError, size: int = 0) -> str:
    wanted = f"{size / 2**30:.1f} GiB of images" if size else "large data sets"
    return (
        f"{wanted} are kept in {path}, which cannot be written ({error.strerror or error}); set "
        f"{ENVIRONMENT} to a folder on a local disk with enough room"
    )

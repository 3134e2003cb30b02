"""Pictures of a large data set: decoded once per node into a file, and mapped by all its processes.

Beside the array stands what reading it had to say, under a name that depends on the pictures' files
and on the options that change their pixels: who finds it decodes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
from torch import Tensor

from ganstudy.trials.config.data import PictureFiles
from ganstudy.trials.data.decoding import Picture
from ganstudy.trials.data.pictures import Allocate, Pixels
from ganstudy.trials.data.shared_arrays import digest_of, finish, only_writer, opened, reserve
from ganstudy.trials.ensemble.memory import trim
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.documents import parse_object

RECIPE = 1
"""Raised whenever a change to this package changes pixels, so that old files are not read."""
PIXEL_OPTIONS = {"size", "crop", "channels", "bad_files"}
"""Options on which the pixels of given pictures depend."""


class PictureStream(Protocol):
    """Pictures that can be gone through, whatever they lie in."""

    root: Path
    """Where they lie, for messages."""
    num: int

    def __iter__(self) -> Iterator[Picture]:
        """Iterate over all pictures, in any order; positions are 0 to num - 1."""

    def marks(self) -> Iterator[str]:
        """Iterate over what changes when a picture or its position does."""


@dataclass(frozen=True)
class Gathered:
    """Pixels of the pictures that could be read, in the order of their positions."""

    pixels: Tensor
    """uint8 [N, C, H, W]"""
    skipped: tuple[int, ...]
    """Positions of those that could not be read, in ascending order."""
    notes: tuple[str, ...]
    conversions: tuple[str, ...]
    """What was done to some of them without being asked."""


@dataclass(frozen=True)
class _Index:
    """What stands beside the array."""

    array: str
    """Name of its file."""
    num: int
    """Images in it: rows behind them are left from pictures that were skipped."""
    skipped: tuple[int, ...]
    notes: tuple[str, ...]
    conversions: tuple[str, ...]


def prepared(
    stream: PictureStream, options: PictureFiles, gather: Callable[[Allocate], Gathered]
) -> Gathered:
    """Return the pictures as `gather` gives them, in a file that this node's processes share.

    gather: fills an array of the kind that it is given; called unless the file is there.
    """
    name = f"pictures-{_digest(stream, options)}"
    with only_writer(name) as folder:
        index = _read(folder / f"{name}.json")
        if index is None or not (folder / index.array).exists():
            index = _write(folder, name, gather)
    pixels = opened(folder / index.array)[: index.num]
    return Gathered(pixels, index.skipped, index.notes, index.conversions)


def _write(folder: Path, name: str, gather: Callable[[Allocate], Gathered]) -> _Index:
    partial = folder / f"{name}.partial"
    made: list[Pixels] = []

    def allocate(shape: tuple[int, ...]) -> Pixels:
        made.append(reserve(partial, shape, np.uint8))
        return made[0]

    try:
        found = gather(allocate)
        file = f"{digest_of(found.pixels.numpy())}.npy"
        finish(made[0], partial, folder / file)
    finally:
        partial.unlink(missing_ok=True)
    index = _Index(file, len(found.pixels), found.skipped, found.notes, found.conversions)
    write_whole(folder / f"{name}.json", json.dumps(asdict(index)).encode())
    trim()
    return index


def _read(path: Path) -> _Index | None:
    """Return the index in a file, None where there is none that can be read."""
    try:
        content = parse_object(path.read_text(encoding="utf-8"))
        lists = (tuple(content[name]) for name in ("skipped", "notes", "conversions"))
        return _Index(content["array"], content["num"], *lists)
    except (OSError, ValueError, KeyError):
        return None


def _digest(stream: PictureStream, options: PictureFiles) -> str:
    digest = hashlib.blake2b(digest_size=16)
    # Decoders of another version may round otherwise.
    settings = options.model_dump_json(include=PIXEL_OPTIONS)
    for part in (f"{RECIPE} {PIL.__version__} {stream.num} {settings}", *stream.marks()):
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()

"""Gathering of decoded pictures into one array, in the order of the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from ganstudy.trials.config.data import PictureFiles
from ganstudy.trials.data.conversions import SCALED, conversion_note
from ganstudy.trials.data.decoding import Decoded, Picture, decoded
from ganstudy.trials.data.pictures import Pile
from ganstudy.trials.data.ranges import range_note


class PictureStream(Protocol):
    """Pictures that can be gone through, whatever they lie in."""

    root: Path
    """Where they lie, for messages."""
    num: int

    def __iter__(self) -> Iterator[Picture]:
        """Iterate over all pictures, in any order; positions are 0 to num - 1."""


@dataclass(frozen=True)
class Gathered:
    """Pixels of the pictures that could be read, in the order of their positions."""

    pixels: Tensor
    """uint8 [N, C, H, W]"""
    read: list[int]
    """[N], the position of each."""
    notes: tuple[str, ...]
    conversions: tuple[str, ...]
    """What was done to some of them without being asked."""


def gather(stream: PictureStream, options: PictureFiles) -> Gathered:
    """Return the pixels of all pictures, with a note per picture skipped.

    Raise ValueError where none can be read, or one does not fit to the others.
    """
    return _gathered(decoded(stream, stream.root, options), stream)


def _gathered(found: Iterable[Decoded], stream: PictureStream) -> Gathered:
    pile, counted = Pile(stream.num), Counter[str]()
    skipped: dict[int, str] = {}
    for each in found:
        if each.pixels is None:
            skipped[each.position] = f"skipped {each.name}: {each.problem}"
        else:
            pile.put(each.position, each.pixels, str(stream.root / each.name))
            counted.update(each.conversions)
    notes = [skipped[position] for position in sorted(skipped)]
    read = pile.positions
    if not read:
        raise ValueError(
            f"none of the {stream.num} pictures in {stream.root} can be read; the first: {notes[0]}"
        )
    pixels = pile.tensor()
    deep = counted[SCALED] == len(read)
    notes += [*conversion_note(counted, len(read)), *range_note(pixels, 0, 255, deep)]
    return Gathered(pixels, read, tuple(notes), tuple(sorted(counted)))

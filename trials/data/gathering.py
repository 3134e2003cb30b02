"""Gathering of decoded pictures into one array, in the order of the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from ganstudy.trials.config.data import PictureFiles
from ganstudy.trials.data import shared_arrays
from ganstudy.trials.data.conversions import SCALED, conversion_note
from ganstudy.trials.data.decoding import Decoded, decoded
from ganstudy.trials.data.pictures import Pile
from ganstudy.trials.data.prepared_pictures import Gathered, PictureStream, prepared
from ganstudy.trials.data.ranges import range_note


def gather(stream: PictureStream, options: PictureFiles) -> Gathered:
    """Return the pixels of all pictures, with a note per picture skipped.

    Large ones lie in a file that processes share. Raise ValueError where no picture can be read, or
    one does not fit to the others.
    """
    found = decoded(stream, stream.root, options)
    # The first that can be read decides how large all of them are.
    first: list[Decoded] = []
    for each in found:
        first.append(each)
        if each.pixels is not None:
            break
    size = 0 if not first or first[-1].pixels is None else first[-1].pixels.nbytes
    if stream.num * size < shared_arrays.LARGE:
        return _gathered(chain(first, found), stream, Pile(stream.num))
    found.close()
    return prepared(
        stream,
        options,
        lambda allocate: _gathered(
            decoded(stream, stream.root, options), stream, Pile(stream.num, allocate)
        ),
    )


def _gathered(found: Iterable[Decoded], stream: PictureStream, pile: Pile) -> Gathered:
    counted = Counter[str]()
    skipped: dict[int, str] = {}
    for each in found:
        if each.pixels is None:
            skipped[each.position] = f"skipped {each.name}: {each.problem}"
        else:
            pile.put(each.position, each.pixels, str(stream.root / each.name))
            counted.update(each.conversions)
    positions = sorted(skipped)
    notes = [skipped[position] for position in positions]
    if len(skipped) == stream.num:
        raise ValueError(
            f"none of the {stream.num} pictures in {stream.root} can be read; the first: {notes[0]}"
        )
    pixels = pile.tensor()
    deep = counted[SCALED] == len(pixels)
    notes += [*conversion_note(counted, len(pixels)), *range_note(pixels, 0, 255, deep)]
    return Gathered(pixels, tuple(positions), tuple(notes), tuple(sorted(counted)))

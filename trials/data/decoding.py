"""Decoding of many pictures, each to the pixels that the options ask for."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, UnidentifiedImageError

from ganstudy.trials.config.data import PictureFiles
from ganstudy.trials.data.conversions import conversions_of
from ganstudy.trials.data.pictures import Pixels, prepare

CHUNK = 256
"""Pictures decoded before the next are begun, so that a bad one is reported early."""


class Picture(NamedTuple):
    """A picture that is still to be decoded."""

    position: int
    """Its place among the images, which need not come in that order."""
    name: str
    """As remarks name it, relative to where all of them lie."""
    data: Callable[[], Path | io.BytesIO]
    """Returns what Pillow opens; raises whatever reading raises."""


class Decoded(NamedTuple):
    """What became of a picture."""

    position: int
    name: str
    pixels: Pixels | None
    """[C, H, W]; None where it cannot be read, and `problem` says why."""
    problem: str
    conversions: tuple[str, ...]
    """What was done to it unasked, as trials/data/conversions.py names it."""


def decoded(pictures: Iterable[Picture], root: Path, options: PictureFiles) -> Generator[Decoded]:
    """Iterate over the pictures in the order given; a few hundred are in memory at any one time.

    root: where they lie, for messages. Raise ValueError at the first that cannot be read, unless the
    options say to skip it.
    """

    def decode(picture: Picture) -> Decoded:
        try:
            with Image.open(picture.data()) as opened:
                done = conversions_of(opened)
                return Decoded(picture.position, picture.name, prepare(opened, options), "", done)
        except UnidentifiedImageError:  # which would name an address in memory
            return Decoded(picture.position, picture.name, None, "no known kind of picture", ())
        except Exception as error:  # decoders of many formats raise whatever they like
            why = str(error) or type(error).__name__
            return Decoded(picture.position, picture.name, None, why, ())

    remaining = iter(pictures)
    # Threads are enough: Pillow's decoders let go of Python's lock.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        while chunk := list(islice(remaining, CHUNK)):
            for made in pool.map(decode, chunk):
                if made.pixels is None and options.bad_files == "refuse":
                    raise ValueError(
                        f"{root / made.name} cannot be read as a picture ({made.problem}); remove it "
                        "or say bad_files = 'skip'"
                    )
                yield made

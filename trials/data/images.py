"""A folder of pictures."""

from __future__ import annotations

import functools
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganstudy.trials.config.data import Images
from ganstudy.trials.data.conversions import SCALED, conversion_note, conversions_of
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.pictures import Pile, Pixels, prepare
from ganstudy.trials.data.ranges import range_note
from ganstudy.trials.data.split import count_labels, shuffled, split

USUAL = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
NO_PICTURES = {"BUFR", "GRIB", "HDF5", "MPEG", "WMF", "EPS", "IPTC"}
"""Formats that Pillow recognises and cannot read, at least not by itself."""
MOST_KINDS = 5
"""Kinds of files that a remark lists."""
CHUNK = 256
"""Files decoded before the next are begun, so that a bad one is reported early."""


def images(options: Images) -> Dataset:
    """Return every picture in the folder and its sub-folders, in a fixed order.

    The order does not depend on where the folder lies.

    Other files are passed over, with a note on those that are not hidden; of an animation the first
    frame is taken. Raises
    ValueError where there is no such folder, no picture in it, or one that cannot be read or does
    not fit.
    """
    read = read_pictures(options)
    labels = class_names = None
    notes = (*read.notes, *_grey_note(read.pixels))
    labels_by = ""
    if options.labels == "none" and (classes := _sub_folders(read.files)):
        listed = ", ".join(classes[:MOST_KINDS]) + (", ..." if len(classes) > MOST_KINDS else "")
        labels_by = f'labels = "folders" makes classes of the {len(classes)} sub-folders ({listed})'
        notes = (*notes, f"no labels: {labels_by}")
    if options.labels == "folders":
        labels, class_names = count_labels(np.array([file.parts[0] for file in read.files]))
    dataset = split("images", read.pixels, labels, class_names, options.held_out, notes)
    return replace(dataset, conversions=read.conversions, labels_by=labels_by)


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder, in the order of the fixed shuffle."""

    pixels: Tensor
    """uint8 [N, C, H, W]"""
    files: list[Path]
    """Relative to the folder."""
    notes: tuple[str, ...]
    conversions: tuple[str, ...]
    """What was done to some of them without being asked."""


def read_pictures(options: Images) -> Pictures:
    """Return the pictures of the folder; raise a ValueError as `images` does."""
    folder = Path(options.path).expanduser()
    found = _visible_files(folder)
    files = _pictures_among(found, folder)
    passed_over = _passed_over(found)
    files = [files[index] for index in shuffled(len(files), options.limit).tolist()]
    if options.labels == "folders":
        _check_sub_folders(folder, files)
    read = _read(folder, files, options)
    return replace(read, notes=(*read.notes, *passed_over))


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes of the pictures that Pillow can read here, the usual ones first."""
    Image.init()
    readable = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in NO_PICTURES
    }
    return (*USUAL, *sorted(readable - set(USUAL)))


def picture_files(folder: Path) -> list[Path]:
    """Return the paths, relative to `folder`, of the pictures in it, sorted.

    Raise a ValueError where there are none.
    """
    return _pictures_among(_visible_files(folder), folder)


def _pictures_among(files: list[Path], folder: Path) -> list[Path]:
    pictures = [file for file in files if file.name.lower().endswith(suffixes())]
    if not pictures:
        raise ValueError(f"{folder} holds no picture; known: {', '.join(suffixes())}")
    return pictures


def _passed_over(files: list[Path]) -> tuple[str, ...]:
    """Return one remark on the files that are no pictures by their names, if there are any."""
    others = [file for file in files if not file.name.lower().endswith(suffixes())]
    if not others:
        return ()
    kinds = Counter(file.suffix.lower() or "no suffix" for file in others)
    listed = ", ".join(f"{kind} ({num})" for kind, num in kinds.most_common(MOST_KINDS))
    more = f" and {len(kinds) - MOST_KINDS} kinds more" if len(kinds) > MOST_KINDS else ""
    return (
        "files passed over, since their names are not those of pictures: "
        f"{len(others)}, such as {others[0]}; {listed}{more}",
    )


def _visible_files(folder: Path) -> list[Path]:
    """Return the paths, relative to `folder`, of all files in it that are not hidden, sorted."""
    if not folder.is_dir():
        raise ValueError(
            f"path must be a folder of pictures, and {folder} is "
            f"{'a file' if folder.exists() else 'not there'}"
        )
    found: list[Path] = []
    seen: set[str] = set()
    for directory, subdirectories, names in os.walk(folder, followlinks=True):
        subdirectories[:] = [name for name in subdirectories if not name.startswith(".")]
        real = os.path.realpath(directory)
        if real in seen:  # a link to a folder above would repeat everything
            subdirectories.clear()
            continue
        seen.add(real)
        inner = Path(directory).relative_to(folder)
        found += [inner / name for name in names if not name.startswith(".")]
    return sorted(found, key=Path.as_posix)


def _read(folder: Path, files: list[Path], options: Images) -> Pictures:
    """Return the pictures that can be read, with a note per file skipped."""

    def decode(file: Path) -> Pixels | str:
        try:
            with Image.open(folder / file) as picture:
                converted[file] = conversions_of(picture)
                return prepare(picture, options)
        except Exception as error:  # decoders of many formats raise whatever they like
            return str(error) or type(error).__name__

    converted: dict[Path, tuple[str, ...]] = {}
    pile = Pile(len(files))
    read: list[Path] = []
    notes: list[str] = []
    # Threads are enough: Pillow's decoders let go of Python's lock.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for start in range(0, len(files), CHUNK):
            chunk = files[start : start + CHUNK]
            for file, pixels in zip(chunk, pool.map(decode, chunk), strict=True):
                if not isinstance(pixels, str):
                    pile.add(pixels, str(folder / file))
                    read.append(file)
                elif options.bad_files == "skip":
                    notes.append(f"skipped {file}: {pixels}")
                else:
                    raise ValueError(
                        f"{folder / file} cannot be read as a picture ({pixels}); remove it or say "
                        "bad_files = 'skip'"
                    )
    if not read:
        raise ValueError(
            f"none of the {len(files)} pictures in {folder} can be read; the first: {notes[0]}"
        )
    stacked = pile.tensor()
    deep = all(SCALED in converted[file] for file in read)
    done = Counter(what for file in read for what in converted[file])
    notes += [*conversion_note(done, len(read)), *range_note(stacked, 0, 255, deep)]
    return Pictures(stacked, read, tuple(notes), tuple(sorted(done)))


def _sub_folders(files: list[Path]) -> list[str]:
    """Return the first-level sub-folders, sorted; none unless all files lie in one of several."""
    if any(len(file.parts) == 1 for file in files):
        return []
    names = sorted({file.parts[0] for file in files})
    return names if len(names) > 1 else []


def _grey_note(pixels: Tensor) -> tuple[str, ...]:
    """Return a remark where pixels [N, 3, H, W] have three equal channels throughout."""
    if pixels.shape[1] != 3:
        return ()
    # In chunks: in a set of colour the first of them decides.
    if all(bool((part == part[:, :1]).all()) for part in pixels.split(CHUNK)):
        return (
            'all pictures are grey: channels = "grey" trains on one channel instead of three equal '
            "ones",
        )
    return ()


def _check_sub_folders(folder: Path, files: list[Path]) -> None:
    for file in files:
        if len(file.parts) == 1:
            raise ValueError(
                f"labels = 'folders' needs every picture in a sub-folder, and {folder / file} is in "
                "none"
            )

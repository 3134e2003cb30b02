"""A folder of pictures."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganstudy.trials.config.data import Images
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.pictures import Pile, Pixels, prepare
from ganstudy.trials.data.split import count_labels, shuffled, split

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
CHUNK = 256
"""Files decoded before the next are begun, so that a bad one is reported early."""


def images(options: Images) -> Dataset:
    """Return every picture in the folder and its sub-folders, in a fixed order that does not depend
    on where the folder lies.

    Other files and hidden ones are passed over; of an animation the first frame is taken. Raises
    ValueError where there is no such folder, no picture in it, or one that cannot be read or does
    not fit.
    """
    folder = Path(options.path).expanduser()
    files = picture_files(folder)
    files = [files[index] for index in shuffled(len(files), options.limit).tolist()]
    if options.labels == "folders":
        _check_sub_folders(folder, files)
    pixels, files, notes = _read(folder, files, options)
    labels = class_names = None
    if options.labels == "folders":
        labels, class_names = count_labels(np.array([file.parts[0] for file in files]))
    return split("images", pixels, labels, class_names, options.held_out, notes)


def picture_files(folder: Path) -> list[Path]:
    """Return the paths, relative to `folder`, of the pictures in it, sorted; raise a ValueError
    where there are none.
    """
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
        found += [
            inner / name
            for name in names
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    if not found:
        raise ValueError(f"{folder} holds no picture; known: {', '.join(SUFFIXES)}")
    # os.walk keeps the order of the file system, which differs between machines.
    return sorted(found, key=Path.as_posix)


def _read(
    folder: Path, files: list[Path], options: Images
) -> tuple[Tensor, list[Path], tuple[str, ...]]:
    """Return (uint8 [N, C, H, W], the files read, a note per file skipped)."""

    def decode(file: Path) -> Pixels | str:
        try:
            with Image.open(folder / file) as picture:
                return prepare(picture, options)
        except Exception as error:  # decoders of many formats raise whatever they like
            return str(error) or type(error).__name__

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
    return pile.tensor(), read, tuple(notes)


def _check_sub_folders(folder: Path, files: list[Path]) -> None:
    for file in files:
        if len(file.parts) == 1:
            raise ValueError(
                f"labels = 'folders' needs every picture in a sub-folder, and {folder / file} is in "
                "none"
            )

"""A folder of pictures, or a zip of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from ganstudy.trials.config.data import Images
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.decoding import Picture
from ganstudy.trials.data.gathering import gather
from ganstudy.trials.data.picture_sources import (
    PictureSource,
    is_picture,
    open_source,
    pictures_among,
)
from ganstudy.trials.data.ranges import grey_note
from ganstudy.trials.data.split import count_labels, shuffled, split
from ganstudy.trials.data.stylegan_labels import DATASET_JSON, labels_in_file

MOST_KINDS = 5
"""Kinds of files that a remark lists."""


def images(options: Images) -> Dataset:
    """Return every picture in the folder and its sub-folders or in the zip, in a fixed order.

    The order does not depend on where the folder lies.

    Other files are passed over, with a note on those that are not hidden; of an animation the first
    frame is taken. Raises
    ValueError where there is no such folder, no picture in it, or one that cannot be read or does
    not fit.
    """
    read = read_pictures(options)
    labels, class_names = read.labels or (None, None)
    notes = (*read.notes, *grey_note(read.pixels))
    labels_by = ""
    if options.labels == "none" and (classes := _sub_folders(read.files)):
        listed = ", ".join(classes[:MOST_KINDS]) + (", ..." if len(classes) > MOST_KINDS else "")
        labels_by = f'labels = "folders" makes classes of the {len(classes)} sub-folders ({listed})'
        notes = (*notes, f"no labels: {labels_by}")
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
    labels: tuple[Tensor, tuple[str, ...]] | None = None
    """Counted from 0, and the name of each class; None where there are none."""


def read_pictures(options: Images) -> Pictures:
    """Return the pictures of the folder or zip; raise a ValueError as `images` does."""
    with open_source(Path(options.path).expanduser()) as source:
        files = pictures_among(source)
        files = [files[index] for index in shuffled(len(files), options.limit).tolist()]
        if options.labels == "folders":
            check_sub_folders(source, files)
        found = gather(FilePictures(source, files), options)
        skipped = set(found.skipped)
        read = [file for position, file in enumerate(files) if position not in skipped]
        used = [DATASET_JSON] if options.labels == "file" else []
        passed_over = _passed_over([file for file in source.files if file not in used])
        labels = labels_of(source, read, options)
    if options.labels == "file" and labels is None:
        passed_over = (*passed_over, f"no labels: {DATASET_JSON} has none, or a single one")
    notes = (*found.notes, *passed_over)
    return Pictures(found.pixels, read, notes, found.conversions, labels)


def labels_of(
    source: PictureSource, files: Sequence[Path], options: Images
) -> tuple[Tensor, tuple[str, ...]] | None:
    """Return (labels counted from 0, class names) of the pictures; None where there are none."""
    if options.labels == "folders":
        return count_labels(np.array([file.parts[0] for file in files]))
    return labels_in_file(source, files) if options.labels == "file" else None


class FilePictures:
    """The files of a source as pictures, in their order."""

    def __init__(self, source: PictureSource, files: Sequence[Path]) -> None:
        self.root = source.path
        self.num = len(files)
        self._source, self._files = source, files

    def __iter__(self) -> Iterator[Picture]:
        """Iterate over the pictures."""
        for position, file in enumerate(self._files):
            yield Picture(position, str(file), partial(self._source.data, file))

    def marks(self) -> Iterator[str]:
        """Iterate over the names, sizes and versions of the files."""
        return (f"{file} {self._source.mark(file)}" for file in self._files)


def _passed_over(files: list[Path]) -> tuple[str, ...]:
    """Return one remark on the files that are no pictures by their names, if there are any."""
    others = [file for file in files if not is_picture(file)]
    if not others:
        return ()
    kinds = Counter(file.suffix.lower() or "no suffix" for file in others)
    listed = ", ".join(f"{kind} ({num})" for kind, num in kinds.most_common(MOST_KINDS))
    more = f" and {len(kinds) - MOST_KINDS} kinds more" if len(kinds) > MOST_KINDS else ""
    return (
        "files passed over, since their names are not those of pictures: "
        f"{len(others)}, such as {others[0]}; {listed}{more}",
    )


def _sub_folders(files: list[Path]) -> list[str]:
    """Return the first-level sub-folders, sorted; none unless all files lie in one of several."""
    if any(len(file.parts) == 1 for file in files):
        return []
    names = sorted({file.parts[0] for file in files})
    return names if len(names) > 1 else []


def check_sub_folders(source: PictureSource, files: Sequence[Path]) -> None:
    """Raise ValueError where a picture lies in no sub-folder."""
    for file in files:
        if len(file.parts) == 1:
            raise ValueError(
                f"labels = 'folders' needs every picture in a sub-folder, and {source.path / file} "
                "is in none"
            )

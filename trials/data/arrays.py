"""Images or points in an npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganstudy.trials.config.base import alternatives
from ganstudy.trials.config.data import Arrays
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.pictures import middle_square, resized
from ganstudy.trials.data.ranges import range_note
from ganstudy.trials.data.split import LabelledImages, count_labels, shuffled, split, whole

IMAGES_KEYS = ("x", "images")
LABELS_KEYS = ("y", "labels")
HELD_OUT = 0.2
MOST_ROUNDED = 0.01
"""Standard deviations by which single precision may move a point."""
Layout = Literal["auto", "channels_first", "channels_last"]


def arrays(options: Arrays) -> Dataset:
    """Return the arrays of the file, shuffled in a fixed way. Pickled objects are never read.

    Raises ValueError where the file, an array in it or its form is not as the options say.
    """
    path = Path(options.path).expanduser()
    # Closed here: an error would keep the file open for as long as somebody holds its traceback.
    with _open(path) as archive:

        def named(key: str | None) -> NDArray[Any] | None:
            return None if key is None else _array(archive, path, key)

        images = _array(archive, path, options.images_key or _images_key(archive, path))
        labels_key = options.labels_key
        if labels_key is None and options.held_out_images_key is None:
            # Not guessed beside a held-out array: its labels could not be guessed alike.
            labels_key = next((key for key in LABELS_KEYS if key in archive.files), None)
        labels = named(labels_key)
        held_out = named(options.held_out_images_key)
        held_out_labels = None if held_out is None else named(options.held_out_labels_key)
    try:
        if held_out is None:
            return _with_share(images, labels, options)
        return _with_held_out(images, labels, held_out, held_out_labels, options)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _with_share(images: NDArray[Any], labels: NDArray[Any] | None, options: Arrays) -> Dataset:
    tensor = _tensor(images, options)
    notes = _range_notes(images, options)
    order = shuffled(len(tensor), options.limit)
    held_out = HELD_OUT if options.held_out is None else options.held_out
    if labels is None:
        return split("arrays", tensor[order], None, None, held_out, notes)
    indices, class_names = _labels_of(labels, len(tensor))
    return split("arrays", tensor[order], indices[order], class_names, held_out, notes)


def _with_held_out(
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    held_out: NDArray[Any],
    held_out_labels: NDArray[Any] | None,
    options: Arrays,
) -> Dataset:
    train, test = (_tensor(array, options) for array in (images, held_out))
    notes = tuple(
        f"{part}: {note}"
        for part, array in (("training", images), ("held out", held_out))
        for note in _range_notes(array, options)
    )
    order = shuffled(len(train), options.limit)
    if labels is None or held_out_labels is None:
        return whole("arrays", LabelledImages(train[order]), LabelledImages(test), None, notes)
    train_labels, class_names = _labels_of(labels, len(train))
    test_labels, test_names = _labels_of(held_out_labels, len(test))
    if test_names != class_names:
        raise ValueError(
            f"both splits must have the same classes, got {list(class_names)} and "
            f"{list(test_names)}"
        )
    return whole(
        "arrays",
        LabelledImages(train[order], train_labels[order]),
        LabelledImages(test, test_labels),
        class_names,
        notes,
    )


def _range_notes(array: NDArray[Any], options: Arrays) -> tuple[str, ...]:
    if array.ndim < 3:
        return ()
    return range_note(array, *(options.range or (0, 255)))


def read_arrays(options: Arrays) -> tuple[Tensor, tuple[str, ...]]:
    """Return (images or points of the file in its own order, notes), labels left aside.

    Raise a ValueError as `arrays` does.
    """
    path = Path(options.path).expanduser()
    with _open(path) as archive:
        images = _array(archive, path, options.images_key or _images_key(archive, path))
    try:
        return _tensor(images, options), _range_notes(images, options)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _tensor(array: NDArray[Any], options: Arrays) -> Tensor:
    tensor = to_tensor(array, options.range, options.layout)
    if options.size is None:
        return tensor
    if tensor.ndim == 2:
        raise ValueError(f"size is for images, and the array holds points {list(array.shape)}")
    return resized(middle_square(tensor), options.size)


def to_tensor(
    array: NDArray[Any], value_range: tuple[float, float] | None, layout: Layout
) -> Tensor:
    """Return images [N, C, H, W], uint8 or float32 in [-1, 1], or points [N, D], float32.

    array: [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W]. value_range: the values that become -1
    and 1; None leaves uint8 as it is. Raises ValueError for anything else.
    """
    if array.dtype.kind not in "uif":
        raise ValueError(f"images and points must be numbers, got {array.dtype}")
    if array.ndim == 2:
        if value_range is not None:
            raise ValueError(f"range is for images, and the array holds points {list(array.shape)}")
        return _single(array)
    array = _channels_first(array, layout)
    if value_range is None:
        if array.dtype != np.uint8:
            raise ValueError(
                f"images of {array.dtype} need a range, such as range = [0, 1] or [-1, 1]"
            )
        return torch.from_numpy(np.ascontiguousarray(array))
    low, high = value_range
    if array.size and (array.min() < low or array.max() > high):
        raise ValueError(
            f"values must lie in range = [{low:g}, {high:g}], but reach from {array.min():g} to "
            f"{array.max():g}"
        )
    images = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    # Scaling by 1 would still round: x + 1 - 1 loses digits of small values.
    if (low, high) == (-1, 1):
        return images
    # clamp, since rounding may miss the ends by a float, and a Dataset refuses what is beyond them.
    return (images - low).mul_(2 / (high - low)).sub_(1).clamp_(-1, 1)


def _single(points: NDArray[Any]) -> Tensor:
    """Return points [N, D] as float32; raise a ValueError where that would round away their spread."""
    with np.errstate(over="ignore"):  # what overflows is refused as infinite
        single = points.astype(np.float32)
    if points.dtype.kind == "f" and points.dtype.itemsize <= single.dtype.itemsize:
        return torch.from_numpy(single)
    exact = points.astype(np.float64)
    with np.errstate(invalid="ignore"):
        moved = np.abs(single - exact).max(axis=0, initial=0)
        lossy = np.flatnonzero(moved > MOST_ROUNDED * exact.std(axis=0)) if len(exact) else ()
    for column in lossy:
        values = exact[:, column]
        if np.ptp(values) > 0:
            raise ValueError(
                f"points are held in single precision, which moves column {column} by up to "
                f"{moved[column]:.3g} while it spreads over {values.std():.3g} about "
                f"{values.mean():.3g}; subtract its mean first"
            )
    return torch.from_numpy(single)


def _channels_first(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    if array.ndim == 3:
        return array[:, None]
    if array.ndim != 4:
        raise ValueError(
            "an array must be points [N, D] or images [N, H, W], [N, H, W, C] or [N, C, H, W], got "
            f"{list(array.shape)}"
        )
    may_be_first = array.shape[1] in (1, 3)
    may_be_last = array.shape[3] in (1, 3)
    if layout == "auto" and may_be_first and may_be_last:
        raise ValueError(
            "layout must be stated where an array can be read both ways, "
            f"as {list(array.shape)} can"
        )
    readable = {
        "channels_last": may_be_last,
        "channels_first": may_be_first,
        "auto": may_be_first or may_be_last,
    }
    if not readable[layout]:
        raise ValueError(
            f"images must have 1 or 3 channels, got {list(array.shape)} with layout = {layout!r}"
        )
    return array.transpose(0, 3, 1, 2) if may_be_last and layout != "channels_first" else array


def _labels_of(labels: NDArray[Any], num_images: int) -> tuple[Tensor, tuple[str, ...]]:
    """Return (labels counted from 0, class names); raise a ValueError unless each image has one."""
    if labels.shape[:1] != (num_images,):
        found = f"{len(labels)} labels" if labels.ndim else "a single value"
        raise ValueError(f"every image needs one label, got {found} for {num_images} images")
    return count_labels(labels)


def _open(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(
            f"path must be an npz file, and {path} is "
            f"{'a folder' if path.exists() else 'not there'}"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(f"path must be an npz file (numpy.savez), and {path} is not one")
    # A pickle in somebody's file could run any code.
    return np.load(path, allow_pickle=False)


def _images_key(archive: Any, path: Path) -> str:
    present = [key for key in IMAGES_KEYS if key in archive.files]
    if len(present) != 1:
        raise ValueError(
            f"{path}: images_key must be stated unless there is one array named "
            f"{' or '.join(IMAGES_KEYS)}; known: {', '.join(archive.files)}"
        )
    return present[0]


def _array(archive: Any, path: Path, key: str) -> NDArray[Any]:
    if key not in archive.files:
        raise ValueError(f"{path}: unknown array {key!r}{alternatives(key, archive.files)}")
    try:
        array: NDArray[Any] = archive[key]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: array {key!r} must be plain numbers or strings, and cannot be read: {error}"
        ) from None
    return array

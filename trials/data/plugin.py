"""A user's own data set: "my_data.py:Dataset".

The callable is called with the options of the study file as keyword arguments. It returns a
map-style data set (`len` and items, as torch.utils.data.Dataset has), a pair (images, labels) of
arrays, or a ready ganstudy.trials.data.Dataset, whose own split is kept. An item is an image or
(image, label); an image is a PIL picture, uint8 with 0..255, or floats in [-1, 1]; a label is a
whole number or a string. One-dimensional items are points.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import DataOptions, PictureOptions, PluginData
from ganstudy.trials.config.global_streams import kept_streams
from ganstudy.trials.data.arrays import to_tensor
from ganstudy.trials.data.conversions import SCALED, conversion_note, conversions_of
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.pictures import Pile, middle_square, prepare, resized
from ganstudy.trials.data.ranges import range_note
from ganstudy.trials.data.split import count_labels, odd_labels, shuffled, split
from ganstudy.trials.ensemble.streams import derive

EXPECTED = (
    "a data set with a length and items, a pair (images, labels) of arrays, "
    "or a ganstudy.trials.data.Dataset"
)


def plugin(options: PluginData) -> Dataset:
    """Return the data set that a user's file makes; every item is read once.

    Raises ValueError, naming the file and the line, where the user's code raises or returns
    something else.
    """
    file = plugins.source(options.digest, options.name)
    build = plugins.load(options.name, options.digest)
    # The file is imported once per process, and what it draws then must not shift what its data
    # set draws. Every process must read the same data, and the streams go on afterwards as before.
    with kept_streams(derive(0, "data", "plugin")):
        with _located(file, build):
            made = build(**options.options)
        if isinstance(made, Dataset):
            with _located(file, build):
                _refuse_picture_options(options)
            return replace(made, notes=(*made.notes, *_remarks(made)))
        with _located(file, getattr(type(made), "__getitem__", None), build):
            done: Counter[str] = Counter()
            images, labels = _read(made, options, done)
            indices, class_names = (None, None) if labels is None else count_labels(labels)
            notes = (
                *conversion_note(done, len(images)),
                *_range_note(images, done[SCALED] == len(images)),
            )
            made = split(file.stem, images, indices, class_names, options.held_out, notes)
            return replace(made, conversions=tuple(sorted(done)))


def _range_note(images: Tensor, sixteen_bits: bool = False) -> tuple[str, ...]:
    span = (0, 255) if images.dtype == torch.uint8 else (-1, 1)
    return range_note(images, *span, sixteen_bits) if images.ndim > 2 else ()


def _remarks(ready: Dataset) -> tuple[str, ...]:
    """Return remarks on values and labels of a data set that was made ready elsewhere."""
    if ready.train_labels is None or ready.class_names is None:
        return _range_note(ready.train)
    return *_range_note(ready.train), *odd_labels(ready.train_labels, ready.class_names)


def _refuse_picture_options(options: PluginData) -> None:
    fields = type(options).model_fields
    pictures = PictureOptions.model_fields.keys() - DataOptions.model_fields.keys()
    stated = sorted(name for name in pictures if getattr(options, name) != fields[name].default)
    if stated:
        raise ValueError(
            "a ready ganstudy.trials.data.Dataset is taken as it is, so leave out "
            f"{', '.join(stated)}, or return its images and labels as a pair of arrays"
        )


def _read(made: Any, options: PluginData, done: Counter[str]) -> tuple[Tensor, NDArray[Any] | None]:
    """Return (images or points, labels or None), both shuffled.

    done: counts what pictures needed.
    """
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], np.ndarray | Tensor):
        images, labels = _array(made[0]), None if made[1] is None else _array(made[1])
        if labels is not None and len(labels) != len(images):
            raise ValueError(
                f"every image needs one label, got {len(labels)} labels for {len(images)} images"
            )
        order = shuffled(len(images), options.limit).numpy()
        return _from_arrays(images[order], options), None if labels is None else labels[order]
    if not (hasattr(made, "__len__") and hasattr(made, "__getitem__")) or isinstance(
        made, tuple | dict | str
    ):
        raise ValueError(f"{options.name} must return {EXPECTED}, got {_kind(made)}")
    if len(made) < 3:
        raise ValueError(f"at least 3 images are needed, of which 1 is held out, got {len(made)}")
    return _items(made, options, done)


def _items(
    made: Any, options: PluginData, done: Counter[str]
) -> tuple[Tensor, NDArray[Any] | None]:
    order = shuffled(len(made), options.limit).tolist()
    pile = Pile(len(order))
    arrays: list[NDArray[Any]] = []
    labels: list[Any] = []
    for index in order:
        item = made[index]
        image, label = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
        labels.append(
            label.item() if isinstance(label, np.generic | np.ndarray | Tensor) else label
        )
        if isinstance(image, Image.Image):
            done.update(conversions_of(image))
            pile.add(prepare(image, options), f"item {index}")
        elif isinstance(image, np.ndarray | Tensor):
            arrays.append(_array(image))
        else:
            raise ValueError(
                "an item must be an image (PIL, array or tensor) or (image, label), and item "
                f"{index} is {_kind(item)}"
            )
        if arrays and (len(arrays) != len(labels) or arrays[-1].shape != arrays[0].shape):
            raise ValueError(
                f"items must all be pictures, or all arrays of one shape, and item {index} differs"
            )
    unlabelled = sum(label is None for label in labels)
    if 0 < unlabelled < len(labels):
        raise ValueError(
            f"every item needs a label, or none does, and {unlabelled} of {len(labels)} have none"
        )
    images = _from_arrays(np.stack(arrays), options) if arrays else pile.tensor()
    return images, None if unlabelled else np.array(labels)


def _from_arrays(array: NDArray[Any], options: PluginData) -> Tensor:
    floats = array.ndim > 2 and array.dtype.kind == "f"
    if array.ndim > 2 and not floats and array.dtype != np.uint8:
        raise ValueError(
            f"images must be pictures (PIL), uint8 or floats in [-1, 1], got {array.dtype}"
        )
    # In [0, 1] they would train without a complaint, on half of the range of tanh.
    if floats and array.min() >= 0:
        raise ValueError(
            f"images of floats must lie in [-1, 1], and these, from {array.min():g} to "
            f"{array.max():g}, have no value below 0: return 2 * x - 1 for values in [0, 1], or "
            "uint8"
        )
    tensor = to_tensor(array, (-1, 1) if floats else None, "auto")
    if options.size is None:
        return tensor
    if tensor.ndim == 2:
        raise ValueError(f"size is for images, and the array holds points {list(array.shape)}")
    return resized(middle_square(tensor) if options.crop == "centre" else tensor, options.size)


def _array(values: Any) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" + (
        f" of {len(value)}" if isinstance(value, tuple | list | dict) else ""
    )


@contextmanager
def _located(file: Path, *blamed: Callable[..., Any] | None) -> Iterator[None]:
    """Context manager that turns what is raised inside into a ValueError that names a line.

    It is the line of the user's file that raised, or else the one where the first of `blamed` is
    defined.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        line = plugins.where(error, file)
        if line == file.name and isinstance(error, ValueError):
            # Ours, about what the file returned: its traceback would only show our own code.
            raise ValueError(f"{_definition(file, *blamed)}: {error}") from None
        line = _definition(file, *blamed) if line == file.name else line
        raise ValueError(f"{line}: {plugins.described(error)}") from error


def _definition(file: Path, *blamed: Callable[..., Any] | None) -> str:
    """Return FILE:LINE of the first of `blamed` that is defined in `file`, or its name alone."""
    for function in blamed:
        try:
            if function is not None and Path(inspect.getfile(function)).name == file.name:
                return f"{file.name}:{inspect.getsourcelines(function)[1]}"
        except (TypeError, OSError):  # not written in Python
            continue
    return file.name

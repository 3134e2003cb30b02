"""A data set from a user's own images.

It has a fixed shuffle, what is held out, and labels counted from 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.streams import generator

MAX_GENERATED = 10_000
"""Samples per seed and evaluation, unless [measures] samples says otherwise."""


ODD_LABEL = "which counts as a class like any other; leave out what has no label"
REPEATED = "held-out images are among the training images too"


class LabelledImages(NamedTuple):
    """Images of one split, with their labels if there are any."""

    images: Tensor
    labels: Tensor | None = None


def shuffled(num: int, limit: int | None) -> Tensor:
    """Return the first `limit` of 0 .. num - 1, or all, in an order that depends on `num` alone."""
    # All of them are drawn, then cut: a larger limit adds images and keeps the others.
    return torch.randperm(num, generator=generator(0, "data", "split"))[:limit]


def split(
    name: str,
    images: Tensor,
    labels: Tensor | None,
    class_names: tuple[str, ...] | None,
    held_out: float,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Return a data set of images that are shuffled already.

    The first are held out, the others trained on.

    held_out: below 1 a share of the images (rounded, at least one), from 1 on their number. Raises
    ValueError where it leaves fewer than 2 to train on.
    """
    num = int(held_out) if held_out >= 1 else max(1, round(held_out * len(images)))
    if num > len(images) - 2:
        raise ValueError(
            f"{name}: held_out must leave at least 2 images to train on, got held_out = "
            f"{held_out:g} of {len(images)}"
        )
    train = LabelledImages(images[num:], None if labels is None else labels[num:])
    held_out_part = LabelledImages(images[:num], None if labels is None else labels[:num])
    return whole(name, train, held_out_part, class_names, notes)


def whole(
    name: str,
    train: LabelledImages,
    held_out: LabelledImages,
    class_names: tuple[str, ...] | None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Return a data set that is split already.

    As many samples are drawn per evaluation as are held out, up to 10,000.

    Held-out images that are trained on too make copying look like quality, so their number is
    noted.
    """
    # Hashes, since the bytes themselves would be a second copy of all the images.
    seen = {hash(image.tobytes()) for image in train.images.numpy()}
    repeated = sum(hash(image.tobytes()) in seen for image in held_out.images.numpy())
    if repeated:
        notes = (
            *notes,
            f"{repeated} of the {len(held_out.images)} {REPEATED}",
        )
    if train.labels is not None and held_out.labels is not None and class_names is not None:
        labels = torch.cat([train.labels, held_out.labels])
        notes = (*notes, *odd_labels(labels, class_names))
    return Dataset(
        name,
        train=train.images,
        held_out=held_out.images,
        num_generated=min(MAX_GENERATED, len(held_out.images)),
        train_labels=train.labels,
        held_out_labels=held_out.labels,
        class_names=class_names,
        notes=notes,
    )


def odd_labels(labels: Tensor, class_names: tuple[str, ...]) -> tuple[str, ...]:
    """Return one remark on classes whose names mostly stand for no label."""
    odd = [index for index, name in enumerate(class_names) if _stands_for_none(name)]
    if not odd:
        return ()
    num = int(torch.isin(labels, torch.tensor(odd)).sum())
    which = " and ".join(repr(class_names[index]) for index in odd[:3])
    return (f"{num} of {len(labels)} images have the label {which}, {ODD_LABEL}",)


def _stands_for_none(name: str) -> bool:
    try:
        return not float(name) >= 0  # NaN is none either
    except ValueError:
        return name.strip().lower() in ("", "none", "null", "n/a")


def count_labels(labels: NDArray[Any]) -> tuple[Tensor, tuple[str, ...]]:
    """Return (labels as int64 counted from 0, the name of each class).

    Labels are given as [N] or [N, 1] of whole numbers or strings.

    Classes are numbered in the order of their values. Raises ValueError for other arrays, or a
    single class.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iuUS":
        raise ValueError(
            f"labels must be whole numbers or strings, one per image, got {labels.dtype} "
            f"{list(labels.shape)}"
        )
    values, indices = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        raise ValueError(
            f"labels must name at least 2 classes, got {[str(value) for value in values]}"
        )
    return torch.from_numpy(indices.astype(np.int64)), tuple(str(value) for value in values)

"""Data sets of torchvision, with 10 classes and 10,000 images held out."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from ganstudy.trials.config.data import Downloaded, OfficialSplit
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.pictures import resized
from ganstudy.trials.data.ranges import range_note
from ganstudy.trials.data.split import MAX_GENERATED, shuffled

CLASSES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}
"""By name, the class of torchvision.datasets."""


def torchvision_set(options: OfficialSplit) -> Dataset:
    """Return images of the training split to train on and of the test split held out.

    Images are uint8 and have 10 labels.
    """
    train, held_out, class_names = official(options.name, options)
    images, labels = _first(*train, options.train_images, f"train_images of {options.name}")
    test_images, test_labels = _first(
        *held_out, options.held_out_images, f"held_out_images of {options.name}"
    )
    return Dataset(
        options.name,
        train=images,
        held_out=test_images,
        num_generated=min(MAX_GENERATED, len(test_images)),
        train_labels=labels,
        held_out_labels=test_labels,
        class_names=class_names,
        notes=range_note(images, 0, 255),
    )


def official(
    name: str, options: Downloaded
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[str, ...]]:
    """Return ((images, labels) of the training split, those of the test split, class names).

    Images are uint8 [N, C, H, W].

    Raises ValueError where the files are not there and cannot be downloaded.
    """
    from torchvision import datasets

    root = Path(options.root).expanduser()
    with _download_lock(root, name, options.download):
        try:
            splits = [
                getattr(datasets, CLASSES[name])(root, train=train, download=options.download)
                for train in (True, False)
            ]
        except (RuntimeError, OSError) as error:
            what = "may not be downloaded (download = false)"
            if options.download:
                what = "could not be downloaded"
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"{name} is not complete in root = {root} and {what}: {reason}"
            ) from None
    class_names = tuple(text.split(" - ")[0] for text in splits[0].classes)  # MNIST says "0 - zero"
    train, test = (_tensors(split, options.size) for split in splits)
    return train, test, class_names


def _download_lock(root: Path, name: str, download: bool) -> Any:
    """Return a lock to hold while files may be written."""
    # Half-unpacked files pass for whole ones, and many workers start at once.
    if not download or (root.exists() and not os.access(root, os.W_OK)):
        return nullcontext()
    root.mkdir(parents=True, exist_ok=True)
    return FileLock(root / f".{name}.lock")


def _tensors(split: Any, size: int | None) -> tuple[Tensor, Tensor]:
    images = torch.as_tensor(split.data)
    # MNIST's files have no channel, CIFAR's have it last.
    images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
    return images if size is None else resized(images, size), torch.as_tensor(split.targets).long()


def _first(images: Tensor, labels: Tensor, num: int | None, what: str) -> tuple[Tensor, Tensor]:
    if num is not None and num > len(images):
        raise ValueError(f"{what} must be <= {len(images)}, got {num}")
    order = shuffled(len(images), num)
    return images[order], labels[order]

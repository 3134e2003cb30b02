"""The type of a data set: what the GAN trains on, what it is measured against, what a mode is.

The held-out images are never trained on, neither by the GAN nor by the classifier that measures it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

MIN_SIDE = 4
"""Pixels of an image, as in the options that resize: with fewer the classifier and the sharpness
see nothing.
"""


@dataclass(frozen=True)
class Mixture:
    """Known modes in the data space: a mixture of equal isotropic Gaussians."""

    means: Tensor
    """[K, D]"""
    sigma: float


@dataclass(frozen=True, eq=False)
class Dataset:
    """Real data: images [N, C, H, W], uint8 or float32 in [-1, 1], or points, float32 [N, D].

    `as_float` gives the values that networks see. Raises ValueError where nothing could be trained
    on or measured against: values that are not finite or out of range, images below 4 x 4 pixels,
    fewer than 2 training images, no held-out ones, all training images equal, labels that do not
    belong to the images.
    """

    name: str
    train: Tensor
    held_out: Tensor
    num_generated: int
    """Samples drawn per seed and evaluation."""
    train_labels: Tensor | None = None
    """int64 [N], counted from 0"""
    held_out_labels: Tensor | None = None
    mixture: Mixture | None = None
    class_names: tuple[str, ...] | None = None
    """By label; absent: the labels themselves."""
    part: Dataset | None = None
    """For stacked images: the single-channel data whose classes combine, channel by channel, into
    these.
    """
    notes: tuple[str, ...] = ()
    """What a reader of the results should know about how the data were read; one sentence each."""
    conversions: tuple[str, ...] = ()
    """What was done to pictures that needed it, as trials/data/conversions.py names it."""
    mirror: bool = False
    """Whether training turns images left to right at random; images here are as they were read."""
    labels_by: str = ""
    """What in the study file would give labels, where there are none: a clause for messages."""

    def __post_init__(self) -> None:
        self._check_values()
        if self.mirror and not self.is_images:
            raise ValueError(f"{self.name}: mirror is for images, and the data are points")
        self._check_labels()

    @property
    def mode_names(self) -> list[str] | None:
        """One name per mode, in the order of the mode histograms; None where no modes are known."""
        if self.mixture is not None:
            return [", ".join(f"{x:.2f}" for x in mean) for mean in self.mixture.means.tolist()]
        if self.class_names is not None:
            return list(self.class_names)
        if self.train_labels is not None:
            return [str(label) for label in range(int(self.train_labels.max()) + 1)]
        return None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image or point."""
        return tuple(self.train.shape[1:])

    @property
    def bounded(self) -> bool:
        """Whether the values lie in [-1, 1] by construction."""
        return self.is_images

    @property
    def is_images(self) -> bool:
        """Whether the data are images rather than points."""
        return len(self.shape) == 3

    @cached_property
    def digest(self) -> str:
        """Hex digest of every value, the split and the labels."""
        digest = hashlib.blake2b(digest_size=8)
        for part in (self.train, self.held_out, self.train_labels, self.held_out_labels):
            if part is not None:
                # Equal values have equal digests, in whatever order they lie in memory.
                digest.update(np.ascontiguousarray(part.numpy()).data)
        return digest.hexdigest()

    def _check_values(self) -> None:
        kind = "images" if self.is_images else "points"
        if len(self.train) < 2:
            raise ValueError(
                f"{self.name}: at least 2 {kind} to train on are needed, got {len(self.train)}"
            )
        if len(self.held_out) == 0:
            raise ValueError(f"{self.name}: at least 1 of the {kind} must be held out, got 0")
        if len(self.shape) not in (1, 3) or self.held_out.shape[1:] != self.train.shape[1:]:
            raise ValueError(
                f"{self.name}: training and held-out data must both be images [N, C, H, W] or "
                f"points [N, D] of one shape, got {list(self.train.shape)} and "
                f"{list(self.held_out.shape)}"
            )
        if self.is_images and min(self.shape[1:]) < MIN_SIDE:
            sides = " x ".join(map(str, self.shape[1:]))
            raise ValueError(
                f"{self.name}: images must have at least {MIN_SIDE} pixels a side, got {sides}"
            )
        types = (torch.uint8, torch.float32) if self.is_images else (torch.float32,)
        if self.train.dtype not in types or self.held_out.dtype != self.train.dtype:
            raise ValueError(
                f"{self.name}: {kind} must be {' or '.join(map(str, types))}, the same in both "
                f"splits, got {self.train.dtype} and {self.held_out.dtype}"
            )
        if self.train.is_floating_point():
            self._check_floats(kind)
        # In chunks, since a comparison of all at once would take as much memory as the data.
        if all(
            torch.equal(images, self.train[:1].expand_as(images))
            for images in self.train.split(1024)
        ):
            raise ValueError(
                f"{self.name}: the {kind} must differ, "
                f"but all {len(self.train)} to train on are equal"
            )

    def _check_floats(self, kind: str) -> None:
        for split, values in (("training", self.train), ("held-out", self.held_out)):
            check_finite(self.name, values, kind, split)
            low, high = float(values.min()), float(values.max())
            if self.is_images and not -1 <= low <= high <= 1:
                raise ValueError(
                    f"{self.name}: images of floats must lie in [-1, 1], but the {split} ones reach "
                    f"from {low:g} to {high:g}"
                )

    def _check_labels(self) -> None:
        if (self.train_labels is None) != (self.held_out_labels is None):
            raise ValueError(
                f"{self.name}: labels are needed for training and held-out images, or for neither"
            )
        for split, values, labels in (
            ("training", self.train, self.train_labels),
            ("held-out", self.held_out, self.held_out_labels),
        ):
            if labels is None:
                continue
            if labels.shape != values.shape[:1]:
                raise ValueError(
                    f"{self.name}: every image needs one label, got {list(labels.shape)} {split} "
                    f"labels for {len(values)} images"
                )
            # Without names the classes are counted from the training labels: none may be held out
            # alone.
            names = len(self.mode_names or ())
            if labels.dtype != torch.int64 or int(labels.min()) < 0 or int(labels.max()) >= names:
                raise ValueError(
                    f"{self.name}: labels must be int64 from 0 to {names - 1}, got {labels.dtype} "
                    f"from {int(labels.min())} to {int(labels.max())} in the {split} ones"
                )


def check_finite(name: str, values: Tensor, kind: str, split: str) -> None:
    """Raise ValueError where some of the values [N, ...] are NaN or infinity."""
    bad = int((~torch.isfinite(values.flatten(1)).all(1)).sum())
    if bad:
        raise ValueError(
            f"{name}: {kind} must be finite, but {bad} of the {len(values)} {split} "
            f"{kind} hold NaN or infinity"
        )


def as_float(images: Tensor) -> Tensor:
    """Return the values that networks see.

    They are float32 in [-1, 1] where the data are uint8; floats stay as they are.
    """
    return images.float().div_(127.5).sub_(1) if images.dtype == torch.uint8 else images

"""What a training function may draw from: the training images, and its seed's own streams.

A stream is a function of the seed and of how often it was drawn from: that of built-in training, if
it has the same name. A checkpoint holds how often that was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from ganstudy.trials.data.dataset import Dataset, as_float


class TrainingData(TorchDataset[Tensor]):
    """The training images or points, as networks see them: a map-style data set for torch."""

    def __init__(self, dataset: Dataset) -> None:
        self.images = dataset.train
        """[N, ...] as they are held: uint8, or float32 in [-1, 1]; points float32."""
        self.labels = dataset.train_labels
        """int64 [N], counted from 0; None where there are none."""
        self.shape = dataset.shape
        """Of one image [C, H, W] or point [D]."""
        self.mode_names = dataset.mode_names
        self.is_images = dataset.is_images
        self.mirror = dataset.mirror
        """Whether run.batches turns images left to right at random; indexing never does."""

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> Tensor:
        """Return images at an index, a slice or a tensor of indices: float32, images in [-1, 1]."""
        return as_float(self.images[index])


class Stream(Iterator[Tensor]):
    """A stream of batches, drawn from by `next`."""

    def __init__(self, at: Callable[[int], Tensor], drawn: int, asked: tuple[Any, ...]) -> None:
        """at: returns the batch of a position; drawn: batches so far; asked: what makes streams alike."""
        self._at = at
        self.drawn = drawn
        self.asked = asked

    def __next__(self) -> Tensor:
        batch = self._at(self.drawn)
        self.drawn += 1
        return batch


class Streams:
    """The streams of one call of a training function, by name."""

    def __init__(self, drawn: dict[str, int]) -> None:
        """drawn: batches of each stream before a checkpoint."""
        self._drawn = drawn
        self._made: dict[str, Stream] = {}

    def stream(
        self, name: str, asked: tuple[Any, ...], make: Callable[[], Callable[[int], Tensor]]
    ) -> Stream:
        """Return the stream of that name, made at its first call.

        asked: size and kind of its batches. Raise ValueError where others were asked for before.
        """
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = Stream(make(), self._drawn.get(name, 0), asked)
        elif made.asked != asked:
            raise ValueError(
                f"the stream {name.split('/')[-1]!r} gives batches of {made.asked}, and {asked} is "
                'asked for: give another stream a name of its own, stream="..."'
            )
        return made

    def state(self) -> dict[str, int]:
        """Return how many batches were drawn of each stream."""
        return {**self._drawn, **{name: made.drawn for name, made in self._made.items()}}


def as_images(given: Any) -> Tensor:
    """Return what a function gives as images as a tensor of floats; TypeError where it is none."""
    images = given if isinstance(given, Tensor) else torch.as_tensor(given)
    images = as_float(images.detach())
    return images.float() if images.dtype in (torch.float16, torch.bfloat16) else images

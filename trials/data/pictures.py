"""Conversion of pictures of any size and kind to uint8 arrays of one shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from ganstudy.trials.config.data import PictureOptions

Pixels = NDArray[np.uint8]
Allocate = Callable[[tuple[int, ...]], Pixels]
"""Returns an array of a shape, its values left open."""
RESAMPLING = Image.Resampling.BICUBIC
"""Pillow's widens with the factor of reduction, so that small images are not aliased (Parmar et al.
2022).
"""


def prepare(picture: Image.Image, options: PictureOptions) -> Pixels:
    """Return the picture turned upright, in colour or grey, cropped and resized: [C, H, W].

    Raises ValueError for 32-bit pictures, which do not say what is black and what is white.
    """
    picture = _eight_bit(
        ImageOps.exif_transpose(picture), "RGB" if options.channels == "colour" else "L"
    )
    if options.crop == "centre":
        width, height = picture.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    if options.size is not None:
        picture = picture.resize((options.size, options.size), RESAMPLING)
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _eight_bit(picture: Image.Image, mode: Literal["L", "RGB"]) -> Image.Image:
    if picture.mode in ("I", "F"):
        raise ValueError("32-bit pictures have no fixed black and white; save it with 8 or 16 bits")
    if picture.mode.startswith("I;16"):  # Pillow's own conversion clips at 255 instead of scaling
        # 65535 / 257 = 255, so that white stays white.
        picture = Image.fromarray(np.round(np.asarray(picture) / 257).astype(np.uint8))
    if picture.has_transparency_data:  # dropping alpha would show colours that nobody sees
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture.convert(mode)


class Pile:
    """Pixels of many pictures, gathered into one array; the first decides the shape."""

    def __init__(self, num: int, allocate: Allocate | None = None) -> None:
        """num: pictures at most. allocate: makes their array, in memory unless given."""
        self._num = num
        self._allocate: Allocate = allocate or (lambda shape: np.empty(shape, np.uint8))
        self._filled: dict[int, None] = {}
        self._first = ""
        self._pixels: Pixels = np.empty(0, np.uint8)

    def add(self, pixels: Pixels, name: str) -> None:
        """Put pixels behind those added so far."""
        self.put(len(self._filled), pixels, name)

    def put(self, position: int, pixels: Pixels, name: str) -> None:
        """Put pixels [C, H, W] at a position; ValueError where another picture had another size."""
        if not self._filled:
            self._first = name
            self._pixels = self._allocate((self._num, *pixels.shape))
        if pixels.shape != self._pixels.shape[1:]:
            sizes = [f"{shape[-1]} x {shape[-2]}" for shape in (self._pixels.shape, pixels.shape)]
            raise ValueError(
                "pictures must have one size where no size is stated, but "
                f"{self._first} gives {sizes[0]} and {name} {sizes[1]}; say size = 64, for example"
            )
        self._pixels[position] = pixels
        self._filled[position] = None

    def tensor(self) -> Tensor:
        """Return the pixels in the order of their positions, uint8 [N, C, H, W], without gaps."""
        for place, position in enumerate(sorted(self._filled)):
            if place != position:
                self._pixels[place] = self._pixels[position]
        return torch.from_numpy(self._pixels[: len(self._filled)])


def resized(images: Tensor, size: int) -> Tensor:
    """Resize [N, C, H, W] to [N, C, size, size]; images of that size stay as they are.

    images: uint8, or float32 in [-1, 1], where they are kept although bicubic resampling overshoots.
    """
    if images.shape[2:] == (size, size):
        return images
    planes: Iterable[NDArray[Any]] = images.flatten(0, 1).numpy()
    small = [
        np.asarray(Image.fromarray(plane).resize((size, size), RESAMPLING)) for plane in planes
    ]
    made = torch.from_numpy(np.stack(small)).reshape(*images.shape[:2], size, size)
    return made.clamp_(-1, 1) if made.is_floating_point() else made


def middle_square(images: Tensor) -> Tensor:
    """Return the middle square of images [N, C, H, W], cut as `prepare` cuts a picture."""
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, :, top : top + side, left : left + side]

"""The sample grid of an evaluation: images of every seed from latents that never change."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.streams import LatentKind, fixed_latents
from ganstudy.trials.measures.features.classifier import to_uint8
from ganstudy.trials.results.sample_layout import GAP, PANEL, seed_boxes

COLUMNS, ROWS_PER_SEED = 10, 2
IMAGES_PER_SEED = COLUMNS * ROWS_PER_SEED
MIN_TILE = 32
"""Pixels; smaller images are enlarged without smoothing."""
SEAM = 2
"""Pixels between the images of a seed."""
MISSING = (250, 225, 225)
"""Colour of a seed without finite samples."""
MOST_POINTS = 1000
"""More points of a seed would merge into a blot."""


def shown_latents(latent_dim: int, latent: LatentKind) -> Tensor:
    """Return latents [IMAGES_PER_SEED, latent_dim] of the pictures, which never change.

    Those of seed 0 for all: pictures of unlike seeds and trials are compared image by image.
    """
    return fixed_latents([0], "latents/shown", IMAGES_PER_SEED, latent_dim, latent)[0]


def draw_grid(dataset: Dataset, samples: list[Tensor | None]) -> bytes:
    """Return a PNG with one band per seed (images) or one panel per seed (points).

    A seed without finite samples is pink.

    samples: per seed [n, ...] on the CPU, or None.
    """
    draw = _draw_images if dataset.is_images else _draw_points
    return _png(draw(dataset, samples))


def join_grids(pictures: Sequence[bytes], is_images: bool) -> bytes:
    """Return the picture of all seeds, to the byte, from pictures of some of them each."""
    opened = [Image.open(io.BytesIO(picture)) for picture in pictures]
    widths = [picture.width for picture in opened]
    heights = [picture.height for picture in opened]
    # Seeds lie below one another (images) or side by side (points), GAP apart.
    if is_images:
        joined = Image.new("RGB", (widths[0], sum(heights) + GAP * (len(opened) - 1)), "white")
    else:
        joined = Image.new("RGB", (sum(widths) + GAP * (len(opened) - 1), heights[0]), "white")
    left = top = 0
    for picture in opened:
        joined.paste(picture, (left, top))
        if is_images:
            top += picture.height + GAP
        else:
            left += picture.width + GAP
    return _png(joined)


def split_grid(picture: bytes, num_seeds: int, is_images: bool) -> list[bytes]:
    """Return one picture per seed from that of `num_seeds` seeds."""
    whole = Image.open(io.BytesIO(picture))
    boxes = seed_boxes(*whole.size, num_seeds, is_images)
    return [_png(whole.crop(box)) for box in boxes]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # Settings of their own, so that equal pictures are equal bytes whatever Pillow's defaults are.
    picture.save(buffer, "PNG", optimize=False, compress_level=6)
    return buffer.getvalue()


def _draw_images(dataset: Dataset, samples: list[Tensor | None]) -> Image.Image:
    enlarged = max(1, math.ceil(MIN_TILE / max(dataset.shape[1:])))
    height, width = (enlarged * side for side in dataset.shape[1:])
    pitch_x, pitch_y = width + SEAM, height + SEAM
    band_height = ROWS_PER_SEED * pitch_y
    picture = Image.new(
        "RGB", (COLUMNS * pitch_x, len(samples) * (band_height + GAP) - GAP), "white"
    )
    for index, images in enumerate(samples):
        top = index * (band_height + GAP)
        if images is None:
            picture.paste(MISSING, (0, top, picture.width, top + band_height))
            continue
        shown = to_uint8(images[:IMAGES_PER_SEED]).numpy().transpose(0, 2, 3, 1)
        for position, image in enumerate(shown):
            row, column = divmod(position, COLUMNS)
            colour = image if image.shape[2] == 3 else np.repeat(image[:, :, :1], 3, axis=2)
            tile = Image.fromarray(colour).resize((width, height), Image.Resampling.NEAREST)
            picture.paste(tile, (column * pitch_x, top + row * pitch_y))
    return picture


def _draw_points(dataset: Dataset, samples: list[Tensor | None]) -> Image.Image:
    # Of points in more dimensions, the first two are drawn.
    reach = 1.3 * float(
        (dataset.mixture.means if dataset.mixture else dataset.held_out[:, :2]).abs().max()
    )
    picture = Image.new("RGB", (len(samples) * (PANEL + GAP) - GAP, PANEL), "white")
    canvas = ImageDraw.Draw(picture)
    for index, points in enumerate(samples):
        left = index * (PANEL + GAP)
        background = (247, 247, 247) if points is not None else MISSING
        canvas.rectangle((left, 0, left + PANEL - 1, PANEL - 1), fill=background)

        def pixel(x: float, y: float, left: int = left) -> tuple[float, float]:
            return left + (x / reach + 1) * PANEL / 2, (1 - y / reach) * PANEL / 2

        for mean_x, mean_y in dataset.mixture.means.tolist() if dataset.mixture else []:
            x, y = pixel(mean_x, mean_y)
            canvas.ellipse((x - 6, y - 6, x + 6, y + 6), outline=(200, 90, 60), width=2)
        if points is not None:
            # One coordinate is drawn along a line.
            flat = points[:, :2]
            if points.shape[1] == 1:
                flat = torch.cat([points, torch.zeros_like(points)], dim=1)
            inside = flat[(flat.abs() < reach).all(1)][:MOST_POINTS]
            canvas.point([pixel(x, y) for x, y in inside.tolist()], fill=(30, 70, 140))
    return picture

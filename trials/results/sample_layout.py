"""Where the seeds of a trial stand in its sample grid; free of torch, as the report cuts them out."""

from __future__ import annotations

PANEL = 220
"""Pixels per side of the panel of a seed's points."""
GAP = 8
"""Pixels between seeds."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom."""


def seed_boxes(width: int, height: int, num_seeds: int, is_images: bool) -> list[Box]:
    """Return the part of a grid that each seed has: bands of images, or panels of points."""
    if is_images:
        pitch = (height + GAP) // num_seeds
        return [(0, at * pitch, width, (at + 1) * pitch - GAP) for at in range(num_seeds)]
    pitch = (width + GAP) // num_seeds
    return [(at * pitch, 0, (at + 1) * pitch - GAP, height) for at in range(num_seeds)]

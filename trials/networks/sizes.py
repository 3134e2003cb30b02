"""Sides of a network's feature maps from those of an image, and errors where they do not fit."""

from __future__ import annotations

MAX_SMALLEST = 7
"""Longest permitted shorter side of the smallest feature map of a network that halves exactly."""


def image_sides(network: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (C, H, W) of an image; raise a ValueError for the shape of a point.

    network: its name, for the message.
    """
    if len(shape) != 3:
        raise ValueError(
            f"{network} makes images, [C, H, W], got points of {shape[0]} dimensions; mlp makes "
            "either"
        )
    channels, height, width = shape
    return channels, height, width


def exact_halvings(network: str, height: int, width: int) -> int:
    """Return how often both sides are halved until the shorter is 4 to 7.

    Examples: 28 -> 7 (2), 32 -> 4 (3), 64 -> 4 (4).

    Raises ValueError where that leaves a remainder or needs no halving at all.
    """
    halvings = 0
    shorter = min(height, width)
    while shorter > MAX_SMALLEST:
        shorter, halvings = shorter // 2, halvings + 1
    if halvings == 0 or height % 2**halvings or width % 2**halvings:
        raise ValueError(
            f"{network} takes images whose shorter side is 4, 5, 6 or 7 times a power of two (8, "
            "10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, ...) and whose longer side "
            f"divides by that power, got {height} x {width}"
        )
    return halvings


def rounded_halvings(network: str, height: int, width: int, halvings: int) -> list[tuple[int, int]]:
    """Return (H, W) of the feature maps from the image down, each side half of the last.

    Halves are rounded up: 28, 14, 7, 4, 2.

    Raises ValueError where the image is too small for that many halvings.
    """
    if min(height, width) < 2**halvings:
        raise ValueError(
            f"{network} takes images of at least {2**halvings} x {2**halvings} pixels, got {height} "
            f"x {width}; mlp takes any"
        )
    sides = [(height, width)]
    for _ in range(halvings):
        height, width = -(-height // 2), -(-width // 2)
        sides.append((height, width))
    return sides

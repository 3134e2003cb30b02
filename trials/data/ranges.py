"""Remarks on pixel values: those that fill a small part of their stated range, and grey ones.

The first are mostly a sign that the range, or a conversion to it, was another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

LEAST_USED = 0.6
"""Share of the range; [0, 1] fills half of [-1, 1], and sets of photographs nearly all of theirs."""
OUTLIERS = 0.01
"""Share of the images whose lowest or highest values are left aside: one hot pixel hides nothing."""
DEPTHS = (10, 12, 14)
"""Bits of the sensors and scanners that write files of 16."""
SIXTEEN = 65_535
CHUNK = 256
"""Images compared at once."""


def range_note(
    images: NDArray[Any] | Tensor, low: float, high: float, sixteen_bits: bool = False
) -> tuple[str, ...]:
    """Return a remark where images [N, ...] use less than 60% of the values from low to high.

    sixteen_bits: whether they are 8-bit values that were made of 16-bit ones.
    """
    values = np.asarray(images).reshape(len(images), -1)
    if values.size == 0:
        return ()
    lows, highs = values.min(axis=1), values.max(axis=1)
    if not (np.isfinite(lows).all() and np.isfinite(highs).all()):
        return ()  # refused elsewhere
    least = float(np.quantile(lows, OUTLIERS, method="lower"))
    most = float(np.quantile(highs, 1 - OUTLIERS, method="higher"))
    used = (most - least) / (high - low)
    if used >= LEAST_USED:
        return ()
    if sixteen_bits:
        least, most, high = least * 257, most * 257, SIXTEEN
    return (
        f"the images use {_percent(used)} of the range from {low:g} to {high:g}, "
        f"{least:.5g} to {most:.5g}: {_guess(values, least, most, (low, high), sixteen_bits)}",
    )


def grey_note(pixels: Tensor) -> tuple[str, ...]:
    """Return a remark where pixels [N, 3, H, W] have three equal channels throughout."""
    if pixels.shape[1] != 3:
        return ()
    # In chunks: in a set of colour the first of them decides.
    if all(bool((part == part[:, :1]).all()) for part in pixels.split(CHUNK)):
        return (
            'all pictures are grey: channels = "grey" trains on one channel instead of three equal '
            "ones",
        )
    return ()


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _guess(
    values: NDArray[Any], least: float, most: float, named: tuple[float, float], sixteen_bits: bool
) -> str:
    """Return what the values look like."""
    if sixteen_bits:
        # Resizing overshoots by some per cent.
        depths = [bits for bits in DEPTHS if most < 1.1 * 2**bits]
        if depths:
            return f"they look like {depths[0]}-bit values in files of 16 bits, which are not scaled up"
    elif values.dtype == np.uint8 and most <= 1:
        return (
            "they look like values in [0, 1] that were made whole numbers without a factor of 255"
        )
    elif values.dtype != np.uint8 and named != (0, 1) and least >= 0 and 0.5 < most <= 1:
        return "they look like values in [0, 1], which would be the range to state"
    return "if that is not how dark or flat they are, another range is meant"

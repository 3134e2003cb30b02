"""Ways out that messages name where networks of a tutorial meet other data than the tutorial's.

Each function returns what is added to a message, and nothing where its cure would not help.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def missing_reshape(network: nn.Module, latents: Tensor) -> str:
    """Return the cure for a generator that takes latents as images of one pixel, as many do.

    Empty where that is not why it fails on `latents` [B, Z].
    """
    try:
        with torch.no_grad():
            network(latents[:, :, None, None])
    except Exception:  # whatever a user's code raises: it fails for another reason
        return ""
    z = latents.shape[1]
    return (
        f"; latents are [B, {z}], and this network takes [B, {z}, 1, 1]: begin with "
        f"nn.Unflatten(1, ({z}, 1, 1)), or with z[:, :, None, None] in forward"
    )


def other_size(images: Any, shape: tuple[int, ...]) -> str:
    """Return the cure for a generator of images of another size or other channels than the data."""
    if not isinstance(images, Tensor) or images.dim() != 4 or len(shape) != 3:
        return ""
    if images.shape[1:] == shape:
        return ""
    cures = []
    channels, height, width = images.shape[1:]
    if channels != shape[0] and channels in (1, 3):
        cures.append(f'channels = "{"grey" if channels == 1 else "colour"}"')
    if (height, width) != shape[1:] and height == width:
        cures.append(f"size = {height}")
    if not cures:
        return ""
    return f": {' and '.join(cures)} in [data] makes such images, or build it for `shape`"


def map_of_logits(logits: Any) -> str:
    """Return the cure for a discriminator that gives a map of logits per image."""
    if not isinstance(logits, Tensor) or logits.dim() != 4 or logits.shape[1] != 1:
        return ""
    height, width = logits.shape[2:]
    return (
        f": its last convolution leaves a map of {height} x {width}: size in [data] makes smaller "
        "images, another layer of stride 2 halves the map, and logits.mean((2, 3)) averages it"
    )


def too_small(error: Exception, images: Tensor) -> str:
    """Return the cure for a discriminator whose convolutions run out of pixels."""
    if "Kernel size" not in str(error):
        return ""
    sides = " x ".join(map(str, images.shape[2:]))
    return (
        f"; the images are {sides}, and the network is made for larger ones: size in [data] resizes "
        "images, or leave out a layer of stride 2"
    )

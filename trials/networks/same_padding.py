"""Stride-2 convolutions with the geometry that TensorFlow calls "same".

For networks that were published in it.

The output has ceil(H / 2) rows, and the padding that this needs is spread over both edges, the odd
row going to the far one: before = (2 (ceil(H / 2) - 1) + kernel - H) // 2. The transposed
convolution is the adjoint of that map. Where the padding is even, this is PyTorch's own.
"""

from __future__ import annotations

from torch import Tensor, nn


def _padding(side: int, kernel: int) -> tuple[int, int]:
    """Return the padding (before, after) of an image side of `side` pixels."""
    total = 2 * (-(-side // 2) - 1) + kernel - side
    return total // 2, total - total // 2


def same_conv(inputs: int, outputs: int, kernel: int, sides: tuple[int, int]) -> list[nn.Module]:
    """Return layers that map [B, inputs, H, W] to [B, outputs, ceil(H / 2), ceil(W / 2)].

    sides: (H, W).
    """
    (top, bottom), (left, right) = (_padding(side, kernel) for side in sides)
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride=2, padding=(top, left))]
    if bottom > top or right > left:
        # torch pads both edges alike, so the odd row and column are added by hand.
        layers.insert(0, nn.ZeroPad2d((0, right - left, 0, bottom - top)))
    return layers


def same_deconv(inputs: int, outputs: int, kernel: int, sides: tuple[int, int]) -> list[nn.Module]:
    """Return layers that map [B, inputs, ceil(H / 2), ceil(W / 2)] to [B, outputs, H, W].

    sides: (H, W).
    """
    (top, bottom), (left, right) = (_padding(side, kernel) for side in sides)
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(inputs, outputs, kernel, stride=2, padding=(top, left))
    ]
    if bottom > top or right > left:
        layers.append(Crop(sides))
    return layers


class Crop(nn.Module):
    """Crop [B, C, >= H, >= W] -> [B, C, H, W] to the first rows and columns."""

    def __init__(self, sides: tuple[int, int]) -> None:
        super().__init__()
        self.height, self.width = sides

    def forward(self, images: Tensor) -> Tensor:
        """Return the first rows and columns."""
        return images[..., : self.height, : self.width]

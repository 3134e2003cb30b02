"""Differentiable augmentation: both players see images augmented (Zhao et al. 2020, sec. 3).

    D(T(x)), D(T(G(z))) in place of D(x), D(G(z))        in both players' losses

T is drawn anew for every image from one distribution, for both kinds and in both players' steps,
and the generator's gradient passes through it. The policies, with the ranges and roundings of the
released code:

    color         brightness x + b, b ~ U(-0.5, 0.5); then saturation m + s (x - m), s ~ U(0, 2), m the mean over
                  the channels (no effect on grey images); then contrast m + c (x - m), c ~ U(0.5, 1.5), m the
                  mean over the image
    translation   by whole pixels, uniform up to an eighth of height and width either way, zeros shifted in
    cutout        a rectangle of half the height and width is set to 0; its centre is uniform over the image

An eighth and a half are rounded to the nearest pixel, halves up. Images stand for [-1, 1], so 0 is
grey.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.remedies import DiffAugmentOptions
from ganstudy.trials.ensemble.step_context import Kind, StepContext
from ganstudy.trials.remedies.base import Remedy

MAX_SHIFT = 1 / 8
"""Largest translation, as a share of the image's size."""
CUTOUT_SIDE = 1 / 2
"""Side of the cutout, as a share of the image's size."""


class DiffAugment(Remedy):
    """Augmentation of all images that the discriminator sees."""

    recordable = True
    options: DiffAugmentOptions

    def input_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return `shape`; raise a ValueError where it is not that of an image."""
        if len(shape) != 3:
            raise ValueError(
                f"diff_augment is for images [C, H, W], and the data have the shape {list(shape)}"
            )
        return shape

    def view(self, images: Tensor, kind: Kind, context: StepContext) -> Tensor:
        """Return images [S, B, C, H, W], each augmented in its own way."""
        batch = images.shape[1]
        for name in self.options.policy:
            numbers = 3 if name == "color" else 2
            uniform = context.uniform(f"diff_augment/{name}/{kind}", numbers, batch)
            images = AUGMENTATIONS[name](images, uniform)
        return images


def color(images: Tensor, uniform: Tensor) -> Tensor:
    """Change brightness, saturation and contrast of images [S, B, C, H, W].

    uniform: [S, 3, B] from U(0, 1), which decides by how much.
    """
    brightness, saturation, contrast = (uniform[:, i, :, None, None, None] for i in range(3))
    images = images + (brightness - 0.5)
    grey = images.mean(2, keepdim=True)
    images = grey + 2 * saturation * (images - grey)
    level = images.mean((2, 3, 4), keepdim=True)
    return level + (0.5 + contrast) * (images - level)


def translation(images: Tensor, uniform: Tensor) -> Tensor:
    """Shift images [S, B, C, H, W] along H and W by `uniform` [S, 2, B] from U(0, 1)."""
    for axis in (0, 1):
        size = images.shape[3 + axis]
        most = _rounded(MAX_SHIFT * size)
        shift = (uniform[:, axis] * (2 * most + 1)).floor().long() - most  # [S, B]
        source = torch.arange(size, device=images.device) + shift[..., None]  # [S, B, size]
        inside = (source >= 0) & (source < size)
        shape = (*shift.shape, 1, size, 1) if axis == 0 else (*shift.shape, 1, 1, size)
        # By gather, since every image has a shift of its own; it needs indices that exist, so that
        # what comes from outside is set to 0 afterwards.
        index = source.clamp(0, size - 1).reshape(shape).expand_as(images)
        images = images.gather(3 + axis, index) * inside.reshape(shape)
    return images


def cutout(images: Tensor, uniform: Tensor) -> Tensor:
    """Cut a rectangle of zeros out of images [S, B, C, H, W].

    Its centre is given by `uniform` [S, 2, B] from U(0, 1).
    """
    inside = []
    for axis in (0, 1):
        size = images.shape[3 + axis]
        side = _rounded(CUTOUT_SIDE * size)
        # An even side has its centre between two pixels, and so one more position.
        centre = (uniform[:, axis] * (size + 1 - side % 2)).floor().long()
        first = (centre - side // 2)[..., None]
        pixel = torch.arange(size, device=images.device)
        inside.append((pixel >= first) & (pixel < first + side))  # [S, B, size]
    hole = inside[0][:, :, None, :, None] & inside[1][:, :, None, None, :]
    # A product: writing into the images would change the batch for everyone who holds it.
    return images * ~hole


def _rounded(length: float) -> int:
    return int(length + 0.5)  # halves up, as the released code does; round() takes them to even


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}

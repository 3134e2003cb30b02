"""Sharpness: the variance of the Laplacian of generated images against that of real ones.

Pech-Pacheco et al. 2000: LAP_VAR = Var over pixels of (L * I), L the kernel [[0, 1, 0], [1, -4, 1],
[0, 1, 0]], here over the pixels that have four neighbours and averaged over the channels. Averaged
over the images and divided by the same of the held-out images: 1 is as sharp as real, below 1
blurred, above 1 noisy or over-sharp. Noise counts as sharpness, so the ratio is a symptom and not a
quality.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Scorer

LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
BATCH, SMALL = 512, 3 * 32 * 32
"""Images filtered at once, of so many values; of larger ones fewer."""


def laplacian_variance(images: Tensor) -> Tensor:
    """Return the variance of each image's Laplacian, [N] squared grey levels in float64.

    images: [N, C, H, W] as data sets hold them, of at least 3 x 3 pixels.
    """
    kernel = torch.tensor(LAPLACIAN, dtype=torch.float64, device=images.device)[None, None]
    parts = []
    at_once = max(1, min(BATCH, BATCH * SMALL // images[0].numel()))
    for batch in images.split(at_once):
        # Channels are filtered like images of their own.
        filtered = F.conv2d(as_float(batch).double().flatten(0, 1).unsqueeze(1), kernel)
        # The pixels are the whole population of an image, not a sample of it.
        variances = filtered.flatten(1).var(dim=1, correction=0)
        parts.append(variances.view(batch.shape[:2]).mean(dim=1))
    return torch.cat(parts)


class Sharpness:
    """Sharpness against real images, whose Laplacian variance is computed once."""

    def __init__(self, real: Tensor) -> None:
        """real: images [N, C, H, W]. Raise ValueError where they have no edges to compare with."""
        self._real = float(laplacian_variance(real).mean())
        if self._real == 0:
            raise ValueError(
                "sharpness needs real images that are not flat, got a Laplacian of variance 0 in all"
            )

    def ratio(self, fake: Tensor) -> float:
        """Return the mean Laplacian variance of generated images over that of the real ones.

        fake: [n, C, H, W].
        """
        return float(laplacian_variance(fake).mean()) / self._real


def _against(real: RealSamples) -> Scorer | None:
    if real.values.dim() != 4:
        return None  # points have no sharpness
    sharpness = Sharpness(real.values)
    return lambda samples: {"sharpness": sharpness.ratio(samples.values)}


SHARPNESS = SampleMeasure("sharpness", ("sharpness",), _against)

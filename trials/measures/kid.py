"""KID, the Kernel Inception Distance: Bińkowski et al. 2018, sec. 3.1 and 4.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),   k(x, y) = (x.y / F + 1)^3,   x, x' generated, y, y' real

estimated without bias from all pairs of different samples, so 0 on average for a perfect sampler at
any n, and as often below 0 as above. torch-fidelity averages the same estimate over random subsets
of equal size; on one subset of everything the two agree (tests/trials/measures/test_kid.py). Taking
all pairs varies less, and is ten times cheaper, since a product cubes a number faster than a power
does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.ensemble.streams import generator
from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Scorer

MOST_COMPARED = 2_000
"""Samples of each side: the first generated ones, real ones drawn at random. KID is unbiased at any
number, and its cost grows with the square of it."""
FEWEST = 2
"""Below two samples there is no pair to estimate from."""
UNIT_SCALE = (0.1, 10.0)
"""Root mean square of the values for which the kernel sees distances at all: below, x.y / F vanishes
beside the 1; above, the cube is ruled by how far from the origin the samples lie."""


def scale_note(real: Tensor) -> str | None:
    """Return a remark for a reader of KID where points [N, F] are far from unit scale, else None."""
    scale = float(real.double().square().mean().sqrt())
    if UNIT_SCALE[0] <= scale <= UNIT_SCALE[1]:
        return None
    return (
        "KID means nothing for these points: its kernel (x.y / D + 1)^3 is made for values of about "
        f"1, and their root mean square is {scale:.3g}; subtract their mean and divide by their spread"
    )


class KernelDistance:
    """KID against one set of real samples, whose own term is computed once."""

    def __init__(self, real: Tensor) -> None:
        """real: features [N, F]."""
        order = torch.randperm(len(real), generator=generator(0, "kernel"))[:MOST_COMPARED]
        self._num_real = len(real)
        # The kernel's sums lose what single precision cannot hold.
        self._real = real[order].double()
        self._within: float | None = None

    def distance(self, generated: Tensor) -> float:
        """Return KID of generated features [n, F], the squared kernel distance.

        Raise ValueError below 2 samples on either side, the fewest that an unbiased estimate exists
        for.
        """
        if min(len(generated), self._num_real) < FEWEST:
            raise ValueError(
                f"KID needs >= {FEWEST} samples on each side, got {len(generated)} generated and "
                f"{self._num_real} real"
            )
        if self._within is None:
            self._within = _mean_of_pairs(self._real)
        fake = generated[:MOST_COMPARED].double()
        return _mean_of_pairs(fake) + self._within - 2 * float(_kernel(fake, self._real).mean())


def _against(real: RealSamples) -> Scorer:
    kernel = KernelDistance(real.features)
    return lambda samples: {"kid": kernel.distance(samples.features)}


KID = SampleMeasure("KID", ("kid",), _against, least_samples=lambda _: FEWEST)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return the cubic polynomial kernel k(x_i, y_j)."""
    inner = (x @ y.T).div_(x.shape[1]).add_(1)
    # Two products are ten times cheaper than pow(3), and the second in place by a third again.
    return (inner * inner).mul_(inner)


def _mean_of_pairs(x: Tensor) -> float:
    """Return the mean of k over all pairs of different samples."""
    values = _kernel(x, x)
    return float((values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1)))

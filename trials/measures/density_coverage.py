"""Density and coverage: how deep samples lie in the real data, and how much of it they reach.

Naeem et al. 2020, sec. 3. B_i is the open ball around real sample X_i whose radius is the distance
to its k-th nearest other real sample; k = 5, N real and n generated samples Y_j:

    density  = 1 / (k n) sum_j #{i : Y_j in B_i}        unbounded; about 1 for a perfect sampler
    coverage = 1 / N #{i : B_i holds at least one Y_j}  share of real samples

For a perfect sampler, coverage is 1 - (N-1)...(N-k) / ((N+n-1)...(N+n-k)) on average (theirs at N =
n, here for N and n that differ): 0.969 at N = n, about 1 - 1/2^k. Unlike precision and recall,
neither trusts the generated samples to span a manifold, so outliers among them do no harm. A real
sample that occurs more than k times has an empty ball.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Samples, Scorer
from ganstudy.trials.measures.distances import TIE, blocks, neighbour_radii, pairwise

# k as its authors recommend it, and as prdc and StudioGAN take it.
NEAREST = 5


class Neighbourhoods:
    """Density and coverage against one set of real samples, whose balls are computed once."""

    def __init__(self, real: Tensor, k: int = NEAREST) -> None:
        """Compute the radii of the balls around the real samples.

        real: features [N, F]; on a GPU, generated ones must be there too. Raise ValueError unless
        N > k.
        """
        _check(len(real), k, "real")
        self._k, self._real = k, real
        # Open balls: a sample at the k-th distance itself lies outside.
        self._radii = neighbour_radii(real, k) * (1 - TIE)

    def density_coverage(self, fake: Tensor) -> tuple[float, float]:
        """Return (density, coverage) of generated features [n, F]. Raise ValueError unless n > k."""
        _check(len(fake), self._k, "generated")
        balls = zip(blocks(self._real, len(fake)), blocks(self._radii, len(fake)), strict=True)
        counts = [(pairwise(rows, fake) < radii[:, None]).sum(1) for rows, radii in balls]
        inside = torch.cat(counts).double()
        density = inside.sum() / (self._k * len(fake))
        return float(density), float((inside > 0).double().mean())


def _against(real: RealSamples) -> Scorer:
    neighbourhoods = Neighbourhoods(real.features)

    def scorer(samples: Samples) -> dict[str, float]:
        density, coverage = neighbourhoods.density_coverage(samples.features)
        return {"density": density, "coverage": coverage}

    return scorer


DENSITY_COVERAGE = SampleMeasure(
    "density and coverage",
    ("density", "coverage"),
    _against,
    least_samples=lambda _: NEAREST + 1,  # five neighbours and the sample itself
)


def _check(num: int, k: int, side: str) -> None:
    if num <= k:
        raise ValueError(f"density and coverage at k = {k} need > {k} {side} samples, got {num}")

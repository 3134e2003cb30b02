"""Density and coverage: how deep generated samples lie in the real data, and how much of it they
reach.

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

import numpy as np
import torch
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Samples, Scorer

# k as its authors recommend it, and as prdc and StudioGAN take it.
NEAREST = 5
BLOCK_MEBIBYTES = 64
"""Memory for distances at any one time; the whole table of 10,000 x 10,000 would take 763."""


class Neighbourhoods:
    """Density and coverage against one set of real samples, whose balls are computed once."""

    def __init__(self, real: Tensor, k: int = NEAREST) -> None:
        """real: features [N, F]; on a GPU, generated ones must be there too. Raise ValueError
        unless N > k.
        """
        _check(len(real), k, "real")
        # On the CPU scikit-learn keeps to bounded memory by itself; it has no code for a GPU.
        self._k, self._on_gpu = k, real.is_cuda
        if self._on_gpu:
            # In float64, as scikit-learn computes on the CPU: balls are the same on either device.
            self._there = real.double()
            self._radii_there = self._distances_of_others()
            return
        self._real = real.double().numpy()
        distances, _ = NearestNeighbors(n_neighbors=k).fit(self._real).kneighbors()
        self._radii = distances[:, -1]

    def _distances_of_others(self) -> Tensor:
        """Return the distance [N] of each real sample to its k-th nearest other."""
        found, start = [], 0
        for rows in blocks(self._there, len(self._there)):
            distances = _exact(rows, self._there)
            # By position and not by distance 0: a copy of a sample is a neighbour like any other.
            distances.diagonal(start).fill_(torch.inf)
            found.append(distances.kthvalue(self._k).values)
            start += len(rows)
        return torch.cat(found)

    def density_coverage(self, fake: Tensor) -> tuple[float, float]:
        """Return (density, coverage) of generated features [n, F]. Raise ValueError unless n > k."""
        _check(len(fake), self._k, "generated")
        if self._on_gpu:
            there = fake.double()
            balls = zip(
                blocks(self._there, len(there)), blocks(self._radii_there, len(there)), strict=True
            )
            counts = [(_exact(rows, there) < radii[:, None]).sum(1) for rows, radii in balls]
            inside_there = torch.cat(counts).double()
            return float(inside_there.sum() / (self._k * len(fake))), float(
                (inside_there > 0).double().mean()
            )

        def fake_per_ball(distances: np.ndarray, start: int) -> np.ndarray:
            radii = self._radii[start : start + len(distances)]
            return np.asarray((distances < radii[:, None]).sum(axis=1))

        chunks = pairwise_distances_chunked(
            self._real,
            fake.double().numpy(),
            reduce_func=fake_per_ball,
            working_memory=BLOCK_MEBIBYTES,
        )
        inside = np.concatenate(list(chunks))
        return float(inside.sum() / (self._k * len(fake))), float((inside > 0).mean())


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


def blocks(values: Tensor, others: int) -> tuple[Tensor, ...]:
    """Split the rows of `values` so that the distances of a part to `others` samples stay small."""
    # A mebibyte holds 2^17 numbers of float64.
    parts: tuple[Tensor, ...] = values.split(max(1, int(BLOCK_MEBIBYTES * 2**17) // others))
    return parts


def _exact(rows: Tensor, others: Tensor) -> Tensor:
    """Return distances that are exactly 0 between equal points, which torch.cdist's matrix product
    does not promise.
    """
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")


def _check(num: int, k: int, side: str) -> None:
    if num <= k:
        raise ValueError(f"density and coverage at k = {k} need > {k} {side} samples, got {num}")

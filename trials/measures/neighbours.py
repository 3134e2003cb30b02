"""Density and coverage: how deep generated samples lie in the real data, and how much of it they reach.

Naeem et al. 2020, sec. 3. B_i is the open ball around real sample X_i whose radius is the distance to
its k-th nearest other real sample; k = 5, N real and n generated samples Y_j:

    density  = 1 / (k n) sum_j #{i : Y_j in B_i}        unbounded; about 1 for a perfect sampler
    coverage = 1 / N #{i : B_i holds at least one Y_j}  share of real samples

For a perfect sampler, coverage is 1 - (N-1)...(N-k) / ((N+n-1)...(N+n-k)) on average (theirs at N = n, here for
N and n that differ): 0.969 at N = n, about 1 - 1/2^k. Unlike precision and recall, neither trusts the
generated samples to span a manifold, so outliers among them do no harm. A real sample that occurs more than
k times has an empty ball.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

NEAREST = 5
BLOCK_MEBIBYTES = 64
"""Memory for distances at any one time; the whole table of 10,000 x 10,000 would take 763."""


class Neighbourhoods:
    """The balls around the real samples, computed once."""

    def __init__(self, real: Tensor, k: int = NEAREST) -> None:
        """real: features [N, F]. Raises ValueError unless N > k."""
        _check(len(real), k, "real")
        self._real, self._k = real.double().cpu().numpy(), k
        distances, _ = NearestNeighbors(n_neighbors=k).fit(self._real).kneighbors()
        self._radii = distances[:, -1]

    def density_coverage(self, fake: Tensor) -> tuple[float, float]:
        """(density, coverage) of generated features [n, F]. Raises ValueError unless n > k."""
        _check(len(fake), self._k, "generated")

        def fake_per_ball(distances: np.ndarray, start: int) -> np.ndarray:
            radii = self._radii[start : start + len(distances)]
            return np.asarray((distances < radii[:, None]).sum(axis=1))

        blocks = pairwise_distances_chunked(
            self._real, fake.double().cpu().numpy(), reduce_func=fake_per_ball, working_memory=BLOCK_MEBIBYTES
        )
        inside = np.concatenate(list(blocks))
        return float(inside.sum() / (self._k * len(fake))), float((inside > 0).mean())


def _check(num: int, k: int, side: str) -> None:
    if num <= k:
        raise ValueError(f"density and coverage at k = {k} need > {k} {side} samples, got {num}")

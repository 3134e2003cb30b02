"""Modes of data without labels: the k-means bins of Richardson and Weiss 2018.

The training samples are clustered and a mode is a cell of the clustering. Whatever is estimated in
the cells comes from the held-out samples, which had no say in where the cells lie, so that a
perfect sampler is calibrated (they compare with the training samples); trials/measures/ndb_jsd.py
compares the proportions.

A sample is of high quality if it lies no further from its bin's centre than 95% of the held-out
samples do, distances taken in units of the bin's own spread; 95% for a perfect sampler.

Distances are Euclidean in what is passed in: features, or points as they are.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from ganstudy.trials.ensemble.streams import generator
from ganstudy.trials.measures.base import Assignment
from ganstudy.trials.measures.distances import TIE, pairwise

MOST_BINS, LEAST_PER_BIN = 100, 10
"""Bins, unless fewer are needed to have 10 training samples in each on average."""
MOST_CLUSTERED = 10_000
"""Training samples that the clustering sees, drawn at random: at 100 per bin the centres are
stable."""
HIGH_QUALITY_SHARE = 0.95


class Bins:
    """K k-means bins in feature space, with the real data's counts and spread in them."""

    centres: Tensor
    """[K, F], float64"""
    counts: np.ndarray
    """[K], held-out samples per bin."""
    expected: Tensor
    """[K], share of real samples per bin, float64. Half a sample is added to every held-out count
    (Jeffreys' prior) so that none is 0 and a KL divergence to it stays finite."""
    radii: Tensor
    """[K], distance from the centre within which a sample is of high quality, float64."""

    def __init__(self, train: Tensor, held_out: Tensor, num_bins: int = MOST_BINS) -> None:
        """Fit the bins on the training samples.

        train and held_out: features [N, F] and [M, F]. num_bins: lowered to N / 10, but not below
        2. Raise ValueError unless the training samples that are clustered have more distinct values
        than there are bins.
        """
        order = torch.randperm(len(train), generator=generator(0, "bins"))[:MOST_CLUSTERED]
        sample = train.cpu()[order].double().numpy()
        # Two at least: in a single bin there is no proportion to compare.
        num_bins = max(2, min(num_bins, len(sample) // LEAST_PER_BIN))
        # KMeans would only warn, and return equal centres, or bins of a single value without
        # spread.
        num_distinct = len(np.unique(sample, axis=0))
        if num_distinct <= num_bins:
            raise ValueError(
                f"{num_bins} bins need > {num_bins} distinct training samples, got {num_distinct} "
                f"among {len(sample)}"
            )
        # One start with a fixed seed: bins must be the same in every process of a study.
        # About one of the samples, so that the bins are the same at any offset, to the last bit.
        self._origin = torch.from_numpy(sample[0])
        clustering = KMeans(num_bins, n_init=1, random_state=0).fit(sample - sample[0])
        self._centres = torch.from_numpy(clustering.cluster_centers_)
        self.centres = self._centres + self._origin
        distances, bins = self._nearest(held_out)
        self.counts = np.bincount(bins.numpy(), minlength=num_bins)
        self.expected = torch.from_numpy((self.counts + 0.5) / (self.counts.sum() + 0.5 * num_bins))
        spread = self._spread(torch.from_numpy(sample))
        # The quantile may be a sample's own distance, which rounding must not move across it.
        limit = (distances / spread[bins]).quantile(HIGH_QUALITY_SHARE) * (1 + TIE)
        self.radii = spread * limit

    def assign(self, features: Tensor) -> Assignment:
        """Assign features [n, F] to the nearest centre, of high quality within the bin's radius."""
        distances, bins = self._nearest(features)
        return Assignment(bins, distances <= self.radii[bins])

    def _nearest(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distance to the nearest centre and its index, each [n]."""
        distances = pairwise(features.cpu().double() - self._origin, self._centres)
        nearest = distances.min(dim=1).values
        # The first of equally near centres.
        bins = (distances <= nearest[:, None] * (1 + TIE)).int().argmax(dim=1)
        return nearest, bins

    def _spread(self, sample: Tensor) -> Tensor:
        """Return the root mean squared distance [K] of a bin's samples [n, F] from its centre."""
        distances, bins = self._nearest(sample)
        num_bins = len(self.centres)
        sums = torch.bincount(bins, weights=distances**2, minlength=num_bins)
        counts = torch.bincount(bins, minlength=num_bins)
        # One more sample of average distance in every bin: a bin of a single training sample would
        # have no spread at all otherwise.
        return ((sums + (distances**2).mean()) / (counts + 1)).sqrt()

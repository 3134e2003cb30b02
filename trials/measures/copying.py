"""Copying: are generated samples nearer to the training data than new real samples are?

C_T of Meehan, Chaudhuri and Dasgupta 2020. d(x) is the distance from x to the nearest training
sample. In every cell of a partition of the data space, with n generated and m held-out samples in
it,

    U = #{(g, h) : d(g) > d(h)} + #{ties} / 2,    Z = (U - nm/2) / sqrt(nm (n + m + 1) / 12)
    C_T = sum_cells w Z / sum_cells w,            w the share of the held-out samples in the cell

Far below 0: copying. About 0: as near as new real samples. Far above 0: underfit, further away than
those. Comparing within cells keeps a generator that prefers a dense kind (ones among digits) from
passing for a copier. C_T is a mean of z-scores, so for a perfect sampler its standard deviation is
sqrt(sum w^2) / sum w: 1 for one cell, 0.32 for ten even ones. For a given share of copies it grows
with the root of the sample sizes.

Variant: the nearest sample is looked for in all training data (their code: in the same cell's),
cells with fewer than 10 held-out samples are made one, those with fewer than 10 generated samples
then left out (theirs: with less than a share tau of them), and there is no continuity correction.

Copies of some samples can hide behind underfit others, so a second number looks at samples one by
one. The ratio of d(x) to the distance to the second nearest training sample is near 1 for new
samples whatever the density around them, and near 0 for copies:

    duplicate share = share of generated samples whose ratio is below that of 99% of the held-out samples

0.01 for a perfect sampler; about c where a share c of the samples is copied.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.neighbors import KDTree
from torch import Tensor

from ganstudy.trials.ensemble.streams import generator
from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Samples, Scorer, Scores
from ganstudy.trials.measures.distances import DIRECT_FEATURES, nearest

# A rule of thumb: from about ten on either side U is normal enough for a z-score.
LEAST_PER_CELL = 10
MOST_COMPARED = 2_000
"""Samples of each kind that are compared: the first of the generated ones, held-out ones drawn at
random. The training data stay whole, since copies of what is left out would go unseen."""
DUPLICATE_QUANTILE = 0.01


class Copying:
    """C_T and the duplicate share against one training set.

    The distances of held-out samples to it are computed once.
    """

    def __init__(self, train: Tensor, held_out: Tensor, cells_held_out: Tensor) -> None:
        """Compute the distances of the held-out samples.

        train and held_out: images or features, [N, ...] with N >= 2 and [M, ...]. cells_held_out:
        the cell of each [M]. Cells are numbered from 0; all 0 is the partition of a single cell.
        """
        self._train = train.flatten(1).cpu()
        # Of few features a tree, which squares differences too, is faster than all pairs.
        few = self._train.shape[1] <= DIRECT_FEATURES
        self._tree = KDTree(self._train.double().numpy()) if few else None
        chosen = torch.randperm(len(held_out), generator=generator(0, "copying"))[:MOST_COMPARED]
        self._distances, ratios = self._nearest(held_out.cpu()[chosen])
        cells = cells_held_out.cpu()[chosen].numpy()
        numbers, counts = np.unique(cells, return_counts=True)
        self._large = numbers[counts >= LEAST_PER_CELL]
        self._cells = self._merged(cells)
        self._threshold = np.quantile(ratios, DUPLICATE_QUANTILE)

    def scores(self, generated: Tensor, cells_generated: Tensor) -> tuple[float | None, float]:
        """Return (C_T, duplicate share) of generated samples [n, ...] in the cells [n].

        C_T is None where no cell has 10 samples of both kinds.
        """
        distances, ratios = self._nearest(generated[:MOST_COMPARED])
        cells = self._merged(cells_generated[:MOST_COMPARED].cpu().numpy())
        return self._c_t(distances, cells), float((ratios < self._threshold).mean())

    def _merged(self, cells: np.ndarray) -> np.ndarray:
        """Return the same cells [n], those with too few held-out samples all numbered -1."""
        return np.where(np.isin(cells, self._large), cells, -1)

    def _c_t(self, distances: np.ndarray, cells: np.ndarray) -> float | None:
        """Return C_T: the mean of the cells' z-scores, weighted by their held-out samples."""
        # By held-out samples: the weights must not depend on where the generator puts its samples.
        z_scores, weights = [], []
        for cell in np.unique(cells):
            fake, real = distances[cells == cell], self._distances[self._cells == cell]
            if min(len(fake), len(real)) >= LEAST_PER_CELL:
                z_scores.append(_z_score(fake, real))
                weights.append(len(real))
        return float(np.average(z_scores, weights=weights)) if weights else None

    def _nearest(self, samples: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return (distance to the nearest training sample, its ratio to the next), each [n]."""
        rows = samples.flatten(1).cpu().double()
        if self._tree is not None:
            first, second = self._tree.query(rows.numpy(), k=2)[0].T
        else:
            first, second = nearest(rows, self._train, 2)[0].numpy().T
        # Where a training image exists twice its copy has both distances 0.
        return first, np.divide(first, second, out=np.zeros_like(first), where=second > 0)


def _z_score(fake: np.ndarray, real: np.ndarray) -> float:
    """Return the z-scored Mann-Whitney U of two samples; positive where the first is larger."""
    product, total = len(fake) * len(real), len(fake) + len(real)
    # By the ranks themselves: SciPy's test takes ten times as long for a p-value that nobody reads.
    u = rankdata(np.concatenate([fake, real]))[: len(fake)].sum() - len(fake) * (len(fake) + 1) / 2
    return float((u - product / 2) / np.sqrt(product * (total + 1) / 12))


def _against(real: RealSamples) -> Scorer | None:
    if real.training is None:
        return None
    training = real.training
    copying = Copying(training.train, training.held_out, training.held_out_modes)

    def scorer(samples: Samples) -> Scores:
        assert samples.pixels is not None  # it is among what the measure needs
        c_t, duplicates = copying.scores(samples.pixels, samples.assignment.modes)
        return {"copying": c_t, "duplicates": duplicates}

    return scorer


COPYING = SampleMeasure("copying", ("copying", "duplicates"), _against, needs=("pixels",))

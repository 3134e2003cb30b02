"""How unlike two histograms over modes are: NDB and JSD of Richardson and Weiss 2018, sec. 3.

NDB   share of modes whose proportion differs between n generated and N real samples at the level of 0.05:
      |p1 - p2| / sqrt(p (1 - p) (1/n + 1/N)) > 1.96, p the pooled proportion. 0.05 for a perfect sampler
      (they report the number of bins)
JSD   Jensen-Shannon divergence of the two histograms, nats, 0 to ln 2 = 0.693; about
      (K - 1) / 8 (1/n + 1/N) for a perfect sampler
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm

SIGNIFICANCE = 0.05


def ndb(generated: Sequence[int], real: Sequence[int]) -> float:
    """Share of modes whose proportions differ; counts of samples per mode [K]. A mode that neither
    has does not.
    """
    ours, theirs = np.asarray(generated), np.asarray(real)
    pooled = (ours + theirs) / (ours.sum() + theirs.sum())
    error = np.sqrt(pooled * (1 - pooled) * (1 / ours.sum() + 1 / theirs.sum()))
    differs = np.abs(ours / ours.sum() - theirs / theirs.sum()) > norm.isf(SIGNIFICANCE / 2) * error
    return float(differs.mean())


def jsd(generated: Sequence[int], real: Sequence[int]) -> float:
    """Jensen-Shannon divergence of counts of samples per mode [K], nats."""
    # SciPy returns its square root, and takes counts as well as proportions.
    return float(jensenshannon(generated, real) ** 2)

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

from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Samples, Scorer

SIGNIFICANCE = 0.05


def ndb(generated: Sequence[int], real: Sequence[int]) -> float:
    """Return NDB: the share of modes whose proportions differ; counts of samples per mode [K].

    A mode that has samples on neither side does not differ.
    """
    fake_counts, real_counts = np.asarray(generated), np.asarray(real)
    num_fake, num_real = fake_counts.sum(), real_counts.sum()
    pooled = (fake_counts + real_counts) / (num_fake + num_real)
    error = np.sqrt(pooled * (1 - pooled) * (1 / num_fake + 1 / num_real))
    gap = np.abs(fake_counts / num_fake - real_counts / num_real)
    # Where a mode is empty on both sides gap and error are 0, and 0 > 0 does not hold.
    return float((gap > norm.isf(SIGNIFICANCE / 2) * error).mean())


def jsd(generated: Sequence[int], real: Sequence[int]) -> float:
    """Return the Jensen-Shannon divergence of counts of samples per mode [K], nats."""
    # SciPy returns its square root, and takes counts as well as proportions.
    return float(jensenshannon(generated, real) ** 2)


def _against(real: RealSamples) -> Scorer:
    def scorer(samples: Samples) -> dict[str, float]:
        return {
            "ndb": ndb(samples.histogram, real.mode_counts),
            "jsd": jsd(samples.histogram, real.mode_counts),
        }

    return scorer


NDB_JSD = SampleMeasure("NDB and JSD", ("ndb", "jsd"), _against)

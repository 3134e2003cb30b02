"""Modes: which of the data's kinds the generator makes, and how evenly.

A mode is a mixture component (points: the nearest mean) or a class (labelled images: the
classifier's choice). Definitions after Lin et al. 2018 (PacGAN), made explicit where their code and
paper differ:

    high quality    a point within 3 sigma (L2) of its nearest mean; an image that the classifier is at
                    least as sure of as of all but the least sure 5% of the held-out real images
    modes covered   modes with at least one high-quality sample
    reverse KL      KL(p || q) in nats over all samples: p the histogram of the generated samples, q the
                    mixture's weights, or the class frequencies of the held-out images
    effective modes exp(entropy of p)

A perfect sampler of N points scores 98.89% high quality in the plane and a reverse KL of about (K -
1) / 2N; a perfect sampler of images scores 95% high quality.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.data import Mixture
from ganstudy.trials.measures.base import Assignment, RealSamples, SampleMeasure, Scorer
from ganstudy.trials.measures.distances import pairwise

HIGH_QUALITY_SIGMAS = 3.0
# A choice: a classifier's probabilities have no threshold of their own, as 3 sigma is for points.
LEAST_SURE_SHARE = 0.05


def assign_to_mixture(points: Tensor, mixture: Mixture) -> Assignment:
    """Assign points [N, D] to the nearest mean, of high quality within 3 sigma of it."""
    distance, nearest = pairwise(points, mixture.means).min(dim=1)
    return Assignment(nearest, distance < HIGH_QUALITY_SIGMAS * mixture.sigma)


def assign_to_classes(logits: Tensor, threshold: float) -> Assignment:
    """Assign images, by their logits [N, K], to the most probable class.

    They are of high quality where its probability is at least `threshold`.
    """
    probability, chosen = logits.double().softmax(dim=1).max(dim=1)
    return Assignment(chosen, probability >= threshold)


def confidence_threshold(logits_real: Tensor) -> float:
    """Return the class probability that all but the least sure 5% of real images reach.

    logits_real: [N, K].
    """
    return float(logits_real.double().softmax(dim=1).max(dim=1).values.quantile(LEAST_SURE_SHARE))


def entropy(histogram: Tensor) -> float:
    """Return the plug-in entropy of counts [K], nats."""
    p = histogram.double() / histogram.sum()
    return float(torch.special.entr(p).sum())


def mode_scores(assignment: Assignment, expected: Tensor) -> tuple[dict[str, float], list[int]]:
    """Return (scores by name, histogram of all samples over the K modes).

    expected: q [K], sums to 1.
    """
    num_modes = len(expected)
    histogram = torch.bincount(assignment.modes, minlength=num_modes)
    covered = torch.bincount(assignment.modes[assignment.high_quality], minlength=num_modes) > 0
    p = histogram.double() / histogram.sum()
    # xlogy, since a mode without samples contributes 0 and not NaN.
    reverse_kl = torch.special.xlogy(p, p / expected.double()).sum()
    scores = {
        "modes_covered": float(covered.sum()),
        "high_quality": float(assignment.high_quality.double().mean()),
        "reverse_kl": float(reverse_kl),
        "effective_modes": float(torch.tensor(entropy(histogram)).exp()),
    }
    return scores, histogram.tolist()


def _against(real: RealSamples) -> Scorer:
    return lambda samples: mode_scores(samples.assignment, real.mode_shares)[0]


MODES = SampleMeasure(
    "modes",
    ("modes_covered", "high_quality", "reverse_kl", "effective_modes"),
    _against,
)

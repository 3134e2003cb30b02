"""How good samples are, against one set of real samples: FID, KID, IS, precision, recall, density,
coverage, sharpness.

Every score has a least number of samples; with fewer it says nothing, though an arithmetic result
may exist:

    FID                   features + 1, or the covariances are singular
    IS                    10, one per split
    density and coverage  6, five neighbours and the sample itself
    precision and recall  4, three neighbours and the sample itself
    KID                   2, or there is no pair
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.measures.density_coverage import NEAREST, Neighbourhoods
from ganstudy.trials.measures.fidelity import IS_SPLITS, NEIGHBOURHOOD, Reference, inception_score
from ganstudy.trials.measures.kid import KernelDistance
from ganstudy.trials.measures.sharpness import Sharpness

CPU = torch.device("cpu")
LARGE_FEATURES = 64
"""The other extractors have no more features than this."""


def least_samples(num_features: int, with_logits: bool) -> dict[str, int]:
    """The least number of samples by the scores' names, the most demanding first."""
    least = {
        "FID": num_features + 1,
        "KID": 2,
        "precision and recall": NEIGHBOURHOOD + 1,
        "density and coverage": NEAREST + 1,
    }
    if with_logits:
        least["IS"] = IS_SPLITS
    return dict(sorted(least.items(), key=lambda item: -item[1]))


def check_counts(least: Mapping[str, int], counts: Mapping[str, tuple[int, str]]) -> None:
    """ValueError that names the first of the scores `least` that `counts` are too few for.

    counts: by kind of samples ("generated", "held-out"), their number and what makes it larger.
    """
    for score, needed in least.items():
        for kind, (num, remedy) in counts.items():
            if num < needed and (score != "IS" or kind != "held-out"):
                words = f"{score} needs >= {needed} {kind} samples, got {num}"
                if score == "FID":
                    words = f"FID on {needed - 1} features needs >= {needed} {kind} samples, got {num}: "
                    words += "with fewer the covariance is singular"
                    if needed - 1 > LARGE_FEATURES:
                        remedy += f", or take extractor 'pixels' or 'classifier', which have {LARGE_FEATURES} features"
                raise ValueError(f"{words}; {remedy}")


class Quality:
    """The real side of the scores, computed once."""

    def __init__(self, real: Tensor, features: Tensor, device: torch.device = CPU) -> None:
        """real: samples [N, ...] as data sets hold them; features: of them [N, F]; N as
        `check_counts` demands; device: where features are compared, which takes a processor a
        minute per seed at Inception's size.

        Raises ValueError where all features are equal, so that nothing can be told apart by them.
        """
        if torch.equal(features, features[:1].expand_as(features)):
            raise ValueError(
                f"real samples must differ, but the features of all {len(features)} are equal"
            )
        self._device, features = device, features.to(device)
        self._reference, self._kernel = Reference(features), KernelDistance(features)
        self._neighbourhoods = Neighbourhoods(features)
        self._sharpness = Sharpness(as_float(real)) if real.dim() == 4 else None

    def scores(
        self, samples: Tensor, features: Tensor, logits: Tensor | None
    ) -> dict[str, float | None]:
        """By measure, for samples [n, ...], their features [n, F] and logits [n, K] or None.

        FID is None unless both sides have more samples than features.
        """
        features = features.to(self._device)
        precision, recall = self._reference.precision_recall(features)
        density, coverage = self._neighbourhoods.density_coverage(features)
        enough = min(len(features), len(self._reference.features)) > features.shape[1]
        scores: dict[str, float | None] = {
            "fid": self._reference.frechet_distance(features) if enough else None,
            "kid": self._kernel.distance(features),
            "precision": precision,
            "recall": recall,
            "density": density,
            "coverage": coverage,
        }
        if logits is not None:
            scores["inception_score"] = inception_score(logits)
        if self._sharpness is not None:
            scores["sharpness"] = self._sharpness.ratio(as_float(samples))
        return scores

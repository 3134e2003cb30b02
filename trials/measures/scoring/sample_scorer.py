"""All measures of generated samples that apply, against one set of real samples.

Also whether there are enough samples of either kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ganstudy.trials.config.measures import OwnMeasure
from ganstudy.trials.measures.base import RealSamples, Samples, Scores
from ganstudy.trials.measures.features.fidelity import FID, INCEPTION_SCORE
from ganstudy.trials.measures.own import own_sample_measure
from ganstudy.trials.measures.registry import SAMPLE_MEASURES

CPU = torch.device("cpu")
LARGE_FEATURES = 64
"""Most features of every extractor but Inception."""


def least_samples(num_features: int, with_logits: bool) -> dict[str, int]:
    """Return the fewest samples by the measures' titles, the most demanding first."""
    least = {
        measure.title: measure.least_samples(num_features)
        for measure in SAMPLE_MEASURES
        if measure.least_samples is not None and (with_logits or "logits" not in measure.needs)
    }
    # So that the first complaint names a number which satisfies all the others too.
    return dict(sorted(least.items(), key=lambda item: -item[1]))


def check_counts(least: Mapping[str, int], counts: Mapping[str, tuple[int, str]]) -> None:
    """Raise ValueError for the first measure in `least` that `counts` are too few for.

    counts: by kind of samples ("generated", "held-out"), their number and what makes it larger.
    """
    for title, needed in least.items():
        for kind, (num, remedy) in counts.items():
            # IS is computed from generated samples alone.
            if num >= needed or (title == INCEPTION_SCORE.title and kind == "held-out"):
                continue
            problem = f"{title} needs >= {needed} {kind} samples, got {num}"
            if title == FID.title:
                problem = (
                    f"{title} on {needed - 1} features needs >= {needed} {kind} samples, got {num}: "
                    "with fewer the covariance is singular"
                )
                if needed - 1 > LARGE_FEATURES:
                    remedy += (
                        ", or take extractor 'pixels', or 'classifier' where there are labels, which "
                        f"have {LARGE_FEATURES} features"
                    )
            raise ValueError(f"{problem}; {remedy}")


def check_distinct(features: Tensor) -> None:
    """Raise ValueError where all real samples have equal features [N, F], which compare nothing."""
    if torch.equal(features, features[:1].expand_as(features)):
        raise ValueError(
            f"real samples must differ, but the features of all {len(features)} are equal"
        )


class SampleScorer:
    """Every measure of samples, with what depends on the real samples alone computed once."""

    def __init__(
        self,
        real: RealSamples,
        device: torch.device = CPU,
        own: Mapping[str, OwnMeasure] | None = None,
    ) -> None:
        """Prepare every measure that applies to the real samples.

        device: where features are compared; at Inception's size that takes a processor a minute per
        seed. The real samples are as many as `check_counts` demands. own: the user's own measures.
        """
        self._device = device
        real = replace(real, features=real.features.to(device))
        self._scorers = [
            (measure, scorer)
            for measure in (
                *SAMPLE_MEASURES,
                *(own_sample_measure(name, each) for name, each in (own or {}).items()),
            )
            if (scorer := measure.against(real)) is not None
        ]

    def scores(self, samples: Samples) -> Scores:
        """Return the scores by name; those of measures that do not apply are absent."""
        samples = replace(samples, features=samples.features.to(self._device))
        scores: Scores = {}
        for measure, scorer in self._scorers:
            if measure.applies_to(samples):
                scores |= scorer(samples)
        return scores

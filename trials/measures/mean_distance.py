"""Distance of the means of generated and real features: what FID's first term says alone."""

from __future__ import annotations

from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Scorer


def _against(real: RealSamples) -> Scorer:
    mean = real.features.double().mean(0)
    return lambda samples: {
        "mean_distance": float((samples.features.double().mean(0) - mean).norm())
    }


MEAN_DISTANCE = SampleMeasure("Mean distance", ("mean_distance",), _against)

"""FID (Fréchet Inception Distance), IS (Inception Score), precision and recall by torch-fidelity.

Also the networks that extract features behind its contract. The features of all seeds pass through
the extractor at once and torch-fidelity's own functions turn them into scores, which saves its
per-call set-up (tests/trials/measures/test_fidelity.py holds the scores to those of
`torch_fidelity.calculate_metrics`). Nothing is cached by torch-fidelity: its key omits the content.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    FeatureExtractorInceptionV3,
)
from torch_fidelity.metric_fid import (
    KEY_METRIC_FID,
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torch_fidelity.utils import create_feature_extractor

from ganstudy.trials.data import Dataset
from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Samples, Scorer, Scores
from ganstudy.trials.measures.distances import TIE, blocks, neighbour_radii, pairwise
from ganstudy.trials.measures.features.classifier import TrainedClassifier

FEATURE_LAYER, LOGIT_LAYER = "features", "logits"
# As published: k = 3 (Kynkäänniemi et al. 2019), 10 splits (Salimans et al. 2016).
NEIGHBOURHOOD = 3
IS_SPLITS = 10
BATCH = 512
INCEPTION, INCEPTION_BATCH = "inception-v3-compat", 32
"""Images that pass at once: each becomes 299 x 299, and 32 take about half a gigabyte."""
INCEPTION_URL: str = URL_INCEPTION_V3
"""Where torch-fidelity publishes the weights."""
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""SHA-256 of that file; its name ends in the first digits."""
INCEPTION_CLASSIFIER = ("fc.weight", "fc.bias")
"""Arrays of the 1008-way classifier, which IS needs and no other score."""


def register_classifier(dataset: Dataset, trained: TrainedClassifier) -> str:
    """Register the classifier with torch-fidelity, and return its name there.

    The name holds that of the data set and the weights' digest.
    """
    name = f"{dataset.name}-classifier-{trained.digest}"
    if name in FEATURE_EXTRACTORS_REGISTRY:
        return name  # torch-fidelity refuses to register a name twice

    class InDomainExtractor(FeatureExtractorBase):  # type: ignore[misc]
        """The in-domain classifier behind torch-fidelity's extractor contract."""

        def __init__(self, name: str, features_list: list[str], **_unused: Any) -> None:
            super().__init__(name, features_list)
            self.network = trained.build(dataset)

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            features, logits = self.network(images)
            outputs = {FEATURE_LAYER: features, LOGIT_LAYER: logits}
            return tuple(outputs[layer] for layer in self.features_list)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return (FEATURE_LAYER, LOGIT_LAYER)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return LOGIT_LAYER if metric == "isc" else FEATURE_LAYER

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        @staticmethod
        def get_dummy_input_for_compile() -> Tensor:
            return torch.zeros(1, *dataset.shape, dtype=torch.uint8)

    register_feature_extractor(name, InDomainExtractor)
    return name


class Inception(FeatureExtractorInceptionV3):  # type: ignore[misc]
    """torch-fidelity's Inception, with weights read already.

    Szegedy et al. 2015, the weights of 2015-12-05.
    """

    def __init__(self, weights: Mapping[str, Tensor], with_classifier: bool) -> None:
        """Build the network; without a classifier only features are extracted.

        Raise ValueError where `weights` are those of another network.
        """
        # The constructor would unpickle whatever a file contains; this one contains only arrays.
        file = io.BytesIO()
        torch.save(dict(weights), file)
        file.seek(0)
        layers = ["2048", "logits_unbiased"] if with_classifier else ["2048"]
        super().__init__(INCEPTION, layers, feature_extractor_weights_path=file)

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], *_unused: Any, **_options: Any
    ) -> Any:
        """Load the weights; raise ValueError that names what is missing, unexpected or misshapen."""
        own = self.state_dict()
        # Where the file has no classifier the untrained one stays; no layer that reads it is asked
        # for.
        given = {**{name: own[name] for name in INCEPTION_CLASSIFIER}, **state_dict}
        # Files written before batches were counted lack these, and no score needs them.
        given = {
            **{name: own[name] for name in own if name.endswith("num_batches_tracked")},
            **given,
        }
        missing = [name for name in own if name not in given]
        unexpected = [name for name in given if name not in own]
        shapes = [name for name in own if name in given and given[name].shape != own[name].shape]
        problems = [
            f"{len(names)} {what}, such as {names[0]}"
            for names, what in (
                (missing, f"of {len(own)} arrays missing"),
                (unexpected, "unexpected"),
                (shapes, "of another shape"),
            )
            if names
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return super().load_state_dict(given)


class Extractor:
    """Feature extractor from a network behind torch-fidelity's contract.

    The first layer that is asked for is features, the second logits.
    """

    def __init__(
        self, network: FeatureExtractorBase, device: torch.device, batch: int = BATCH
    ) -> None:
        """batch: images that pass at once."""
        self._network, self._device, self._batch = network.to(device).eval(), device, batch

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return (features, logits or None) on the CPU.

        images: uint8 [N, C, H, W], on any device.
        """
        with torch.no_grad():
            parts = [self._network(batch.to(self._device)) for batch in images.split(self._batch)]
        features, *logits = (torch.cat(layer).cpu() for layer in zip(*parts, strict=True))
        return features, logits[0] if logits else None


def classifier_extractor(
    dataset: Dataset, trained: TrainedClassifier, device: torch.device
) -> Extractor:
    """Return the in-domain classifier's extractor: features [N, 64] and logits [N, K]."""
    name = register_classifier(dataset, trained)
    layers = [FEATURE_LAYER, LOGIT_LAYER]
    # cuda=False, since the extractor moves the network to any device itself.
    return Extractor(create_feature_extractor(name, layers, cuda=False, verbose=False), device)


def inception_extractor(
    weights: Mapping[str, Tensor], with_classifier: bool, device: torch.device
) -> Extractor:
    """Return Inception's extractor.

    It gives features [N, 2048] and, with a classifier, logits [N, 1008] without their bias.

    weights: by name, as torch-fidelity's module has them. Raise ValueError where they are those of
    another network.
    """
    return Extractor(Inception(weights, with_classifier), device, INCEPTION_BATCH)


class FrechetDistance:
    """FID against one set of real samples, whose mean and covariance are computed once."""

    def __init__(self, real: Tensor) -> None:
        """real: features [N, F]."""
        # torch-fidelity takes the mean in the precision it is given, and single loses small spreads.
        self._statistics = fid_features_to_statistics(real.cpu().double())

    def distance(self, generated: Tensor) -> float:
        """Return FID of generated features [n, F]."""
        statistics = fid_features_to_statistics(generated.cpu().double())
        return float(
            fid_statistics_to_metric(statistics, self._statistics, verbose=False)[KEY_METRIC_FID]
        )


def _fid_against(real: RealSamples) -> Scorer:
    frechet = FrechetDistance(real.features)

    def scorer(samples: Samples) -> Scores:
        num_features = real.features.shape[1]
        # With fewer samples than features the covariances are singular.
        enough = min(len(samples.features), len(real.features)) > num_features
        return {"fid": frechet.distance(samples.features) if enough else None}

    return scorer


FID = SampleMeasure(
    "FID", ("fid",), _fid_against, least_samples=lambda num_features: num_features + 1
)


class PrecisionRecall:
    """Precision and recall against one set of real samples, whose manifold is computed once."""

    def __init__(self, real: Tensor) -> None:
        """real: features [N, F], on the device that compares them."""
        self._features = real
        self._radii: Tensor | None = None

    def precision_recall(self, features: Tensor) -> tuple[float, float]:
        """Return (precision, recall) of generated features at the 3rd neighbour.

        features: [n, F], on the device of the real ones.

        torch-fidelity's definition (Kynkäänniemi et al. 2019), but its distances are those of
        torch.cdist in single precision, and these are exact; and those among real samples, and
        each between a real and a generated one, are computed once instead of at every call and
        twice.
        """
        if self._radii is None:
            self._radii = neighbour_radii(self._features, NEIGHBOURHOOD) * (1 + TIE)
        fake_radii = neighbour_radii(features, NEIGHBOURHOOD) * (1 + TIE)
        # In blocks: the whole table of distances would not fit into memory.
        precise = torch.zeros(len(features), dtype=torch.bool, device=features.device)
        recalled = []
        for real, radii in zip(
            blocks(self._features, len(features)), blocks(self._radii, len(features)), strict=True
        ):
            distances = pairwise(real, features)
            recalled.append((distances <= fake_radii).any(1))
            precise |= (distances <= radii[:, None]).any(0)
        return float(precise.double().mean()), float(torch.cat(recalled).double().mean())


def _precision_recall_against(real: RealSamples) -> Scorer:
    manifold = PrecisionRecall(real.features)

    def scorer(samples: Samples) -> Scores:
        precision, recall = manifold.precision_recall(samples.features)
        return {"precision": precision, "recall": recall}

    return scorer


PRECISION_RECALL = SampleMeasure(
    "precision and recall",
    ("precision", "recall"),
    _precision_recall_against,
    least_samples=lambda _: NEIGHBOURHOOD + 1,  # three neighbours and the sample itself
)


def inception_score(logits: Tensor) -> float:
    """Return IS of logits [n, K]: mean over 10 splits."""
    return float(isc_features_to_metric(logits, IS_SPLITS)[KEY_METRIC_ISC_MEAN])


def _inception_score_against(_: RealSamples) -> Scorer:
    def scorer(samples: Samples) -> Scores:
        assert samples.logits is not None  # they are among what the measure needs
        return {"inception_score": inception_score(samples.logits)}

    return scorer


INCEPTION_SCORE = SampleMeasure(
    "IS",
    ("inception_score",),
    _inception_score_against,
    least_samples=lambda _: IS_SPLITS,
    needs=("logits",),
)

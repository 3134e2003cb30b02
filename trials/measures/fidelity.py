"""FID, IS, precision and recall by torch-fidelity: its extractors' contract, its arithmetic.

The features of all seeds pass through the extractor at once and torch-fidelity's own functions turn
them into scores, which saves its per-call set-up (tests/test_fidelity.py holds the scores to those of
`torch_fidelity.calculate_metrics`). Nothing is cached by torch-fidelity: its key omits the content.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torch_fidelity.utils import create_feature_extractor, get_featuresdict_from_dataset

from trials.data import Dataset
from trials.measures.classifier import TrainedClassifier

FEATURE_LAYER, LOGIT_LAYER = "features", "logits"
NEIGHBOURHOOD = 3
IS_SPLITS = 10
BATCH = 512


def register_classifier(dataset: Dataset, trained: TrainedClassifier) -> str:
    """Makes the classifier known to torch-fidelity; its name there holds the data set and the weights' digest."""
    name = f"{dataset.name}-classifier-{trained.digest}"
    if name in FEATURE_EXTRACTORS_REGISTRY:
        return name

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


class Images(TorchDataset[Tensor]):
    """uint8 images [N, C, H, W] as torch-fidelity wants them: one tensor per item."""

    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        return self._images[index]


class Extractor:
    """A registered torch-fidelity extractor, created once and used for every evaluation."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name = name
        self._cuda = device.type == "cuda"
        layers = [FEATURE_LAYER, LOGIT_LAYER]
        self._extractor = create_feature_extractor(name, layers, cuda=self._cuda, verbose=False)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(features, logits) on the CPU, for uint8 images [N, C, H, W]."""
        if images.device.type == "cuda" or not self._cuda:
            # Already where the extractor is: spare torch-fidelity's loader, which fetches image by image.
            with torch.no_grad():
                batches = [self._extractor(batch) for batch in images.split(BATCH)]
            parts = [self._extractor.convert_features_tuple_to_dict(batch) for batch in batches]
            joined = {layer: torch.cat([part[layer] for part in parts]).cpu() for layer in parts[0]}
        else:
            joined = get_featuresdict_from_dataset(Images(images), self._extractor, BATCH, self._cuda, True, False)
        return joined[FEATURE_LAYER], joined[LOGIT_LAYER]


class Reference:
    """The real side of the scores: features [N, F], computed once."""

    def __init__(self, features: Tensor) -> None:
        self.features = features
        self._statistics = fid_features_to_statistics(features)

    def frechet_distance(self, features: Tensor) -> float:
        """FID of generated features [n, F] to the reference."""
        statistics = fid_features_to_statistics(features)
        return float(fid_statistics_to_metric(statistics, self._statistics, verbose=False)[KEY_METRIC_FID])

    def precision_recall(self, features: Tensor) -> tuple[float, float]:
        """(precision, recall) of generated features [n, F], neighbourhood 3."""
        scores = prc_features_to_metric(
            features, self.features, prc_neighborhood=NEIGHBOURHOOD, save_cpu_ram=True, verbose=False
        )
        return float(scores[KEY_METRIC_PRECISION]), float(scores[KEY_METRIC_RECALL])


def inception_score(logits: Tensor) -> float:
    """IS of logits [n, K]: mean over 10 splits."""
    return float(isc_features_to_metric(logits, IS_SPLITS)[KEY_METRIC_ISC_MEAN])

"""All quality and mode measures of a pack's samples, against the held-out data."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from trials.data import Dataset
from trials.measures import modes
from trials.measures.classifier import TrainedClassifier, to_uint8
from trials.measures.fidelity import Extractor, Reference, inception_score, register_classifier
from trials.records import Provenance
from trials.streams import generator


class Evaluator:
    """Scores samples of one data set; made once per process and shared by its trials."""

    def __init__(self, dataset: Dataset, classifier: TrainedClassifier | None, device: torch.device) -> None:
        """classifier: of the data set's labels; None for points, which are compared as they are."""
        self.dataset = dataset
        self._extractor: Extractor | None = None
        if dataset.mixture is not None:
            self._reference = Reference(dataset.held_out)
            self._expected = torch.full((len(dataset.mixture.means),), 1 / len(dataset.mixture.means))
            name, digest, accuracy = "points", hashlib.blake2b(b"points", digest_size=8).hexdigest(), None
        else:
            assert classifier is not None and dataset.held_out_labels is not None
            name, digest = f"{dataset.name}-classifier", classifier.digest
            accuracy = classifier.accuracy
            self._extractor = Extractor(register_classifier(dataset, classifier), device)
            features, logits = self._extractor(to_uint8(dataset.held_out).to(device))
            self._reference = Reference(features)
            self._threshold = modes.confidence_threshold(logits)
            counts = torch.bincount(dataset.held_out_labels, minlength=logits.shape[1])
            self._expected = counts.double() / counts.sum()
        self.provenance = Provenance(
            extractor=name,
            extractor_digest=digest,
            extractor_accuracy=accuracy,
            data_digest=dataset.digest,
            num_generated=dataset.num_generated,
            num_real=len(dataset.held_out),
            split="held_out",
        )
        self.floor, self.floor_histogram = self.measure(self._training_sample().unsqueeze(0).to(device))[0]
        """Real against real: training images scored as if generated, at the same n. Below it, a difference
        means nothing."""

    @property
    def real_effective_modes(self) -> float:
        """exp(entropy) of the expected mode histogram: 8 for the ring, just under 10 for digits."""
        return float(torch.tensor(modes.entropy(self._expected)).exp())

    def _training_sample(self) -> Tensor:
        order = torch.randperm(len(self.dataset.train), generator=generator(0, self.dataset.name, "floor"))
        return self.dataset.train[order[: self.dataset.num_generated]]

    def measure(self, samples: Tensor) -> list[tuple[dict[str, float], list[int]]]:
        """(measures by name, mode histogram) per seed, for finite samples [S, n, ...]."""
        if self._extractor is None:
            return [self._measure_points(points.cpu()) for points in samples]
        num_seeds, num_samples = samples.shape[:2]
        if num_seeds == 0:
            return []
        features, logits = self._extractor(to_uint8(samples.flatten(0, 1)))
        per_seed = zip(features.split(num_samples), logits.split(num_samples), strict=True)
        return [self._measure_images(f, z) for f, z in per_seed]

    def _measure_points(self, points: Tensor) -> tuple[dict[str, float], list[int]]:
        assert self.dataset.mixture is not None
        scores, histogram = modes.mode_scores(modes.assign_to_mixture(points, self.dataset.mixture), self._expected)
        return self._fidelity(points) | scores, histogram

    def _measure_images(self, features: Tensor, logits: Tensor) -> tuple[dict[str, float], list[int]]:
        scores, histogram = modes.mode_scores(modes.assign_to_classes(logits, self._threshold), self._expected)
        return self._fidelity(features) | {"inception_score": inception_score(logits)} | scores, histogram

    def _fidelity(self, features: Tensor) -> dict[str, float]:
        precision, recall = self._reference.precision_recall(features)
        return {"fid": self._reference.frechet_distance(features), "precision": precision, "recall": recall}

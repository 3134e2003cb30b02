"""The feature spaces in which FID, KID, precision, recall, density and coverage compare samples.

classifier            the in-domain classifier's features; of stacked images those of every channel, side by side
inception-v3-compat   torch-fidelity's Inception, the standard for natural images: trials/measures/features/inception.py
pixels                principal components of the real images' pixels: no weights, no labels, and no
                      more than second-order statistics of pixels behind the distance
points                the points of the plane themselves
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.data.shared_arrays import is_large
from ganstudy.trials.ensemble.streams import generator
from ganstudy.trials.measures.features.classifier import FEATURES, TrainedClassifier, to_uint8
from ganstudy.trials.measures.features.feature_space import Features, Identity
from ganstudy.trials.measures.features.fidelity import INCEPTION, classifier_extractor
from ganstudy.trials.measures.features.inception import InceptionFeatures

# As many as the in-domain classifier has features, so that FID needs no more samples with either.
MOST_COMPONENTS = 64
INCEPTION_FEATURES = 2048
MOST_FITTED = 10_000
"""Training images that the principal components are fitted on, drawn at random; of a large data set
of images above 32 pixels a side fewer."""
FEWEST_FITTED = 10 * MOST_COMPONENTS
MOST_VALUES = MOST_FITTED * 3 * 32 * 32
"""Values of a large data set's images that are floats at once: half a gigabyte with the fit's own."""
GATHERED = 256
"""Images made floats at once before the fit."""


class PointFeatures:
    """Feature space of points: the points as they are."""

    identity = Identity("points", hashlib.blake2b(b"points", digest_size=8).hexdigest())
    notes: tuple[str, ...] = ()

    def __call__(self, samples: Tensor) -> tuple[Tensor, None]:
        """Return the points [n, D] themselves."""
        return samples.cpu(), None


class ClassifierFeatures:
    """Feature space of the in-domain classifier, through torch-fidelity's extractor contract."""

    def __init__(self, dataset: Dataset, trained: TrainedClassifier, device: torch.device) -> None:
        """trained: on the labels of `dataset`, or of the data whose images are stacked in it."""
        self._stacked = dataset.part is not None
        labelled = dataset.part or dataset
        self.identity = Identity(f"{labelled.name}-classifier", trained.digest, trained.accuracy)
        self._extractor = classifier_extractor(labelled, trained, device)
        self.notes: tuple[str, ...] = ()

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return features [n, 64] and logits of the classes.

        Of stacked images, features [n, 64 C] and log probabilities of all combinations of the
        channels' classes, the first channel's the most significant.
        """
        images = to_uint8(samples)
        if not self._stacked:
            return self._extractor(images)
        channels = [self._extractor(channel.unsqueeze(1)) for channel in images.unbind(1)]
        # Each channel is classified by itself, so that their log probabilities add.
        joint = torch.zeros(len(images), 1)
        for _, logits in channels:
            assert logits is not None
            joint = (joint.unsqueeze(2) + logits.log_softmax(1).unsqueeze(1)).flatten(1)
        return torch.cat([features for features, _ in channels], dim=1), joint


class PixelFeatures:
    """Feature space of the training images' principal components in pixels, at most 64."""

    def __init__(self, dataset: Dataset) -> None:
        self._at_once = MOST_FITTED
        if is_large(dataset.train):
            fewer = max(FEWEST_FITTED, MOST_VALUES // math.prod(dataset.shape))
            self._at_once = min(MOST_FITTED, fewer)
        order = torch.randperm(len(dataset.train), generator=generator(0, "pixels"))
        order = order[: self._at_once]
        # In parts, and overwritten by the fit: the floats of 10,000 images of 64 pixels are half a
        # gigabyte, which would be held two times.
        images = np.empty((len(order), math.prod(dataset.shape)), np.float32)
        for start in range(0, len(order), GATHERED):
            part = as_float(dataset.train[order[start : start + GATHERED]])
            images[start : start + GATHERED] = part.flatten(1).numpy()
        components = min(MOST_COMPONENTS, *images.shape)
        # Fixed, since scikit-learn takes a randomised solver for large data.
        self._pca = PCA(components, copy=False, random_state=0).fit(images)
        # Components fitted on other images are another space, with scores that do not compare.
        digest = hashlib.blake2b(self._pca.components_.tobytes(), digest_size=8).hexdigest()
        self.identity = Identity(f"pixels-{components}", digest)
        self.notes: tuple[str, ...] = ("IS is not available: extractor 'pixels' has no classes",)

    def __call__(self, samples: Tensor) -> tuple[Tensor, None]:
        """Return components [n, F] of images [n, C, H, W]."""
        # One after the other: the floats of all training images would not fit into memory.
        parts = [
            torch.from_numpy(self._pca.transform(as_float(block).cpu().flatten(1).numpy()))
            for block in samples.split(self._at_once)
        ]
        return torch.cat(parts), None


def pixel_features(dataset: Dataset) -> Features:
    """Return the space in which copies of training samples are looked for."""
    # Whatever the extractor: a copy is one in pixels, which features may not show.
    return PixelFeatures(dataset) if dataset.is_images else PointFeatures()


def extractor_name(dataset: Dataset, measures: MeasuresConfig) -> str:
    """Return the name of the feature space, "auto" resolved.

    Raise ValueError where the data do not allow the one asked for.
    """
    labelled = dataset.train_labels is not None
    if not dataset.is_images:
        if measures.extractor != "auto":
            raise ValueError(
                f"extractor {measures.extractor!r} is for images, and {dataset.name} has points; "
                "leave it out"
            )
        return "points"
    if measures.extractor == "classifier" and not labelled:
        raise ValueError(
            f"extractor 'classifier' needs labels, and {dataset.name} has none; "
            "take inception-v3-compat or pixels"
            + (f"; {dataset.labels_by}" if dataset.labels_by else "")
        )
    automatic = "classifier" if labelled else INCEPTION
    name = automatic if measures.extractor == "auto" else measures.extractor
    # Refused instead of ignored: the scores would not be those that the file was named for.
    if name != INCEPTION and (measures.weights or measures.weights_digest):
        raise ValueError(
            f"weights are those of extractor {INCEPTION!r}, and the extractor here is {name!r}"
        )
    return name


def num_features(dataset: Dataset, measures: MeasuresConfig) -> int:
    """Return the number of features of a sample in the space of `extractor_name`."""
    return {
        "points": dataset.shape[0],
        "pixels": min(MOST_COMPONENTS, MOST_FITTED, len(dataset.train), math.prod(dataset.shape)),
        "classifier": FEATURES * (dataset.shape[0] if dataset.part is not None else 1),
        INCEPTION: INCEPTION_FEATURES,
    }[extractor_name(dataset, measures)]


def make_features(
    dataset: Dataset,
    measures: MeasuresConfig,
    trained: TrainedClassifier | None,
    device: torch.device,
) -> Features:
    """Return the feature space of a study. trained: needed where `extractor_name` is "classifier"."""
    name = extractor_name(dataset, measures)
    if name == "points":
        return PointFeatures()
    if name == "pixels":
        return PixelFeatures(dataset)
    if name == "classifier":
        assert trained is not None
        return ClassifierFeatures(dataset, trained, device)
    return InceptionFeatures(measures.weights, device, measures.weights_digest)

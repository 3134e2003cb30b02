"""Definition of a data set's modes, and the real data's shares of them.

A mode is a mixture component, a class or a k-means bin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures import modes
from ganstudy.trials.measures.base import Assignment, Samples
from ganstudy.trials.measures.bins import Bins
from ganstudy.trials.measures.features.extractor import extractor_name


@dataclass(frozen=True)
class ModeDefinition:
    """The modes of one data set."""

    kind: str
    """"mixture", "classes" or "bins"."""
    names: list[str]
    expected: Tensor
    """[K]: share of real data per mode, sums to 1."""
    counts: list[int]
    """[K]: held-out samples per mode."""
    assign: Callable[[Tensor, Tensor, Tensor | None], Assignment]
    """(samples [n, ...], features [n, F], logits [n, K] or None) -> the mode of each sample"""

    @property
    def description(self) -> str:
        """Kind and number of modes, as in a score's provenance: "classes (10)"."""
        return f"{self.kind} ({len(self.names)})"

    def samples(
        self, values: Tensor, features: Tensor, logits: Tensor | None, pixels: Tensor | None = None
    ) -> Samples:
        """Return samples with the mode of each and the histogram over all modes."""
        assignment = self.assign(values, features, logits)
        histogram = torch.bincount(assignment.modes, minlength=len(self.expected)).tolist()
        return Samples(values, features, assignment, histogram, logits, pixels)


def mode_kind(dataset: Dataset, measures: MeasuresConfig) -> str:
    """Return "mixture", "classes" or "bins".

    Raise ValueError where what is asked for needs labels or a classifier that are absent.
    """
    if dataset.mixture is not None:
        if measures.modes != "auto":
            raise ValueError(
                f"modes {measures.modes!r} is for data without modes of their own, and "
                f"{dataset.name} has a mixture's components; leave it out"
            )
        return "mixture"
    labelled = dataset.held_out_labels is not None
    has_classes = labelled and extractor_name(dataset, measures) == "classifier"
    if measures.modes == "classes" and not has_classes:
        missing = "the in-domain classifier (extractor 'classifier')" if labelled else "labels"
        raise ValueError(f"modes 'classes' needs {missing} on {dataset.name}; take modes 'bins'")
    return "classes" if has_classes and measures.modes != "bins" else "bins"


def define_modes(
    dataset: Dataset,
    measures: MeasuresConfig,
    features_train: Tensor,
    features_held_out: Tensor,
    logits_held_out: Tensor | None,
) -> ModeDefinition:
    """Return the modes of the kind that `mode_kind` names.

    features_train: [N, F], of the training samples that bins are fitted on.
    """
    kind = mode_kind(dataset, measures)
    if kind == "mixture":
        return _mixture(dataset)
    if kind == "classes":
        assert logits_held_out is not None
        return _classes(dataset, logits_held_out)
    bins = Bins(features_train, features_held_out, measures.bins)
    names = [f"bin {index}" for index in range(len(bins.centres))]
    return ModeDefinition(
        "bins",
        names,
        bins.expected,
        bins.counts.tolist(),
        lambda _, features, __: bins.assign(features),
    )


def _mixture(dataset: Dataset) -> ModeDefinition:
    mixture = dataset.mixture
    assert mixture is not None and dataset.mode_names is not None
    num_modes = len(mixture.means)
    held_out = modes.assign_to_mixture(dataset.held_out, mixture).modes
    counts = torch.bincount(held_out, minlength=num_modes).tolist()
    # The mixtures of trials/data/points.py weigh their components equally.
    expected = torch.full((num_modes,), 1 / num_modes)

    def assign(samples: Tensor, _features: Tensor, _logits: Tensor | None) -> Assignment:
        return modes.assign_to_mixture(samples.cpu(), mixture)

    return ModeDefinition("mixture", dataset.mode_names, expected, counts, assign)


def _classes(dataset: Dataset, logits_held_out: Tensor) -> ModeDefinition:
    labels, names = dataset.held_out_labels, dataset.mode_names
    assert labels is not None and names is not None
    threshold = modes.confidence_threshold(logits_held_out)
    counts = torch.bincount(labels, minlength=len(names))

    def assign(_samples: Tensor, _features: Tensor, logits: Tensor | None) -> Assignment:
        assert logits is not None
        return modes.assign_to_classes(logits, threshold)

    return ModeDefinition("classes", names, _class_shares(dataset, counts), counts.tolist(), assign)


def _shares(counts: Tensor) -> Tensor:
    """Return counts [K] as shares.

    Where a class has none, with half an image more in each, as bins have (Jeffreys' prior).
    """
    # A rare class of which no image happens to be held out is not impossible, and a generator that
    # makes it must not have an infinite reverse KL.
    smoothed = counts.double() if bool((counts > 0).all()) else counts.double() + 0.5
    return smoothed / smoothed.sum()


def _class_shares(dataset: Dataset, counts: Tensor) -> Tensor:
    """Return the classes' shares of the held-out data.

    Of stacked data they are the product of the channels' shares.
    """
    # Of 1,000 combinations some may be missing among the held-out stacks by chance, though the
    # channels are drawn independently.
    if dataset.part is None:
        return _shares(counts)
    labels, names = dataset.part.held_out_labels, dataset.part.mode_names
    assert labels is not None and names is not None
    single = _shares(torch.bincount(labels, minlength=len(names)))
    joint = torch.ones(1, dtype=torch.float64)
    for _ in range(dataset.shape[0]):
        joint = (joint.unsqueeze(1) * single).flatten()
    return joint

"""The samples that `score` compares: read, checked to go together, and split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data import load
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.split import ODD_LABEL, REPEATED, LabelledImages, whole
from ganstudy.trials.measures.features.fidelity import INCEPTION
from ganstudy.trials.measures.scoring.generated_samples import Generated, load_generated
from ganstudy.trials.measures.scoring.preparation import preparation_of

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class ScoreInputs:
    """What is scored, and by what."""

    real: Dataset
    """Split into fitted and held-out samples."""
    generated: Generated
    measures: MeasuresConfig
    """The extractor "auto" is resolved."""
    preparation: str
    """What was done to the pictures of either side."""


def read_inputs(
    real: DataOptions, generated: DataOptions, train: DataOptions | None, measures: MeasuresConfig
) -> ScoreInputs:
    """Return the samples of both sides; raise ValueError where they do not go together."""
    loaded = _loaded_by(load_generated, "generated", generated)
    dataset, measures, conversions = _real_samples(real, train, measures)
    preparation = preparation_of(
        {"real": real, "generated": generated, "training": train},
        {**conversions, "generated": loaded.conversions},
    )
    _check_shapes(dataset, loaded.values)
    return ScoreInputs(dataset, loaded, measures, preparation)


def _real_samples(
    real: DataOptions, train: DataOptions | None, measures: MeasuresConfig
) -> tuple[Dataset, MeasuresConfig, dict[str, tuple[str, ...]]]:
    """Return the real samples, the measures to take, and what was done to the pictures by group.

    The samples are split into fitted and held-out ones; in the measures the extractor "auto" is
    resolved.
    """
    dataset = _loaded("real", real)
    conversions = {"real": dataset.conversions}
    # Not the classifier, even with labels: the FID of other tools is that of Inception.
    if dataset.is_images and measures.extractor == "auto":
        measures = measures.model_copy(update={"extractor": INCEPTION})
    if train is not None:
        training = _loaded("training", train)
        conversions["training"] = training.conversions
        dataset = _trained_on(training, dataset, measures)
    return dataset, measures, conversions


def _loaded(role: str, options: DataOptions) -> Dataset:
    return _loaded_by(load, role, options)


def _loaded_by(loader: Callable[[DataOptions], Loaded], role: str, options: DataOptions) -> Loaded:
    try:
        return loader(options)
    except ValueError as error:
        raise ValueError(f"{role} samples: {error}") from None


def joined(dataset: Dataset) -> Tensor:
    """Return all real samples, the held-out ones first."""
    return torch.cat([dataset.held_out, dataset.train])


def _joined_labels(dataset: Dataset) -> Tensor | None:
    if dataset.train_labels is None or dataset.held_out_labels is None:
        return None
    return torch.cat([dataset.held_out_labels, dataset.train_labels])


def _trained_on(train: Dataset, real: Dataset, measures: MeasuresConfig) -> Dataset:
    """Return a data set of all training samples to train on, with all real ones held out."""
    train_labels = labels = names = None
    if measures.extractor == "classifier":
        train_labels, labels, names = _joined_labels(train), _joined_labels(real), real.class_names
        if None in (train_labels, labels) or train.class_names != names:
            raise ValueError(
                "extractor 'classifier' needs labels of the same classes for training and real "
                f"images, got {list(train.class_names or ())} and {list(names or ())}"
            )
    training = LabelledImages(joined(train), train_labels)
    notes = tuple(
        f"of the {role} samples: {note}"
        for role, part in (("training", train), ("real", real))
        for note in part.notes
        if not note.endswith((REPEATED, ODD_LABEL))  # reported of the two together
    )
    return whole(real.name, training, LabelledImages(joined(real), labels), names, notes)


def _check_shapes(dataset: Dataset, fake: Tensor) -> None:
    shapes = [" x ".join(map(str, shape)) for shape in (dataset.shape, fake.shape[1:])]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"real and generated samples must have one shape, got {shapes[0]} and {shapes[1]}; size, "
            "crop and channels bring pictures in folders to one shape, arrays in npz files stay as "
            "they are"
        )

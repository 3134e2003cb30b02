"""Scores samples that a generator made elsewhere against real ones, by the same measures as a
trial.

The real samples are split into two halves by the data's fixed shuffle. What needs fitting
(principal components, bins) is fitted on the first half, modes are counted on the second, and the
first scored as if generated against the second is the floor: what no generator can be expected to
beat at those numbers. FID and its like compare the generated samples with all real ones, as every
other tool does, with two exceptions:

    the in-domain classifier    is trained on the first half, so only the second is compared with
    training samples are given  they take the first half's place, all real samples the second's; and copying of
                                them is measured
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data import load
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.split import LabelledImages, whole
from ganstudy.trials.measures import modes
from ganstudy.trials.measures.classifier import train_classifier
from ganstudy.trials.measures.copying import Copying
from ganstudy.trials.measures.evaluator import MOST_BINNED
from ganstudy.trials.measures.feature_space import Features
from ganstudy.trials.measures.features import (
    PixelFeatures,
    PointFeatures,
    extractor_name,
    make_features,
)
from ganstudy.trials.measures.fidelity import INCEPTION
from ganstudy.trials.measures.mode_definition import Kinds, make_kinds
from ganstudy.trials.measures.ndb_jsd import jsd, ndb
from ganstudy.trials.measures.quality import Quality, check_counts, least_samples
from ganstudy.trials.results.records import Provenance

BLOCK = 256
"""Samples between two reports of progress."""
Progress = Callable[[int, int], None]
"""Called with the number of samples whose features are made, and the number of all."""


@dataclass(frozen=True)
class Score:
    """What the generated samples are worth."""

    measures: dict[str, float | None]
    """By name as in trials/results/catalogue.py; None where it cannot be had, which `notes`
    explains.
    """
    floor: dict[str, float | None]
    """The same measures of real samples scored as if generated."""
    num_floor: tuple[int, int]
    """Samples behind the floor: (scored as if generated, compared with)."""
    provenance: Provenance
    notes: list[str]
    """What a reader should know; one sentence each."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "measures": self.measures,
            "floor": self.floor,
            "floor_num_generated": self.num_floor[0],
            "floor_num_real": self.num_floor[1],
            "provenance": self.provenance.as_json(),
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Samples:
    """Samples [n, ...] with their features [n, F] and logits [n, K], where there are any."""

    values: Tensor
    features: Tensor
    logits: Tensor | None

    def __len__(self) -> int:
        return len(self.values)

    def first(self, num: int) -> Samples:
        """The first `num` of them."""
        return Samples(
            self.values[:num],
            self.features[:num],
            None if self.logits is None else self.logits[:num],
        )


def score(
    real: DataOptions,
    generated: DataOptions,
    measures: MeasuresConfig,
    train: DataOptions | None = None,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> Score:
    """Every measure that applies, for the generated samples against the real ones.

    measures: its extractor "auto" is Inception for images. train: what the generator was trained
    on. Raises ValueError where the data cannot be read, do not go together, or are too few for any
    measure but FID, which is None then.
    """
    fake = _joined(_loaded("generated", generated))
    dataset = _loaded("real", real)
    if dataset.is_images and measures.extractor == "auto":
        measures = measures.model_copy(update={"extractor": INCEPTION})
    if train is not None:
        dataset = _trained_on(_loaded("training", train), dataset, measures)
    _check_shapes(dataset, fake)
    extractor = extractor_name(dataset, measures)
    _check_counts(
        dataset, len(fake), with_logits=extractor in ("classifier", INCEPTION), halves=train is None
    )
    classified = extractor == "classifier"
    classifier = train_classifier(dataset) if classified else None
    features = make_features(dataset, measures, classifier, device or torch.device("cpu"))

    against_all = train is None and not classified
    fitted = dataset.train if against_all else dataset.train[: max(len(fake), MOST_BINNED)]
    fakes, first, second = _with_features(features, (fake, fitted, dataset.held_out), progress)
    kinds = make_kinds(
        dataset, measures, first.features[:MOST_BINNED], second.features, second.logits
    )
    below = Quality(second.values, second.features)
    against = below
    if against_all:
        against = Quality(
            torch.cat([first.values, second.values]), torch.cat([first.features, second.features])
        )
    scores, floor = _scores(fakes, against, kinds), _scores(first.first(len(fakes)), below, kinds)
    if train is not None:
        scores |= _copying(dataset, fakes, second, kinds)
    provenance = Provenance(
        extractor=features.identity.name,
        extractor_digest=features.identity.digest,
        extractor_accuracy=features.identity.accuracy,
        data_digest=dataset.digest,
        num_generated=len(fakes),
        num_real=len(second) + (len(first) if against_all else 0),
        split="held_out" if classified and train is None else "all",
        modes=f"{kinds.kind} ({len(kinds.names)})",
    )
    num_floor = min(len(fakes), len(first)), len(second)
    notes = [*_notes(dataset, classified, train is None), *features.notes]
    if scores["fid"] is None or floor["fid"] is None:
        # Where generated samples are too few for it, the floor's note would say the same once more.
        alone = scores["fid"] is not None
        counts = num_floor if alone else (provenance.num_generated, provenance.num_real)
        notes.append(
            f"FID {'of real against real ' if alone else ''}is not available: {fakes.features.shape[1]} features need "
            f"more samples than that on both sides, and there are {counts[0]} and {counts[1]}; KID is unbiased at any "
            "number"
        )
    if num_floor != (provenance.num_generated, provenance.num_real):
        notes.append(
            "generated and real are scored on unlike numbers of samples: FID, reverse KL and JSD fall as samples are "
            "added and coverage moves with their proportion; KID and density do neither"
        )
    return Score(scores, floor, num_floor, provenance, notes)


def _notes(dataset: Dataset, classified: bool, halves: bool) -> list[str]:
    notes = [f"of the real samples' halves: {note}" if halves else note for note in dataset.notes]
    if classified and halves:
        notes.append(
            f"the classifier was trained on {len(dataset.train)} of the real images, so that only the other "
            f"{len(dataset.held_out)} are compared with"
        )
    return notes


def _loaded(role: str, options: DataOptions) -> Dataset:
    try:
        return load(options)
    except ValueError as error:
        raise ValueError(f"{role} samples: {error}") from None


def _joined(dataset: Dataset) -> Tensor:
    return torch.cat([dataset.held_out, dataset.train])


def _joined_labels(dataset: Dataset) -> Tensor | None:
    if dataset.train_labels is None or dataset.held_out_labels is None:
        return None
    return torch.cat([dataset.held_out_labels, dataset.train_labels])


def _trained_on(train: Dataset, real: Dataset, measures: MeasuresConfig) -> Dataset:
    """All training samples to train on, all real ones held out."""
    train_labels, labels, names = None, None, None
    if measures.extractor == "classifier":
        train_labels, labels, names = _joined_labels(train), _joined_labels(real), real.class_names
        if None in (train_labels, labels) or train.class_names != names:
            raise ValueError(
                "extractor 'classifier' needs labels of the same classes for training and real images, got "
                f"{list(train.class_names or ())} and {list(names or ())}"
            )
    training = LabelledImages(_joined(train), train_labels)
    return whole(real.name, training, LabelledImages(_joined(real), labels), names)


def _check_shapes(dataset: Dataset, fake: Tensor) -> None:
    shapes = [" x ".join(map(str, shape)) for shape in (dataset.shape, fake.shape[1:])]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"real and generated samples must have one shape, got {shapes[0]} and {shapes[1]}; size and channels "
            "bring pictures in folders to one shape, arrays in npz files stay as they are"
        )


def _check_counts(dataset: Dataset, num_generated: int, with_logits: bool, halves: bool) -> None:
    least = least_samples(0, with_logits)
    del least["FID"]
    num_train, num_held_out = len(dataset.train), len(dataset.held_out)
    counts = {"generated": num_generated}
    if halves:
        counts["real (in either half)"] = min(num_train, num_held_out)
    else:
        counts |= {"real": num_held_out, "training": num_train}
    check_counts(least, {kind: (num, "take more") for kind, num in counts.items()})


def _with_features(
    features: Features, groups: Sequence[Tensor], progress: Progress | None
) -> list[Samples]:
    num_all, num_done = sum(len(values) for values in groups), 0
    result = []
    for values in groups:
        parts, logits = [], []
        for block in values.split(BLOCK):
            of_block, logits_of_block = features(block)
            parts.append(of_block)
            if logits_of_block is not None:
                logits.append(logits_of_block)
            num_done += len(block)
            if progress is not None:
                progress(num_done, num_all)
        result.append(Samples(values, torch.cat(parts), torch.cat(logits) if logits else None))
    return result


def _scores(samples: Samples, quality: Quality, kinds: Kinds) -> dict[str, float | None]:
    assignment = kinds.assign(samples.values, samples.features, samples.logits)
    of_modes, histogram = modes.mode_scores(assignment, kinds.expected)
    return {
        **quality.scores(samples.values, samples.features, samples.logits),
        **of_modes,
        "ndb": ndb(histogram, kinds.counts),
        "jsd": jsd(histogram, kinds.counts),
    }


def _copying(
    dataset: Dataset, fakes: Samples, second: Samples, kinds: Kinds
) -> dict[str, float | None]:
    nearby = PixelFeatures(dataset) if dataset.is_images else PointFeatures()
    cells = kinds.assign(second.values, second.features, second.logits).modes
    copying = Copying(nearby(dataset.train)[0], nearby(dataset.held_out)[0], cells)
    of_fakes = kinds.assign(fakes.values, fakes.features, fakes.logits).modes
    c_t, duplicates = copying.scores(nearby(fakes.values)[0], of_fakes)
    return {"copying": c_t, "duplicates": duplicates}

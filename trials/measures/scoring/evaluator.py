"""Evaluator: all measures of a seed ensemble's samples, against the held-out data."""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.data.shared_arrays import computed, is_large
from ganstudy.trials.ensemble.memory import trim
from ganstudy.trials.ensemble.streams import generator
from ganstudy.trials.measures import modes
from ganstudy.trials.measures.base import RealSamples, Scores, TrainingSamples
from ganstudy.trials.measures.distances import nearest
from ganstudy.trials.measures.features.classifier import TrainedClassifier
from ganstudy.trials.measures.features.extractor import (
    extractor_name,
    make_features,
    num_features,
    pixel_features,
)
from ganstudy.trials.measures.features.few_images import way_out
from ganstudy.trials.measures.features.fidelity import INCEPTION
from ganstudy.trials.measures.kid import scale_note
from ganstudy.trials.measures.mode_definition import define_modes, mode_kind
from ganstudy.trials.measures.scoring.sample_scorer import (
    SampleScorer,
    check_counts,
    check_distinct,
    least_samples,
)
from ganstudy.trials.results.records import Provenance

MOST_BINNED = 10_000
"""Training samples whose features bins are fitted on, drawn at random."""
AT_ONCE = 64 * 2**20
"""Bytes of a large data set that are picked out of it at once. Smaller pieces would be scattered over
the heap, which keeps what is freed between them."""


def check_data(dataset: Dataset, measures: MeasuresConfig) -> str:
    """Return the kind of the data's modes (see `mode_kind`).

    Raise ValueError where the data are too few for a measure, or lack what [measures] asks for.
    """
    # Checked before any feature is extracted, since those of all images may take an hour.
    kind = mode_kind(dataset, measures)
    num_held_out = len(dataset.held_out)
    num_generated = measures.samples or dataset.num_generated
    num_all = num_held_out + len(dataset.train)
    hold_out = f"hold out more of the {num_all} (held_out), or add to them"
    with_classes = extractor_name(dataset, measures) in ("classifier", INCEPTION)
    counts = {
        # First, since without [measures] samples as many are generated as are held out, and
        # raising that number alone would only lead to this message.
        "held-out": (num_held_out, hold_out),
        "generated": (num_generated, "raise samples"),
        "training": (min(len(dataset.train), num_generated), "take more training data"),
    }
    try:
        check_counts(least_samples(num_features(dataset, measures), with_classes), counts)
    except ValueError as error:
        raise ValueError(f"{error}{way_out(dataset, measures)}") from None
    return kind


class Evaluator:
    """Scores samples of one data set; made once per process and shared by its trials."""

    def __init__(
        self,
        dataset: Dataset,
        classifier: TrainedClassifier | None,
        device: torch.device,
        measures: MeasuresConfig | None = None,
    ) -> None:
        """Define the modes, and measure the floor.

        classifier: where the features are the in-domain classifier's, see
        trials/measures/features/extractor.py. Raise ValueError where the data are too few for a measure, or
        lack what [measures] asks for.
        """
        measures = measures or MeasuresConfig()
        self.dataset = dataset
        self.num_generated = measures.samples or dataset.num_generated
        kind = check_data(dataset, measures)
        self._features = make_features(dataset, measures, classifier, device)
        held_out, logits = self._features(dataset.held_out)
        check_distinct(held_out)
        # One sample for both: the floor takes its first images, and bins are fitted on as many as
        # help.
        sample = self._training_sample(
            max(self.num_generated, MOST_BINNED if kind == "bins" else 0)
        )
        train_features, train_logits = self._training_features(sample)
        self.modes = define_modes(dataset, measures, train_features[:MOST_BINNED], held_out, logits)
        self._pixels = pixel_features(dataset)
        # Of all training data: a copy of an image that is left out would go unseen.
        self._training = TrainingSamples(
            train=self._train_pixels(),
            held_out=self._pixels(dataset.held_out)[0],
            held_out_modes=self.modes.assign(dataset.held_out, held_out, logits).modes,
        )
        self._trim()
        real = RealSamples(
            dataset.held_out, held_out, self.modes.expected, self.modes.counts, self._training
        )
        self._scorer = SampleScorer(real, device, measures.own)
        self.provenance = self._provenance()
        num = self.num_generated
        floor_logits = None if train_logits is None else train_logits[:num]
        self.floor, self.floor_histogram = self._measure(
            dataset.train[sample[:num]], train_features[:num], floor_logits
        )
        """Scores of training samples as if they were generated, at the same number: no generator
        can be expected to score better."""
        self._trim()

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for a reader of the scores; one sentence each."""
        num = len(self.dataset.train)
        scale = None if self.dataset.is_images else scale_note(self.dataset.held_out)
        notes = (*self._features.notes, *([scale] if scale else []))
        if num >= self.num_generated:
            return notes
        return (
            *notes,
            f"real against real is measured on all {num} training images, fewer than the "
            f"{self.num_generated} generated ones: its FID is biased higher than theirs",
        )

    @property
    def real_effective_modes(self) -> float:
        """Effective modes of the real data, exp(entropy) of their mode shares.

        8 for the ring, just under 10 for digits.
        """
        return float(torch.tensor(modes.entropy(self.modes.expected)).exp())

    def _provenance(self) -> Provenance:
        identity = self._features.identity
        return Provenance(
            extractor=identity.name,
            extractor_digest=identity.digest,
            extractor_accuracy=identity.accuracy,
            data_digest=self.dataset.digest,
            num_generated=self.num_generated,
            num_real=len(self.dataset.held_out),
            split="held_out",
            modes=self.modes.description,
        )

    def _training_sample(self, num: int) -> Tensor:
        """Return indices of so many training samples, or all; the first of a fixed shuffle."""
        order = torch.randperm(
            len(self.dataset.train), generator=generator(0, self.dataset.name, "floor")
        )
        return order[:num]

    def _training_features(self, sample: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return features and logits of the training samples at the indices."""
        train = self.dataset.train
        if not is_large(train):
            return self._features(train[sample])
        at_once = max(1, AT_ONCE // train[0].nbytes)
        features, logits = zip(
            *(self._features(train[part]) for part in sample.split(at_once)), strict=True
        )
        return torch.cat(features), None if logits[0] is None else torch.cat(logits)

    def _train_pixels(self) -> Tensor:
        """Return all training data where copies are looked for: one copy per node of large ones."""

        def compute() -> Tensor:
            return self._pixels(self.dataset.train)[0]

        if not is_large(self.dataset.train):
            return compute()
        return computed(f"{self.dataset.digest}-{self._pixels.identity.digest}", compute)

    def nearest_training(self, samples: Tensor) -> Tensor:
        """Return the training sample nearest to each of `samples` [n, ...], as networks see it.

        Nearest where copies are looked for; NaN beside a sample that is not finite.
        """
        finite = torch.isfinite(samples).flatten(1).all(1)
        found = torch.full_like(samples, float("nan"))
        if finite.any():
            pixels = self._pixels(samples[finite])[0]
            places = nearest(pixels, self._training.train, 1)[1].flatten()
            found[finite] = as_float(self.dataset.train[places.cpu()]).to(found)
        return found

    def measure(self, samples: Tensor) -> list[tuple[Scores, list[int]]]:
        """Return (scores by name, mode histogram) per seed.

        samples: [S, n, ...] as the generator makes them, all finite. Scores of measures that do not
        apply are absent.
        """
        num_seeds, num_samples = samples.shape[:2]
        if num_seeds == 0:
            return []
        flat = samples.flatten(0, 1)
        features, logits = self._features(flat)
        # The extractor had the samples of all seeds in one pass; each seed is then scored apart.
        parts = [samples, features.split(num_samples)]
        per_seed = logits.split(num_samples) if logits is not None else [None] * num_seeds
        scored = [self._measure(*of_seed) for of_seed in zip(*parts, per_seed, strict=True)]
        self._trim()
        return scored

    def _trim(self) -> None:
        # Holes in the heap of every worker would add up to a copy of the data.
        if is_large(self.dataset.train):
            trim()

    def _measure(
        self, samples: Tensor, features: Tensor, logits: Tensor | None
    ) -> tuple[Scores, list[int]]:
        with_modes = self.modes.samples(samples, features, logits, self._pixels(samples)[0])
        return self._scorer.scores(with_modes), with_modes.histogram

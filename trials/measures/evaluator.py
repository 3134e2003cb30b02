"""All measures of a pack's samples, against the held-out data."""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.streams import generator
from ganstudy.trials.measures import modes
from ganstudy.trials.measures.classifier import TrainedClassifier
from ganstudy.trials.measures.copying import Copying
from ganstudy.trials.measures.features import (
    PixelFeatures,
    PointFeatures,
    extractor_name,
    make_features,
    num_features,
)
from ganstudy.trials.measures.fidelity import INCEPTION
from ganstudy.trials.measures.mode_definition import kind_of, make_kinds
from ganstudy.trials.measures.ndb_jsd import jsd, ndb
from ganstudy.trials.measures.quality import Quality, check_counts, least_samples
from ganstudy.trials.results.records import Provenance

MOST_BINNED = 10_000
"""Training samples whose features bins are fitted on, drawn at random."""
Scores = dict[str, float | None]


def check_data(dataset: Dataset, measures: MeasuresConfig) -> str:
    """What a mode of the data is, as `kind_of` has it; ValueError where the data are too few for a
    measure, or lack what [measures] asks for. Known without any feature, since those of all images
    may take an hour."""
    kind, num_generated = kind_of(dataset, measures), measures.samples or dataset.num_generated
    with_classes = extractor_name(dataset, measures) in ("classifier", INCEPTION)
    check_counts(
        least_samples(num_features(dataset, measures), with_classes),
        {
            "generated": (num_generated, "raise samples"),
            "held-out": (len(dataset.held_out), "hold out more"),
            "training": (min(len(dataset.train), num_generated), "take more training data"),
        },
    )
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
        """classifier: where the features are the in-domain classifier's, see
        trials.measures.features.

        Raises ValueError where the data are too few for a measure, or lack what [measures] asks
        for.
        """
        measures = measures or MeasuresConfig()
        self.dataset = dataset
        self.num_generated = measures.samples or dataset.num_generated
        kind = check_data(dataset, measures)
        self._features = make_features(dataset, measures, classifier, device)
        held_out, logits = self._features(dataset.held_out)
        self._quality = Quality(dataset.held_out, held_out, device)
        train = self._training_sample(max(self.num_generated, MOST_BINNED if kind == "bins" else 0))
        train_features, train_logits = self._features(train)
        self.kinds = make_kinds(dataset, measures, train_features[:MOST_BINNED], held_out, logits)
        self._nearby = PixelFeatures(dataset) if dataset.is_images else PointFeatures()
        cells = self.kinds.assign(dataset.held_out, held_out, logits).modes
        self._copying = Copying(
            self._nearby(dataset.train)[0], self._nearby(dataset.held_out)[0], cells
        )
        identity = self._features.identity
        self.provenance = Provenance(
            extractor=identity.name,
            extractor_digest=identity.digest,
            extractor_accuracy=identity.accuracy,
            data_digest=dataset.digest,
            num_generated=self.num_generated,
            num_real=len(dataset.held_out),
            split="held_out",
            modes=f"{self.kinds.kind} ({len(self.kinds.names)})",
        )
        num = self.num_generated
        few_logits = None if train_logits is None else train_logits[:num]
        self.floor, self.floor_histogram = self._measure(
            train[:num], train_features[:num], few_logits
        )
        """Real against real: training images scored as if generated, at the same n. Below it, a
        difference means nothing."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores should know; one sentence each."""
        num = len(self.dataset.train)
        if num >= self.num_generated:
            return self._features.notes
        return (
            *self._features.notes,
            f"real against real is measured on all {num} training images, fewer than the {self.num_generated} "
            "generated ones: its FID is biased higher than theirs",
        )

    @property
    def real_effective_modes(self) -> float:
        """exp(entropy) of the expected mode histogram: 8 for the ring, just under 10 for digits."""
        return float(torch.tensor(modes.entropy(self.kinds.expected)).exp())

    def _training_sample(self, num: int) -> Tensor:
        order = torch.randperm(
            len(self.dataset.train), generator=generator(0, self.dataset.name, "floor")
        )
        return self.dataset.train[order[:num]]

    def measure(self, samples: Tensor) -> list[tuple[Scores, list[int]]]:
        """(measures by name, mode histogram) per seed, for finite samples [S, n, ...] as the
        generator makes them.

        A measure that does not apply is left out.
        """
        num_seeds, num_samples = samples.shape[:2]
        if num_seeds == 0:
            return []
        flat = samples.flatten(0, 1)
        features, logits = self._features(flat)
        parts = [samples, features.split(num_samples)]
        per_seed = logits.split(num_samples) if logits is not None else [None] * num_seeds
        return [self._measure(*of_seed) for of_seed in zip(*parts, per_seed, strict=True)]

    def _measure(
        self, samples: Tensor, features: Tensor, logits: Tensor | None
    ) -> tuple[Scores, list[int]]:
        assignment = self.kinds.assign(samples, features, logits)
        scores, histogram = modes.mode_scores(assignment, self.kinds.expected)
        copying, duplicates = self._copying.scores(self._nearby(samples)[0], assignment.modes)
        measured: Scores = {
            **self._quality.scores(samples, features, logits),
            **scores,
            "ndb": ndb(histogram, self.kinds.counts),
            "jsd": jsd(histogram, self.kinds.counts),
            "copying": copying,
            "duplicates": duplicates,
        }
        return measured, histogram

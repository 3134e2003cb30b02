"""Score samples that a generator made elsewhere against real ones, by the same measures as a trial.

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
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.split import REPEATED
from ganstudy.trials.measures.base import RealSamples, Scores, TrainingSamples
from ganstudy.trials.measures.features.classifier import train_classifier
from ganstudy.trials.measures.features.extractor import (
    extractor_name,
    make_features,
    pixel_features,
)
from ganstudy.trials.measures.features.feature_space import Features
from ganstudy.trials.measures.features.fidelity import FID, INCEPTION
from ganstudy.trials.measures.kid import scale_note
from ganstudy.trials.measures.mode_definition import ModeDefinition, define_modes
from ganstudy.trials.measures.scoring.evaluator import MOST_BINNED
from ganstudy.trials.measures.scoring.preparation import NOTHING_DONE
from ganstudy.trials.measures.scoring.sample_scorer import (
    CPU,
    SampleScorer,
    check_counts,
    check_distinct,
    least_samples,
)
from ganstudy.trials.measures.scoring.score_inputs import read_inputs
from ganstudy.trials.measures.verdict import is_narrow
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import Provenance

BLOCK = 256
"""Samples between two reports of progress: Inception takes seconds for them on a CPU."""
LEAST_DISTINCT = 0.5
"""Share of the generated samples that differ, below which a remark says so."""
ON_DATA, ALIKE = 0.5, 0.05
"""Generated samples that are narrow are called collapsed from this share of the floor's precision,
or below this share of the real samples' spread."""
Progress = Callable[[int, int], None]
"""Called with the number of samples whose features are made, and the number of all."""


@dataclass(frozen=True)
class ScoreProvenance(Provenance):
    """What a score was measured with and against, and what was done to pictures of either side."""

    preparation: str = NOTHING_DONE


@dataclass(frozen=True)
class Score:
    """Scores of generated samples, with their floor and provenance."""

    measures: Scores
    """By name as in trials/results/catalogue.py; None where one cannot be computed, which `notes`
    explains.
    """
    floor: Scores
    """The same measures of real samples scored as if generated."""
    num_floor: tuple[int, int]
    """Samples behind the floor: (scored as if generated, compared with)."""
    provenance: ScoreProvenance
    notes: list[str]
    """Remarks for a reader of the scores; one sentence each."""

    def to_json(self) -> JsonObject:
        """Return the score as plain JSON."""
        return {
            "measures": self.measures,
            "floor": self.floor,
            "floor_num_generated": self.num_floor[0],
            "floor_num_real": self.num_floor[1],
            "provenance": self.provenance.to_json(),
            "notes": self.notes,
        }


@dataclass(frozen=True)
class _Extracted:
    """Samples [n, ...] with their features [n, F], and logits [n, K] or None."""

    values: Tensor
    features: Tensor
    logits: Tensor | None
    file_order: Tensor | None = None
    """[n], where it is known: indices that put them in the order of their files."""


def score(
    real: DataOptions,
    generated: DataOptions,
    measures: MeasuresConfig,
    train: DataOptions | None = None,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> Score:
    """Return every measure that applies, for the generated samples against the real ones.

    measures: its extractor "auto" is Inception for images. train: what the generator was trained
    on. Raise ValueError where the data cannot be read, do not go together, or are too few for any
    measure but FID, which is None then.
    """
    inputs = read_inputs(real, generated, train, measures)
    dataset, measures, fake = inputs.real, inputs.measures, inputs.generated.values
    extractor = extractor_name(dataset, measures)
    halves = train is None
    _check_counts(dataset, len(fake), extractor in ("classifier", INCEPTION), halves)
    classified = extractor == "classifier"
    classifier = train_classifier(dataset) if classified else None
    features = make_features(dataset, measures, classifier, device or CPU)

    # The classifier knows the images that it was trained on, and makes them look alike.
    against_all = halves and not classified
    # Features take long to extract: of more neither bins nor the floor would read any.
    fitted = dataset.train if against_all else dataset.train[: max(len(fake), MOST_BINNED)]
    fakes, first, second = _with_features(features, (fake, fitted, dataset.held_out), progress)
    modes = define_modes(
        dataset, measures, first.features[:MOST_BINNED], second.features, second.logits
    )
    in_order = replace(fakes, file_order=inputs.generated.file_order)
    scores, floor = _scores(dataset, modes, (in_order, first, second), against_all, halves)
    num_floor = min(len(fake), len(first.values)), len(second.values)
    provenance = ScoreProvenance(
        extractor=features.identity.name,
        extractor_digest=features.identity.digest,
        extractor_accuracy=features.identity.accuracy,
        data_digest=dataset.digest,
        num_generated=len(fake),
        num_real=len(second.values) + (len(first.values) if against_all else 0),
        split="held_out" if classified and halves else "all",
        modes=modes.description,
        preparation=inputs.preparation,
    )
    notes = _notes(dataset, classified, halves)
    notes += [f"of the generated samples: {note}" for note in inputs.generated.notes]
    result = Score(scores, floor, num_floor, provenance, notes)
    remarks = _remarks(result, dataset, fakes, second, features.notes)
    return replace(result, notes=[*notes, *remarks])


def _scores(
    dataset: Dataset,
    modes: ModeDefinition,
    groups: tuple[_Extracted, _Extracted, _Extracted],
    against_all: bool,
    halves: bool,
) -> tuple[Scores, Scores]:
    """Return the scores of the generated samples and the floor.

    groups: generated samples, real ones that modes and features were fitted on, the other real
    ones. against_all: compare the generated samples with both groups of real ones.
    """
    fakes, first, second = groups
    check_distinct(second.features)
    pixels, training = None, None
    if not halves:
        to_pixels = pixel_features(dataset)
        pixels = to_pixels(fakes.values)[0]
        training = TrainingSamples(
            train=to_pixels(dataset.train)[0],
            held_out=to_pixels(dataset.held_out)[0],
            held_out_modes=modes.assign(second.values, second.features, second.logits).modes,
        )
    real = RealSamples(second.values, second.features, modes.expected, modes.counts, training)
    second_scorer = scorer = SampleScorer(real)
    if against_all:
        both = replace(
            real,
            values=torch.cat([first.values, second.values]),
            features=torch.cat([first.features, second.features]),
        )
        scorer = SampleScorer(both)
    num = len(fakes.values)
    logits = None if first.logits is None else first.logits[:num]
    # Without their pixels, so that copying is not measured of the training samples themselves.
    as_if_generated = modes.samples(first.values[:num], first.features[:num], logits)
    generated = modes.samples(fakes.values, fakes.features, fakes.logits, pixels)
    if fakes.logits is not None and fakes.file_order is not None:
        # IS depends on which samples share a split; in this order it is torch-fidelity's own.
        generated = replace(generated, logits=fakes.logits[fakes.file_order])
    return scorer.scores(generated), second_scorer.scores(as_if_generated)


def _collapse_notes(result: Score, fakes: _Extracted, real: _Extracted) -> list[str]:
    """Return what says that the generator makes few different samples."""
    fake = fakes.values
    num = len({hash(sample.tobytes()) for sample in fake.numpy()})
    notes = []
    if num == 1:
        notes.append(f"all {len(fake)} generated samples are equal: the generator has collapsed")
    elif num < LEAST_DISTINCT * len(fake):
        notes.append(f"only {num} of the {len(fake)} generated samples differ from one another")
    # Samples off the data fall into few bins however much they differ: those are no collapse.
    precision, of_real = result.measures["precision"], result.floor["precision"]
    assert precision is not None and of_real is not None
    on_data = precision >= ON_DATA * of_real
    spread, spread_of_real = (
        float(each.features.double().var(dim=0).sum().sqrt()) for each in (fakes, real)
    )
    alike = spread < ALIKE * spread_of_real
    if is_narrow(result.measures, result.floor) and (on_data or alike):
        found = [
            f"{what} {result.measures[name]:.3g}, of real ones {result.floor[name]:.3g}"
            for name, what in (("effective_modes", "effective modes"), ("coverage", "coverage"))
        ]
        notes.append(
            f"the generated samples are narrow, as a collapsed generator's: {'; '.join(found)}"
        )
    return notes


def _remarks(
    result: Score, dataset: Dataset, fakes: _Extracted, real: _Extracted, of_features: Sequence[str]
) -> list[str]:
    """Return what a reader of the scores should know of them; of_features: of their extraction."""
    scale = None if dataset.is_images else scale_note(dataset.held_out)
    return [
        *_collapse_notes(result, fakes, real),
        *([] if scale is None else [scale]),
        *of_features,
        *_sample_notes(result, fakes.features.shape[1]),
    ]


def _sample_notes(result: Score, num_features: int) -> list[str]:
    """Return remarks on the numbers of samples."""
    notes = []
    numbers = (result.provenance.num_generated, result.provenance.num_real)
    if result.measures["fid"] is None or result.floor["fid"] is None:
        # Where generated samples are too few for it, a note on the floor would repeat this one.
        of_floor = result.measures["fid"] is not None
        counts = result.num_floor if of_floor else numbers
        notes.append(
            f"FID {'of real against real ' if of_floor else ''}is not available: {num_features} "
            "features need more samples than that on both sides, and there are "
            f"{counts[0]} and {counts[1]}; KID is unbiased at any number"
        )
    if result.num_floor != numbers:
        notes.append(
            "generated and real are scored on unlike numbers of samples: FID, reverse KL and JSD "
            "fall as samples are added and coverage moves with their proportion; KID and density "
            "do neither"
        )
    return notes


def _notes(dataset: Dataset, classified: bool, halves: bool) -> list[str]:
    """Return remarks on the real samples."""
    notes = []
    for note in dataset.notes:
        of = "of the real samples' halves: " if note.endswith(REPEATED) else "of the real samples: "
        notes.append(f"{of if halves else ''}{note}")
    if classified and halves:
        notes.append(
            f"the classifier was trained on {len(dataset.train)} of the real images, so that only "
            f"the other {len(dataset.held_out)} are compared with"
        )
    return notes


def _check_counts(dataset: Dataset, num_generated: int, with_logits: bool, halves: bool) -> None:
    least = least_samples(0, with_logits)
    del least[FID.title]  # which is None, with a note, where the samples are too few for it
    num_train, num_held_out = len(dataset.train), len(dataset.held_out)
    counts = {"generated": num_generated}
    if halves:
        counts["real (in either half)"] = min(num_train, num_held_out)
    else:
        counts |= {"real": num_held_out, "training": num_train}
    check_counts(least, {kind: (num, "take more") for kind, num in counts.items()})


def _with_features(
    features: Features, groups: Sequence[Tensor], progress: Progress | None
) -> list[_Extracted]:
    """Return each group with its features, extracted a block at a time for the sake of `progress`."""
    num_all = sum(len(values) for values in groups)
    num_done = 0
    result = []
    for values in groups:
        parts: list[Tensor] = []
        logits: list[Tensor] = []
        for block in values.split(BLOCK):
            of_block, logits_of_block = features(block)
            parts.append(of_block)
            if logits_of_block is not None:
                logits.append(logits_of_block)
            num_done += len(block)
            if progress is not None:
                progress(num_done, num_all)
        result.append(_Extracted(values, torch.cat(parts), torch.cat(logits) if logits else None))
    return result

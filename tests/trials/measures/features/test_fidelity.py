"""FID, IS, precision and recall: torch-fidelity's own numbers, closed forms, and the right way round."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_fidelity
from torch.utils.data import TensorDataset

from ganstudy.trials.measures.features import classifier as training
from ganstudy.trials.measures.features.classifier import to_uint8, train_classifier
from ganstudy.trials.measures.features.fidelity import (
    FrechetDistance,
    PrecisionRecall,
    inception_score,
    register_classifier,
)
from ganstudy.trials.measures.scoring.evaluator import Evaluator


class Images(TensorDataset):
    """One tensor per item, as torch-fidelity wants them."""

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.tensors[0][index]


STREAM = torch.Generator().manual_seed(1)


def test_scores_are_those_of_calculate_metrics(
    digits, classifier, digits_evaluator, conformance
) -> None:
    noisy = (digits.train + 0.3 * torch.randn(digits.train.shape, generator=STREAM)).clamp(-1, 1)
    expected = torch_fidelity.calculate_metrics(
        input1=Images(to_uint8(noisy)),
        input2=Images(to_uint8(digits.held_out)),
        fid=True,
        isc=True,
        prc=True,
        feature_extractor=register_classifier(digits, classifier),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    ((scores, _),) = digits_evaluator.measure(noisy.unsqueeze(0))
    theirs = {"fid": "frechet_inception_distance", "inception_score": "inception_score_mean"}
    for name, by in {**theirs, "precision": "precision", "recall": "recall"}.items():
        deviation = (
            abs(scores[name] / expected[by] - 1)
            if name in theirs
            else abs(scores[name] - expected[by])
        )
        bound = 1e-5 if name in theirs else 2e-3
        conformance(f"measure {name}", "torch_fidelity.calculate_metrics", deviation, bound)


def test_seeds_are_scored_apart(digits, digits_evaluator) -> None:
    real, noise = digits.train[:500], torch.rand(500, 1, 8, 8, generator=STREAM) * 2 - 1
    (good, _), (bad, _) = digits_evaluator.measure(torch.stack([real, noise]))
    ((alone, _),) = digits_evaluator.measure(real.unsqueeze(0))
    assert good["fid"] == pytest.approx(alone["fid"], rel=1e-4)
    assert bad["fid"] > 20 * good["fid"]


def test_frechet_distance_of_gaussians_has_its_closed_form(conformance) -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2 for axis-aligned Gaussians (Dowson and Landau 1982)."""
    num = 400_000
    first = torch.randn(num, 3, generator=STREAM) * torch.tensor([1.0, 2.0, 0.5])
    second = torch.randn(num, 3, generator=STREAM) * torch.tensor([2.0, 2.0, 1.5]) + torch.tensor(
        [1.0, 0.0, -2.0]
    )
    deviation = abs(FrechetDistance(first).distance(second) / (5 + 2) - 1)
    conformance("measure fid", "closed form of Gaussians, n = 400,000", deviation, 0.01)


def test_inception_score_of_known_predictions(conformance) -> None:
    """exp(I(x; y)): K for sure and balanced predictions, 1 where every image gets the same."""
    sure = torch.eye(10).repeat(1000, 1) * 50
    conformance(
        "measure inception_score",
        "10 classes, sure and balanced",
        abs(inception_score(sure) / 10 - 1),
        0.01,
    )
    blind = abs(inception_score(torch.zeros(1000, 10)) - 1)
    conformance("measure inception_score", "1 where all predictions are alike", blind, 1e-6)


def test_precision_and_recall_point_the_right_way() -> None:
    real = torch.randn(500, 4, generator=STREAM)
    narrow = 0.05 * torch.randn(500, 4, generator=STREAM)
    wide = 4 * torch.randn(500, 4, generator=STREAM)
    precision, recall = PrecisionRecall(real).precision_recall(narrow)
    assert precision > 0.95 and recall < 0.1, "a collapsed generator is precise and recalls little"
    precision, recall = PrecisionRecall(real).precision_recall(wide)
    assert precision < 0.5


def test_uint8_conversion_covers_the_whole_range() -> None:
    assert to_uint8(torch.tensor([-1.0, 0.0, 1.0, 1.7, -3.0])).tolist() == [0, 128, 255, 255, 0]
    every = torch.arange(256).float() / 127.5 - 1
    assert to_uint8(every).tolist() == list(range(256))


def test_classifier_is_deterministic_and_identified_by_its_weights(
    digits, classifier, monkeypatch
) -> None:
    monkeypatch.setattr(training, "EPOCHS", 3)
    first = train_classifier(digits)
    # Neither what was drawn before nor the number of threads matters.
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = train_classifier(digits)
    finally:
        torch.set_num_threads(threads)
    assert again.weights == first.weights != classifier.weights
    assert again.digest == first.digest != classifier.digest
    labels = classifier.build(digits)(to_uint8(digits.held_out))[1].argmax(1)
    accuracy = float(np.mean((labels == digits.held_out_labels).numpy()))
    assert classifier.accuracy == pytest.approx(accuracy)


def test_provenance_names_what_was_compared(digits, classifier) -> None:
    provenance = Evaluator(digits, classifier, torch.device("cpu")).provenance
    assert (provenance.num_generated, provenance.num_real, provenance.split) == (
        1000,
        797,
        "held_out",
    )
    assert (
        provenance.extractor_digest == classifier.digest and provenance.data_digest == digits.digest
    )


def test_splits_do_not_overlap(digits) -> None:
    assert (len(digits.train), len(digits.held_out)) == (1000, 797)
    train = {image.numpy().tobytes() for image in digits.train}
    assert not any(image.numpy().tobytes() in train for image in digits.held_out)


def test_ring_is_scored_on_the_points_themselves(ring_evaluator) -> None:
    assert ring_evaluator.floor["fid"] < 0.01
    assert ring_evaluator.floor["modes_covered"] == 8
    collapsed = ring_evaluator.dataset.mixture.means[:1].repeat(2500, 1) + 0.01 * torch.randn(
        2500, 2, generator=STREAM
    )
    ((scores, _),) = ring_evaluator.measure(collapsed.unsqueeze(0))
    # Real points: mean 0, covariance (1/2 + sigma^2) I; these: mean on the circle, covariance sigma^2 I.
    assert scores["fid"] == pytest.approx(1 + 2 * (0.5001**0.5 - 0.01) ** 2, rel=0.02)
    assert scores["modes_covered"] == 1

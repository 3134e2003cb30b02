"""Data and settings that no score can be had from are refused before anything is trained, in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ganstudy.study.cli.main import main
from ganstudy.study.tune.evaluator_setup import make_evaluator_setup
from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import Dataset, load
from ganstudy.trials.measures.base import Assignment, RealSamples, Samples, Scores
from ganstudy.trials.measures.features.extractor import PointFeatures
from ganstudy.trials.measures.scoring import evaluator as evaluator_module
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.measures.scoring.sample_scorer import SampleScorer, check_counts, least_samples

CPU = torch.device("cpu")


def noise(num: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(num, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def points(train: int = 50, held_out: int = 40, num_generated: int = 30) -> Dataset:
    return Dataset("points", noise(train, 2), noise(held_out, 2, seed=1), num_generated)


def pictures(
    train: int = 300, held_out: int = 200, num_generated: int = 200, labels: bool = False
) -> Dataset:
    of = [torch.arange(num) % 3 if labels else None for num in (train, held_out)]
    return Dataset(
        "pictures", noise(train, 1, 8, 8), noise(held_out, 1, 8, 8, seed=1), num_generated, *of
    )


def refusal(dataset: Dataset, **measures: object) -> str:
    with pytest.raises(ValueError) as caught:
        Evaluator(dataset, None, CPU, MeasuresConfig(**measures))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("num", "message"),
    [
        (
            64,
            "FID on 64 features needs >= 65 generated samples, got 64: with fewer the covariance is singular; more",
        ),
        (9, "IS needs >= 10 generated samples, got 9; more"),
        (5, "density and coverage needs >= 6 generated samples, got 5; more"),
        (3, "precision and recall needs >= 4 generated samples, got 3; more"),
        (1, "KID needs >= 2 generated samples, got 1; more"),
    ],
)
def test_every_score_has_its_least_number(num: int, message: str) -> None:
    least = least_samples(64, with_logits=True)
    score = next(name for name in least if message.startswith(name))
    with pytest.raises(ValueError, match="^" + message.replace("(", "\\(") + "$"):
        check_counts(
            {score: least[score]}, {"generated": (num, "more"), "held-out": (1000, "less")}
        )
    check_counts(
        {score: least[score]}, {"generated": (num + 1, "more"), "held-out": (1000, "less")}
    )


def test_the_most_demanding_score_is_named_first() -> None:
    """Whoever has raised samples to 6 should not read next that it needs 65."""
    assert list(least_samples(64, True)) == [
        "FID",
        "IS",
        "density and coverage",
        "precision and recall",
        "KID",
    ]
    assert list(least_samples(2, False)) == [
        "density and coverage",
        "precision and recall",
        "FID",
        "KID",
    ]
    with pytest.raises(
        ValueError,
        match=r"FID on 2048 .* 'pixels', or 'classifier' where .* which have 64 features",
    ):
        check_counts(least_samples(2048, True), {"generated": (3, "more")})


def test_is_asks_nothing_of_the_held_out_images() -> None:
    check_counts({"IS": 10}, {"held-out": (3, "more"), "generated": (10, "more")})


@pytest.mark.parametrize(
    ("dataset", "measures", "message"),
    [
        (
            pictures(),
            {"samples": 64, "extractor": "pixels"},
            "FID on 64 features needs >= 65 generated samples, got 64",
        ),
        (
            pictures(held_out=64),
            {"extractor": "pixels"},
            "FID on 64 features needs >= 65 held-out samples, got 64",
        ),
        (
            pictures(train=70, num_generated=65, held_out=20),
            {"extractor": "pixels"},
            ">= 65 held-out samples, got 20",
        ),
        (
            pictures(train=96, num_generated=24, held_out=24),
            {"extractor": "pixels"},
            "held-out samples, got 24: with fewer the covariance is singular; hold out more of the 120",
        ),
        (
            points(),
            {"samples": 5},
            "density and coverage needs >= 6 generated samples, got 5; raise samples",
        ),
        (
            points(held_out=5),
            {},
            "density and coverage needs >= 6 held-out samples, got 5; hold out more",
        ),
        (
            points(train=5),
            {},
            "density and coverage needs >= 6 training samples, got 5; take more training data",
        ),
        (
            pictures(),
            {"modes": "classes", "extractor": "pixels"},
            "modes 'classes' needs labels on pictures",
        ),
        (
            pictures(labels=True),
            {"modes": "classes", "extractor": "pixels"},
            "modes 'classes' needs the in-domain classifier (extractor 'classifier') on pictures; take modes 'bins'",
        ),
        (
            pictures(),
            {"extractor": "classifier"},
            "extractor 'classifier' needs labels, and pictures has none",
        ),
        (
            pictures(),
            {"extractor": "pixels", "weights": "a.pth"},
            "weights are those of extractor 'inception-v3-compat'",
        ),
        (
            points(),
            {"extractor": "pixels"},
            "extractor 'pixels' is for images, and points has points",
        ),
        (
            load(Ring()),
            {"modes": "classes"},
            "modes 'classes' is for data without modes of their own, and ring has a",
        ),
        (
            load(Ring()),
            {"modes": "bins"},
            "modes 'bins' is for data without modes of their own, and ring has a mix",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(
    dataset: Dataset, measures: dict[str, object], message: str
) -> None:
    assert message in refusal(dataset, **measures)


def test_equal_held_out_samples_are_refused() -> None:
    dataset = Dataset("points", noise(50, 2), torch.ones(40, 2), 30)
    assert refusal(dataset) == "real samples must differ, but the features of all 40 are equal"


def test_too_few_samples_are_refused_before_features_are_extracted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = []

    class Counting(PointFeatures):
        """Counts what it is given."""

        def __call__(self, samples: torch.Tensor) -> tuple[torch.Tensor, None]:
            passed.append(len(samples))
            return super().__call__(samples)

    monkeypatch.setattr(evaluator_module, "make_features", lambda *_: Counting())
    refusal(points(), samples=5)
    assert passed == []


def test_a_check_refuses_what_a_run_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same rules, before Ray is there."""
    monkeypatch.chdir(tmp_path)
    np.savez("few.npz", x=np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8))
    text = (
        'name = "few"\n[data]\nname = "arrays"\npath = "few.npz"\n[train]\nbudget = { updates = 10 }\n'
        "[search]\ntrials = 2\n[search.space]\nk = [1, 2]\n[measures]\nsamples = 100\n"
    )
    for measures, message in (
        ('extractor = "pixels"', "needs >= 33 held-out samples, got 8"),
        ('extractor = "pixels"\nmodes = "classes"', "modes 'classes' needs labels on arrays"),
    ):
        Path("study.toml").write_text(text + measures)
        result = CliRunner().invoke(main, ["check", "study.toml"])
        assert result.exit_code == 2 and message in result.stderr, result.output


def test_a_floor_of_fewer_samples_is_noted() -> None:
    assert Evaluator(points(train=50), None, CPU, MeasuresConfig(samples=50)).notes == ()
    (note,) = Evaluator(points(train=50), None, CPU, MeasuresConfig(samples=51)).notes
    assert note.startswith(
        "real against real is measured on all 50 training images, fewer than the 51 generated"
    )


def test_the_floor_is_what_measuring_the_training_sample_gives(digits_evaluator) -> None:
    sample = digits_evaluator.dataset.train[digits_evaluator._training_sample(1000)]
    ((scores, histogram),) = digits_evaluator.measure(sample.unsqueeze(0))
    assert scores == pytest.approx(digits_evaluator.floor, rel=1e-4, abs=1e-6)
    assert histogram == digits_evaluator.floor_histogram


def test_notes_reach_the_evaluator_setup(tmp_path) -> None:
    config = TrialConfig.model_validate(
        {
            "data": {"name": "digits"},
            "measures": {"extractor": "pixels"},
            "seeds": [0],
            "budget": {"unit": "generator_steps", "amount": 10},
        }
    )
    assert (
        "IS is not available: extractor 'pixels' has no classes"
        in make_evaluator_setup([config], str(tmp_path)).notes
    )


def scores_of(real: torch.Tensor, fake: torch.Tensor) -> Scores:
    """Every measure of images whose features are their pixels, all of one mode."""
    one = Assignment(torch.zeros(len(fake), dtype=torch.int64), torch.ones(len(fake)) > 0)
    scorer = SampleScorer(RealSamples(real, real.flatten(1), torch.ones(1), [len(real)]))
    return scorer.scores(Samples(fake, fake.flatten(1), one, [len(fake)]))


def test_fid_without_enough_samples_is_none_not_a_number() -> None:
    real, fake = noise(200, 1, 8, 8), noise(60, 1, 8, 8, seed=1)
    scores = scores_of(real, fake)
    assert scores["fid"] is None and scores["kid"] is not None
    assert scores_of(real, real)["fid"] == pytest.approx(0, abs=1e-3)

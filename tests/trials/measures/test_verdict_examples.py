"""The trainings of examples/verdicts/ end in the verdict that each is named after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganstudy.study.ledger.samplers import preview
from ganstudy.study.spec.reader import read_study
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Verdict
from ganstudy.trials.training.trial import Trial

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "verdicts"


@pytest.fixture(scope="module")
def verdicts_of(ring_evaluator: Evaluator) -> Callable[[str], list[str]]:
    def train(name: str) -> list[str]:
        spec, _ = read_study(EXAMPLES / f"{name}.toml")
        (params,) = preview(spec, 1)
        trial = Trial(spec.space.trial_config(params), ring_evaluator, torch.device("cpu"))
        while not trial.finished:
            evaluation = trial.advance()
        return [row.verdict for row in evaluation.rows]

    return train


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", ["converged", "unsettled", "not_trained_yet", "collapsed", "cycling", "diverged"]
)
def test_each_training_ends_in_its_verdict(
    name: str, verdicts_of: Callable[[str], list[str]]
) -> None:
    verdicts = verdicts_of(name)
    print(f"\n{name}: {verdicts}")
    assert verdicts.count(name.replace("_", " ")) >= 2, verdicts


def test_there_is_an_example_of_every_verdict() -> None:
    of_trainings = set(Verdict) - {Verdict.UNKNOWN}  # which only histories made elsewhere can have
    assert {path.stem for path in EXAMPLES.glob("*.toml")} == {
        verdict.value.replace(" ", "_") for verdict in of_trainings
    }


def test_a_dcgan_that_has_hardly_begun_and_comes_nearer_has_not_collapsed(
    digits_evaluator: Evaluator,
) -> None:
    """Of 60 steps: as long as FID falls. Some seeds stand at one image for a while, others on other CPUs."""
    config = TrialConfig.model_validate(
        {
            "data": {"name": "digits"},
            "model": {"name": "dcgan", "width": 16},
            "seeds": (0, 1, 2, 3, 4, 5),
            "budget": {"unit": "generator_steps", "amount": 60},
            "evaluations": 3,
            "measures": {"game_steps": 0},
        }
    )
    trial = Trial(config, digits_evaluator, torch.device("cpu"))
    evaluations = []
    while not trial.finished:
        evaluations.append(trial.advance().rows)
    nearer = 0
    for history in zip(*evaluations, strict=True):
        first, second, third = (row.measures["fid"] for row in history)
        assert first is not None and second is not None and third is not None
        floor = digits_evaluator.floor["fid"]
        assert floor is not None
        if first > second > third and first - third > floor:
            nearer += 1
            assert history[-1].verdict == "not trained yet"
    assert nearer

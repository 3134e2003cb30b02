"""Measures of a user's file: their numbers, their declarations, and mistakes by file and line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig, OwnMeasure
from ganstudy.trials.config.plugins import register
from ganstudy.trials.data import load
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures.own import declared_measure, try_measure
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.facts import StudyFacts
from ganstudy.trials.results.own_measures import OWN, declare_own

RIGHT = """import torch

from ganstudy.trials.own import measure


@measure(label="Spread gap", better="smaller", unit="units", ratio=True)
def gap(generated, real):
    \"\"\"Distance of the spreads.\"\"\"
    return (generated.std(0) - real.std(0)).norm()
"""


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., OwnMeasure]:
    def declared(text: str = RIGHT) -> OwnMeasure:
        file = tmp_path / "m.py"
        file.write_text(text)
        return declared_measure("m.py:gap", register(file))

    return declared


@pytest.fixture(scope="module")
def ring() -> Dataset:
    return load(Ring())


def test_every_seed_has_the_number_that_numpy_gives(
    own: Callable[..., OwnMeasure], ring: Dataset
) -> None:
    measures = MeasuresConfig(samples=50, own={"gap": own()})
    evaluator = Evaluator(ring, None, torch.device("cpu"), measures)
    samples = torch.rand(3, 50, 2, generator=torch.Generator().manual_seed(0))
    real = ring.held_out.numpy().astype(float).std(0, ddof=1)
    for index, (scores, _) in enumerate(evaluator.measure(samples)):
        drawn = samples[index].numpy().astype(float).std(0, ddof=1)
        expected = np.linalg.norm(drawn - real)
        assert scores["gap"] == pytest.approx(expected, rel=1e-5)
    floor = evaluator.floor["gap"]
    assert floor is not None and 0 < floor < 0.3


def test_it_is_in_the_catalogue_of_every_process_that_reads_the_study(
    own: Callable[..., OwnMeasure],
) -> None:
    measures = MeasuresConfig(own={"gap": own()})
    sent, stored = pickle.dumps(measures), measures.model_dump(mode="json")
    for arrives in (
        lambda: pickle.loads(sent),
        lambda: StudyFacts.from_json({"spec": {"measures": stored}}),
    ):
        MEASURES.pop("gap", None)
        arrives()
        found = MEASURES["gap"]
        assert (found.label, found.direction, found.is_ratio) == ("Spread gap", "down", True)
        assert (found.group, found.better, found.meaning) == (
            OWN,
            "lower",
            "Distance of the spreads.",
        )
    assert pickle.loads(sent) == measures and hash(measures) == hash(pickle.loads(sent))


def test_no_number_means_two_things(own: Callable[..., OwnMeasure]) -> None:
    stated = own().model_dump()
    declare_own({"gap": stated})
    declare_own({"gap": stated | {"label": "Another label"}})
    with pytest.raises(ValueError, match=r"own measure gap: another study .* to be better lower"):
        declare_own({"gap": stated | {"direction": "up", "is_ratio": False}})
    with pytest.raises(ValueError, match="fid is a measure of ganstudy's"):
        declare_own({"fid": stated})


def test_what_is_not_finite_is_none(own: Callable[..., OwnMeasure], ring: Dataset) -> None:
    text = RIGHT.replace("return (", 'return float("nan") if len(generated) == 50 else (')
    measures = MeasuresConfig(samples=60, own={"gap": own(text)})
    evaluator = Evaluator(ring, None, torch.device("cpu"), measures)
    ((scores, _),) = evaluator.measure(torch.rand(1, 50, 2))
    assert scores["gap"] is None and scores["fid"] is not None


MISTAKES = {
    "not declared": ("@measure(", "print and (", r"SyntaxError|must be declared"),
    "no declaration": (
        '@measure(label="Spread gap", better="smaller", unit="units", ratio=True)\n',
        "",
        r"m.py:6: gap must be declared by @measure",
    ),
    "no label": ('label="Spread gap", ', "", r"m.py:6 fails on import: TypeError: .*label"),
    "another direction": ("smaller", "lower", r"m.py:6: better must be one of 'smaller', 'larger'"),
    "a ratio of what has no 0": ("smaller", "larger", r"m.py:6: ratio is for a measure"),
    "an empty label": ("Spread gap", " ", r"m.py:6: label must be text"),
    "arguments": ("(generated, real)", "(generated)", r"m.py:6: gap must take \(generated, real\)"),
    "an exception": ("real.std(0)", "real.std(7)", r"m.py:9: the measure fails: IndexError"),
    "no number": (".norm()", "", r"m.py:6: a measure must return one number, got a tensor \[2\]"),
    "text": ("return (", "return 'x' or (", r"m.py:6: a measure must return one number, got 'x'"),
    "NaN": (
        ".norm()",
        ".log().sum()",
        r"m.py:6: the measure gives NaN or infinity for real samples",
    ),
    "in place": ("generated.std", "generated.abs_().std", r"must not change the samples"),
    "a memory": (
        "    return (",
        "    gap.calls = getattr(gap, 'calls', 0) + 1\n    return gap.calls * (",
        r"m.py:6: the measure gives .* for the same samples",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_before_a_study_starts(
    mistake: str, own: Callable[..., OwnMeasure], ring: Dataset
) -> None:
    right, wrong, message = MISTAKES[mistake]
    assert right in RIGHT
    with pytest.raises(ValueError, match=message):
        try_measure(own(RIGHT.replace(right, wrong, 1)), ring)


def test_random_numbers_are_the_same_in_every_call(
    own: Callable[..., OwnMeasure], ring: Dataset
) -> None:
    text = RIGHT.replace("real.std(0)", "real[torch.randperm(len(real))[:20]].std(0)")
    before = torch.random.get_rng_state()
    try_measure(own(text), ring)
    assert torch.equal(before, torch.random.get_rng_state())

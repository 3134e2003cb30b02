"""Training functions written for a test, and trials of them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.plugins import register
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.measures.scoring.evaluator import Evaluator

SMALL = {"samples": 200, "game_steps": 0}
"""Measures of the tests here."""


@pytest.fixture(scope="session")
def ring():
    """The ring's points."""
    return load(Ring())


@pytest.fixture(scope="session")
def small_evaluator(ring):
    """Scores 200 points of the ring, which takes a hundredth of a second."""
    return Evaluator(ring, None, torch.device("cpu"), MeasuresConfig(**SMALL))


@pytest.fixture(scope="session")
def config_of() -> Callable[..., TrialConfig]:
    """Return a small trial on the ring that the function `train` of a file trains."""

    def config(file: Path, params: dict[str, Any] | None = None, **changes: Any) -> TrialConfig:
        values: dict[str, Any] = {
            "data": {"name": "ring"},
            "seeds": [0, 3],
            "budget": {"unit": "generator_steps", "amount": 12},
            "evaluations": 4,
            "measures": SMALL,
        }
        function = {"digest": register(file), "params": params or {}}
        return TrialConfig(**(values | changes), method=f"{file.name}:train", function=function)

    return config


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a training function's file, and return its path."""

    def file(text: str, name: str = "my_trainer.py") -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return file

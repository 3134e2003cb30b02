"""Trials of a script that starts in no time."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ganstudy.trials.config.command import code_digest
from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.commands import attempt, watcher
from ganstudy.trials.training.commands.command_trial import CommandTrial

HOME = Path(__file__).parent
SMALL = {"samples": 200, "game_steps": 0}
COMMAND = ("{python}", "-S", "stub.py", "--outdir={folder}", "--images={images}", "--seed={seed}")


@pytest.fixture(scope="session")
def points_evaluator() -> Evaluator:
    """Scores 200 points of the ring, which takes a hundredth of a second."""
    return Evaluator(load(Ring()), None, torch.device("cpu"), MeasuresConfig(**SMALL))


@pytest.fixture(scope="session")
def expected_fid(points_evaluator) -> Callable[..., float]:
    """Return the FID of the points that the stub draws, without any file."""
    spec = importlib.util.spec_from_file_location("stub", HOME / "stub.py")
    assert spec is not None and spec.loader is not None
    stub = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stub)

    def fid(seed: int, amount: int, spread: float = 0.05) -> float:
        drawn = torch.tensor([*stub.points(seed, amount, spread, 200)])
        found = points_evaluator.measure(drawn[None])[0][0]["fid"]
        assert found is not None
        return found

    return fid


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "SETTLED_SECONDS", 0.05)
    monkeypatch.setattr(attempt, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(attempt, "TICK_SECONDS", 0.05)


@pytest.fixture(scope="session")
def script_config() -> Callable[..., TrialConfig]:
    """Return a small trial on the ring that stub.py trains."""

    def config(
        *more: str,
        resume: tuple[str, ...] = ("--resume={latest:snapshot-*.pkl}",),
        watch: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        **changes: Any,
    ) -> TrialConfig:
        command = (*COMMAND, *more)
        values: dict[str, Any] = {
            "data": {"name": "ring"},
            "seeds": [0, 3],
            "budget": {"unit": "images", "amount": 40},
            "evaluations": 4,
            "measures": SMALL,
        }
        function = {
            "digest": code_digest(command, HOME),
            "params": params or {},
            "command": {
                "command": command,
                "resume": resume,
                "watch": {"samples": "fakes{images}.npy"} if watch is None else watch,
                "home": str(HOME),
            },
        }
        return TrialConfig(**(values | changes), method="command", function=function)

    return config


@pytest.fixture
def begun(points_evaluator: Evaluator, tmp_path: Path) -> Iterator[Callable[..., CommandTrial]]:
    """Begin a trial in its folder; its scripts end with the test."""
    made: list[CommandTrial] = []

    def begin(config: TrialConfig, **changes: Any) -> CommandTrial:
        trial = CommandTrial(config, points_evaluator, **changes)
        trial.restore(tmp_path / "trial")
        made.append(trial)
        return trial

    yield begin
    for trial in made:
        for each in trial._scripts.values():
            each.close()

"""Processes that are killed in the middle of a training function lose nothing and double nothing."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

import pytest

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.records import COUNTERS, Evaluation
from ganstudy.trials.training.checkpoint import newest_position
from ganstudy.trials.training.functions.function_trial import FunctionTrial

RANDOM_FILE = Path(__file__).with_name("random_trainer.py")
KILLS = 10


def numbers(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return all that is reproducible of the rows."""
    rows = [row.to_json() for row in evaluation.rows]
    return [{n: v for n, v in row.items() if n not in COUNTERS} for row in rows]


def train(config: TrialConfig, evaluator: Any, folder: Path) -> None:
    """Train as a worker does: the record of an evaluation, then its checkpoint; and between steps."""
    trial = FunctionTrial(config, evaluator)
    trial.restore(folder)

    def tick() -> None:
        trial.save(folder)
        time.sleep(0.005)

    while not trial.finished:
        made = trial.advance(tick)
        record = json.dumps(numbers(made), sort_keys=True).encode()
        write_whole(folder / f"evaluation-{made.index}.json", record)
        trial.save(folder)


def test_ten_kills(config_of, small_evaluator, tmp_path: Path, monkeypatch) -> None:
    config = config_of(RANDOM_FILE, budget={"unit": "generator_steps", "amount": 80})
    straight, made = FunctionTrial(config, small_evaluator), []
    while not straight.finished:
        made.append(straight.advance())
    monkeypatch.setattr("ganstudy.trials.training.functions.run.PROGRESS_SECONDS", 0.0)
    draw, positions = random.Random(0), [0]
    for _ in range(KILLS):
        # Forked: a new interpreter would take seconds to import torch.
        process = multiprocessing.get_context("fork").Process(
            target=train, args=(config, small_evaluator, tmp_path)
        )
        process.start()
        # Each gets further than the one before; then it is killed wherever it is.
        while process.is_alive() and newest_position(tmp_path) <= positions[-1]:
            time.sleep(0.005)
        time.sleep(0.03 * draw.random())
        process.kill()
        process.join()
        positions.append(newest_position(tmp_path))
    assert positions == sorted(set(positions)), "all of them were killed before the end"
    train(config, small_evaluator, tmp_path)
    for evaluation in made:
        record = json.loads((tmp_path / f"evaluation-{evaluation.index}.json").read_text())
        assert record == json.loads(json.dumps(numbers(evaluation)))
    assert len(list(tmp_path.glob("evaluation-*.json"))) == config.evaluations


def test_a_function_that_counts_images_alone_goes_on_from_its_newest_checkpoint(
    config_of, write, small_evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints are told apart by the passes of its loop, whatever it counts."""
    monkeypatch.setattr("ganstudy.trials.training.functions.run.PROGRESS_SECONDS", 0.0)
    text = """
        from torch import nn

        def train(run):
            G, seen = nn.Linear(2, 2), {"steps": 0}
            run.keep(G=G, seen=seen)
            for step in run.steps():
                assert step == seen["steps"]
                seen["steps"] += 1
                run.count(generator_steps=0, images=10)
                if run.due():
                    run.evaluate(G, latent_dim=2)
    """
    config = config_of(write(text), budget={"unit": "images", "amount": 120})
    trial, ticks = FunctionTrial(config, small_evaluator), 0

    class KilledError(Exception):
        pass

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        trial.save(tmp_path)
        if ticks == 7:
            raise KilledError

    with pytest.raises(KilledError):
        while True:
            trial.advance(tick)
            trial.save(tmp_path)
    before = newest_position(tmp_path)
    again = FunctionTrial(config, small_evaluator)
    assert again.restore(tmp_path)
    while not again.finished:
        again.advance()
    again.save(tmp_path)
    assert 0 < before < newest_position(tmp_path) == 24

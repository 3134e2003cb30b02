"""Checkpoints: found by digest, and exact: 2N steps equal N, a checkpoint, and N, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import EvaluationRow
from ganstudy.trials.training.checkpoint import KEEP, read_newest, write_checkpoint
from ganstudy.trials.training.trial import Trial

ALONE = {name: [name] for name in REMEDIES}
TOGETHER = {
    "all_with_optimistic_adam": [name for name in REMEDIES if name != "extragradient"],
    "all_with_extragradient": [
        name for name in REMEDIES if name not in ("optimistic_adam", "unrolled_discriminator")
    ],
}
SETS = {"none": [], **ALONE, **TOGETHER}
UPDATES = 7
OPTIONS = {
    "lecam": {"start": 2},
    "unrolled_discriminator": {"steps": 2},
    "virtual_batch_normalisation": {"reference": 8},
}


def config(names: list[str], **changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {
            "name": "mlp",
            "latent_dim": 8,
            "width": 16,
            "batch_norm": "virtual_batch_normalisation" in names or "generator_ema" in names,
        },
        "batch_size": 16,
        "k": "2/3",
        "remedies": names,
        "remedy_options": {name: OPTIONS.get(name, {}) for name in names},
        "seeds": [0, 4],
        "budget": {"unit": "generator_steps", "amount": 62},
        "evaluations": 2,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


def updated(trial: Trial, updates: int) -> Trial:
    for _ in range(updates):
        trial.loop.train_step()
    return trial


def assert_exact(chosen: TrialConfig, evaluator: Any, folder: Path) -> None:
    """2N updates against N, a checkpoint, and N: every tensor, optimisers and remedies included."""
    through = updated(Trial(chosen, evaluator), 2 * UPDATES)
    updated(Trial(chosen, evaluator), UPDATES).save(folder)
    resumed = Trial(chosen, evaluator)
    assert resumed.restore(folder)
    updated(resumed, UPDATES)
    expected, found = through.tensors(), resumed.tensors()
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name
    latents = torch.randn(2, 5, 8)
    assert torch.equal(through.trainer.sample(latents), resumed.trainer.sample(latents))
    assert through.counters.as_columns().keys() == resumed.counters.as_columns().keys()


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_going_on_is_exact_with_every_remedy(
    digits_evaluator, tmp_path: Path, names: list[str]
) -> None:
    assert_exact(config(names), digits_evaluator, tmp_path)


@pytest.mark.parametrize(
    "remedies", [[], ["optimistic_adam"], ["extragradient"], ["unrolled_discriminator"]], ids=str
)
@pytest.mark.parametrize("optimiser", ["rmsprop", "sgd"])
def test_going_on_is_exact_with_every_optimiser(
    digits_evaluator, tmp_path: Path, optimiser: str, remedies: list[str]
) -> None:
    assert_exact(config(remedies, optimiser=optimiser), digits_evaluator, tmp_path)


@pytest.mark.parametrize("loss", LOSSES)
def test_going_on_is_exact_with_every_loss(digits_evaluator, tmp_path: Path, loss: str) -> None:
    assert_exact(config([], loss=loss), digits_evaluator, tmp_path)


def test_going_on_is_exact_across_a_change_of_k(digits_evaluator, tmp_path: Path) -> None:
    assert_exact(config([], k="2 until 2 then 1/2"), digits_evaluator, tmp_path)


class PausedError(Exception):
    """Ends `advance` between two steps."""


@pytest.mark.parametrize("updates", [1, 40, 100])
def test_evaluations_are_the_same_after_a_pause_between_them(
    digits_evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: int
) -> None:
    """Paused anywhere within an interval: losses, pictures (the untrained one too) and scores stay the same."""
    monkeypatch.setattr("ganstudy.trials.training.training_loop.PROGRESS_SECONDS", 0.0)
    through = Trial(config(["lecam"]), digits_evaluator)
    expected = [through.advance(), through.advance()]
    paused, found = Trial(config(["lecam"]), digits_evaluator), []

    def on_progress() -> None:
        if paused.counters.updates == updates:
            paused.save(tmp_path)
            raise PausedError

    with pytest.raises(PausedError):
        found.append(paused.advance(on_progress))
        found.append(paused.advance(on_progress))
    resumed = Trial(config(["lecam"]), digits_evaluator)
    assert resumed.restore(tmp_path) and resumed.counters.updates == updates
    while not resumed.finished:
        found.append(resumed.advance())
    assert [one.grid_png for one in found] == [one.grid_png for one in expected]
    assert [one.start_png for one in found] == [one.start_png for one in expected]
    assert expected[0].start_png and not expected[1].start_png
    for one, other in zip(expected, found, strict=True):
        for row, again in zip(one.rows, other.rows, strict=True):
            there = again.to_json()
            assert {
                k: (v, there[k]) for k, v in without_the_machine(row).items() if v != there[k]
            } == {}


def without_the_machine(row: EvaluationRow) -> dict[str, Any]:
    of_the_machine = {"seconds", "evaluation_seconds", "device_seconds", "peak_memory_bytes"}
    return {name: value for name, value in row.to_json().items() if name not in of_the_machine}


def test_evaluations_are_the_same_after_going_on(digits_evaluator, tmp_path: Path) -> None:
    names = ["generator_ema", "instance_noise", "lecam"]
    through = Trial(config(names), digits_evaluator)
    first = through.advance()
    interrupted = Trial(config(names), digits_evaluator)
    interrupted.advance()
    interrupted.save(tmp_path)
    resumed = Trial(config(names), digits_evaluator)
    assert resumed.restore(tmp_path)
    assert resumed.evaluations_done == first.index == 1
    expected, found = through.advance(), resumed.advance()
    for name, value in through.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name
    assert [without_the_machine(row) for row in expected.rows] == [
        without_the_machine(row) for row in found.rows
    ]
    assert expected.grid_png == found.grid_png
    assert len(resumed.history) == len(through.history)


def test_a_checkpoint_of_another_configuration_is_refused(digits_evaluator, tmp_path: Path) -> None:
    updated(Trial(config([]), digits_evaluator), 3).save(tmp_path)
    with pytest.raises(ValueError, match="configuration"):
        Trial(config([], k="3"), digits_evaluator).restore(tmp_path)


def test_nothing_to_restore(digits_evaluator, tmp_path: Path) -> None:
    assert not Trial(config([]), digits_evaluator).restore(tmp_path / "absent")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage: str) -> None:
    write_checkpoint(tmp_path, 1, {"w": torch.ones(100)}, {"step": 1})
    newest = write_checkpoint(tmp_path, 2, {"w": torch.zeros(100)}, {"step": 2})
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes({"cut": bytes(data[:-7]), "flip": bytes(data), "empty": b""}[damage])
    tensors, state = read_newest(tmp_path)
    assert state == {"step": 1} and torch.equal(tensors["w"], torch.ones(100))


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for evaluation in range(1, 6):
        write_checkpoint(tmp_path, evaluation, {"w": torch.full((1,), float(evaluation))}, {})
    assert len(list(tmp_path.iterdir())) == KEEP
    tensors, _ = read_newest(tmp_path)
    assert tensors["w"].item() == 5

"""Checkpoints: found by digest, and exact: 2N steps equal N, a checkpoint, and N."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path

import pytest
import torch

from trials.checkpoint import KEEP, read_newest, write_checkpoint
from trials.config import REMEDIES, TrialConfig
from trials.trial import Trial

SETS = [list(names) for names in chain.from_iterable(combinations(REMEDIES, size) for size in range(4))]


def config(names: list[str], k: str = "2/3") -> TrialConfig:
    return TrialConfig(
        data={"name": "digits"},
        model={"latent_dim": 8, "width": 16},
        batch_size=16,
        k=k,
        remedies=names,
        seeds=[0, 4],
        budget={"unit": "generator_steps", "amount": 62},
        evaluations=2,
    )


@pytest.mark.parametrize("names", SETS, ids=lambda names: "+".join(names) or "none")
def test_going_on_gives_the_same_numbers(digits_evaluator, tmp_path: Path, names: list[str]) -> None:
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
    clocks = {"seconds", "evaluation_seconds"}
    for a, b in zip(expected.rows, found.rows, strict=True):
        assert {k: v for k, v in a.items() if k not in clocks} == {k: v for k, v in b.items() if k not in clocks}
    assert expected.grid_png == found.grid_png
    assert len(resumed.history) == len(through.history)


def test_a_checkpoint_of_another_configuration_is_refused(digits_evaluator, tmp_path: Path) -> None:
    trial = Trial(config([]), digits_evaluator)
    trial.advance()
    trial.save(tmp_path)
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

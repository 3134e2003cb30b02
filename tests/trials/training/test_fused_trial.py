"""Trials that are trained together keep their own histories, checkpoints and ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Evaluation
from ganstudy.trials.training.fused_trial import FusedTrial
from ganstudy.trials.training.sharded_trial import ShardedTrial
from ganstudy.trials.training.training_loop import TrainingLoop
from ganstudy.trials.training.trial import Trial

STEPS = 12
ROUNDING = 1e-5
"""Of single precision, over few steps of a small network."""


@pytest.fixture(scope="module")
def ring() -> Evaluator:
    """Scores few points."""
    data = load(Ring())
    few = replace(data, train=data.train[:400], held_out=data.held_out[:100])
    return Evaluator(few, None, torch.device("cpu"), MeasuresConfig(samples=80))


def config(rate: float = 1e-3, seeds: tuple[int, ...] = (0, 1), **changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "ring"},
        "model": {"name": "mlp", "latent_dim": 3, "width": 8},
        "batch_size": 8,
        "k": "1",
        "lr_d": rate,
        "lr_g": 2 * rate,
        "remedies": ["historical_averaging", "lecam"],
        "remedy_options": {"lecam": {"start": 2, "weight": 100 * rate}},
        "seeds": seeds,
        "budget": {"unit": "generator_steps", "amount": STEPS},
        "evaluations": 3,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


CONFIGS = [config(1e-3), config(3e-3, (1, 2, 0)), config(1e-4)]


@pytest.fixture(scope="module")
def alone(ring: Evaluator) -> list[tuple[Trial, list[Evaluation]]]:
    """Every configuration trained by itself, and its evaluations."""
    return [(trial, finish(trial)) for trial in (Trial(each, ring) for each in CONFIGS)]


def finish(trial: Trial | ShardedTrial) -> list[Evaluation]:
    made = []
    while not trial.finished:
        made.append(trial.advance())
    return made


def finish_all(fused: FusedTrial, folder: Path | None = None) -> dict[int, list[Evaluation]]:
    """Train to the end, as a worker does: every evaluation is followed by a checkpoint."""
    made: dict[int, list[Evaluation]] = {}
    while not fused.all_finished:
        for index, evaluation in fused.advance().items():
            made.setdefault(index, []).append(evaluation)
            if folder is not None:
                fused.save(index, folder / str(index))
    return made


def assert_rows(found: list[Evaluation], expected: list[Evaluation]) -> None:
    assert [each.index for each in found] == [each.index for each in expected]
    for one, other in zip(found, expected, strict=True):
        for a, b in zip(one.rows, other.rows, strict=True):
            assert (a.seed, a.evaluation, a.finite) == (b.seed, b.evaluation, b.finite)
            for name, value in b.measures.items():
                if value is None:
                    assert a.measures[name] is None
                else:
                    assert a.measures[name] == pytest.approx(value, rel=1e-3, abs=1e-3), name


def assert_tensors(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=ROUNDING, atol=ROUNDING)


def restored(config: TrialConfig, ring: Evaluator, folder: Path) -> Trial:
    trial = Trial(config, ring)
    assert trial.restore(folder)
    return trial


def test_trials_in_one_pack_end_as_alone(
    ring: Evaluator, alone: list[tuple[Trial, list[Evaluation]]], tmp_path: Path
) -> None:
    fused = FusedTrial(CONFIGS, ring)
    made = finish_all(fused, tmp_path)
    for index, (trial, expected) in enumerate(alone):
        assert_rows(made[index], expected)
        assert fused.latest(index).rows == made[index][-1].rows
        by_itself = restored(CONFIGS[index], ring, tmp_path / str(index))
        assert by_itself.finished
        assert_tensors(by_itself.tensors(), trial.tensors())


def test_a_stopped_trial_leaves_and_the_others_go_on_unchanged(
    ring: Evaluator, alone: list[tuple[Trial, list[Evaluation]]]
) -> None:
    fused = FusedTrial(CONFIGS, ring)
    made = {index: [evaluation] for index, evaluation in fused.advance().items()}
    fused.stop(1)
    for index, evaluations in finish_all(fused).items():
        made[index] += evaluations
    assert [len(made[index]) for index in range(3)] == [3, 1, 3]
    for index in (0, 2):
        assert_rows(made[index], alone[index][1])


def test_a_trial_whose_seeds_have_all_diverged_leaves(
    ring: Evaluator, alone: list[tuple[Trial, list[Evaluation]]]
) -> None:
    fused = FusedTrial(CONFIGS, ring)
    made = {index: [evaluation] for index, evaluation in fused.advance().items()}
    # The lanes of the second configuration: 2, 3 and 4.
    poisoned = next(iter(fused.players()["generator"].parameters.values()))
    poisoned.data[2:5] = torch.nan
    for index, evaluations in finish_all(fused).items():
        made[index] += evaluations
    assert [len(made[index]) for index in range(3)] == [3, 2, 3]
    assert made[1][-1].verdicts() == {"diverged": 3}
    for index in (0, 2):
        assert_rows(made[index], alone[index][1])


class Interrupted(Exception):  # noqa: N818 (the training goes on later)
    pass


def test_trials_go_on_from_their_own_checkpoints_in_any_pack(
    ring: Evaluator,
    alone: list[tuple[Trial, list[Evaluation]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two of three are stopped in the middle of an interval; one goes on alone, the other with one
    that has not begun."""
    monkeypatch.setattr("ganstudy.trials.training.training_loop.PROGRESS_SECONDS", 0.0)
    fused, calls = FusedTrial(CONFIGS[:2], ring), 0
    fused.advance()

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            for index in range(2):
                fused.save(index, tmp_path / str(index))
            raise Interrupted

    with pytest.raises(Interrupted):
        fused.advance(interrupt)
    first = restored(CONFIGS[0], ring, tmp_path / "0")
    assert_rows(finish(first), alone[0][1][1:])
    assert_tensors(first.tensors(), alone[0][0].tensors())

    other = FusedTrial([CONFIGS[2], CONFIGS[1]], ring)
    assert other.restore(1, tmp_path / "1")
    sizes, made = [], {0: [], 1: []}
    while not other.all_finished:
        evaluations = other.advance()
        sizes.append(len(evaluations))
        for index, evaluation in evaluations.items():
            made[index].append(evaluation)
    # The new one catches up first; then the other comes to the evaluation, and they are a pack.
    assert sizes == [1, 1, 1, 2]
    assert_rows(made[0], alone[2][1])
    assert_rows(made[1], alone[1][1][1:])


def test_a_checkpoint_that_was_written_alone_goes_on_in_a_pack(
    ring: Evaluator, alone: list[tuple[Trial, list[Evaluation]]], tmp_path: Path
) -> None:
    trial = Trial(CONFIGS[1], ring)
    trial.advance()
    trial.save(tmp_path / "1")
    sharded = ShardedTrial(CONFIGS[2], ring, num_shards=2)
    sharded.advance()
    sharded.save(tmp_path / "2")
    fused = FusedTrial(CONFIGS, ring)
    assert not fused.restore(0, tmp_path / "0")
    assert fused.restore(1, tmp_path / "1") and fused.restore(2, tmp_path / "2")
    made = finish_all(fused, tmp_path)
    for index, begun in enumerate((0, 1, 1)):
        assert_rows(made[index], alone[index][1][begun:])


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Steps of more lanes than this run out of memory."""
    limit = {"lanes": 100}
    step = TrainingLoop.train_step

    def checked(loop: TrainingLoop) -> None:
        if len(loop.config.seeds) > limit["lanes"] and loop.counters.updates >= 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        step(loop)

    monkeypatch.setattr(TrainingLoop, "train_step", checked)
    yield limit


@pytest.mark.parametrize(("lanes", "trials"), [(5, 2), (3, 1), (1, 1)])
def test_memory_that_runs_out_halves_the_pack(
    lanes: int,
    trials: int,
    ring: Evaluator,
    alone: list[tuple[Trial, list[Evaluation]]],
    short_memory: dict[str, int],
    tmp_path: Path,
) -> None:
    short_memory["lanes"] = lanes
    made = finish_all(FusedTrial(CONFIGS, ring), tmp_path)
    for index, (_, expected) in enumerate(alone):
        assert_rows(made[index], expected)
    note = f"out of memory: at most {trials} configurations are trained together"
    if lanes >= 3:
        assert note in made[0][-1].notes
    else:
        assert any("out of memory: the 3 seeds" in text for text in made[1][-1].notes)


def test_no_memory_for_a_single_seed_is_an_error(
    ring: Evaluator, short_memory: dict[str, int]
) -> None:
    short_memory["lanes"] = 0
    with pytest.raises(MemoryError, match="even with one seed at a time"):
        FusedTrial(CONFIGS, ring).advance()


def test_packs_hold_no_more_trials_than_asked_for(
    ring: Evaluator, alone: list[tuple[Trial, list[Evaluation]]]
) -> None:
    fused = FusedTrial(CONFIGS, ring, most=2)
    made = finish_all(fused)
    for index, (_, expected) in enumerate(alone):
        assert_rows(made[index], expected)
        assert made[index][-1].notes == []


def test_unlike_trials_are_refused(ring: Evaluator) -> None:
    with pytest.raises(ValueError, match="differ in more than numbers"):
        FusedTrial([config(), config(k="2")], ring)

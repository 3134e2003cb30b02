"""Out of memory, a trial goes on in smaller packs, one after the other, with the results of the whole pack."""

from __future__ import annotations

import gc
import io
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.memory import is_out_of_memory
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Evaluation, EvaluationRow
from ganstudy.trials.training.checkpoint import read_newest
from ganstudy.trials.training.sample_grid import draw_grid, join_grids, split_grid
from ganstudy.trials.training.seed_shards import SeedShard, merge, split
from ganstudy.trials.training.sharded_trial import ShardedTrial
from ganstudy.trials.training.training_loop import TrainingLoop
from ganstudy.trials.training.trial import Trial

ROOT = Path(__file__).resolve().parents[3]
OF_THE_MACHINE = {"seconds", "evaluation_seconds", "device_seconds", "peak_memory_bytes"}
WITH_STATE = [
    *(
        "historical_averaging",
        "lecam",
        "generator_ema",
        "optimistic_adam",
        "spectral_normalisation",
        "packing",
    ),
    "minibatch_discrimination",
]
TOGETHER = {
    "all_with_optimistic_adam": [name for name in REMEDIES if name != "extragradient"],
    "all_with_extragradient": [
        name for name in REMEDIES if name not in ("optimistic_adam", "unrolled_discriminator")
    ],
}
ALONE = [pytest.param([name], id=name, marks=pytest.mark.slow) for name in REMEDIES]
SETS = [
    pytest.param([], id="none"),
    *(pytest.param(names, id=name) for name, names in TOGETHER.items()),
    *ALONE,
]
OPTIONS = {
    "lecam": {"start": 2},
    "unrolled_discriminator": {"steps": 2},
    "virtual_batch_normalisation": {"reference": 8},
}
LAST_DIGITS = 1e-6
"""Some processors sum a matrix product otherwise where it stands in a batch of another size."""
ROUNDING = 1e-4
"""Largest relative deviation of a number in a row. On the ring without a remedy there is none: to the bit."""
END_GAME_ROUNDING = 1e-2
PACKS = "out of memory: the 3 seeds are trained in {} groups, one after the other"


def config(names: list[str] | None = None, data: str = "ring", **changes: Any) -> TrialConfig:
    names = names or []
    averaged = "virtual_batch_normalisation" in names or "generator_ema" in names
    values: dict[str, Any] = {
        "data": {"name": data},
        "model": {"name": "mlp", "latent_dim": 8, "width": 16, "batch_norm": averaged},
        "batch_size": 16,
        "k": "2/3",
        "lr_d": 1e-3,
        "lr_g": 1e-3,
        "remedies": names,
        "remedy_options": {name: OPTIONS.get(name, {}) for name in names},
        "seeds": [0, 1, 7],
        "budget": {"unit": "generator_steps", "amount": 16},
        "evaluations": 2,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


@pytest.fixture(scope="module", autouse=True)
def _quick_collection() -> Iterator[None]:
    """Collecting garbage looks at this module's objects alone, not at those of all libraries and tests."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def ring() -> Evaluator:
    """Scores few points of a small ring."""
    return few(load(Ring()), "auto")


@pytest.fixture(scope="module")
def few_digits(digits: Dataset) -> Evaluator:
    """Scores few digits, by their pixels."""
    return few(digits, "pixels")


def few(data: Dataset, extractor: Any) -> Evaluator:
    labels = {"train_labels": None, "held_out_labels": None}
    small = replace(
        data, train=data.train[:800], held_out=data.held_out[:200], class_names=None, **labels
    )
    return Evaluator(
        small, None, torch.device("cpu"), MeasuresConfig(samples=80, extractor=extractor)
    )


def finish(trial: Trial | ShardedTrial) -> list[Evaluation]:
    made = []
    while not trial.finished:
        made.append(trial.advance())
    return made


def assert_same(
    expected: list[Evaluation], found: list[Evaluation], bound: float = LAST_DIGITS
) -> None:
    """Rows, pictures and counters; numbers deviate by `bound` at most."""
    assert [one.index for one in found] == [one.index for one in expected]
    for one, other in zip(expected, found, strict=True):
        assert one.grid_png == other.grid_png and one.start_png == other.start_png
        assert one.provenance == other.provenance
        assert_same_rows(one.rows, other.rows, bound)
        for row in other.rows:
            assert {name: row.cost[name] for name in OF_THE_MACHINE} == {
                name: other.counters.as_columns()[name] for name in OF_THE_MACHINE
            }


def assert_same_rows(
    expected: list[EvaluationRow], found: list[EvaluationRow], bound: float = LAST_DIGITS
) -> None:
    for one, other in zip(expected, found, strict=True):
        row, again = one.to_json(), other.to_json()
        assert row.keys() == again.keys()
        for name, value in row.items():
            if name not in OF_THE_MACHINE:
                close = isinstance(value, float) and math.isclose(
                    value, again[name], rel_tol=bound, abs_tol=1e-12
                )
                assert value == again[name] or (bound and close), (name, value, again[name])


def fail_above(
    monkeypatch: pytest.MonkeyPatch, largest: int, where: str, first: int = 0
) -> list[int]:
    """From here on, more than `largest` seeds run out of memory in `where`, after `first` updates.

    where: in training (train_step) or in an evaluation (evaluate). Return the numbers of seeds that failed.
    """
    failed: list[int] = []
    owner = TrainingLoop if where == "train_step" else Trial
    where = where if where == "train_step" else "evaluate_all"
    inner = getattr(owner, where)

    def short(trial: Trial | TrainingLoop, *arguments: Any) -> Any:
        size = len(trial.config.seeds)
        if size > largest and trial.counters.updates >= first:
            failed.append(size)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return inner(trial, *arguments)

    monkeypatch.setattr(owner, where, short)
    return failed


# --- the results of the whole pack


@pytest.mark.parametrize(
    ("data", "largest", "sizes", "ensembles", "where"),
    [
        ("ring", 2, [3], 2, "train_step"),
        ("ring", 1, [3, 2], 3, "train_step"),
        ("ring", 1, [3, 2], 3, "evaluate"),
        ("digits", 2, [3], 2, "evaluate"),
        ("digits", 1, [3, 2], 3, "train_step"),
    ],
)
def test_the_results_are_those_of_the_whole_pack(
    ring,
    few_digits,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    largest: int,
    sizes: list[int],
    ensembles: int,
    where: str,
) -> None:
    evaluator = ring if data == "ring" else few_digits
    whole = Trial(config(data=data), evaluator)
    expected = finish(whole)
    failed = fail_above(monkeypatch, largest, where)
    sharded = ShardedTrial(config(data=data), evaluator)
    found = finish(sharded)
    assert failed == sizes
    bound = LAST_DIGITS if data == "ring" else ROUNDING
    assert_same(expected, found, bound)
    assert_same_rows(whole.history, sharded.history, bound)
    assert [one.notes for one in expected] == [[], []] and [one.notes for one in found] == [
        [PACKS.format(ensembles)]
    ] * 2
    assert (
        sharded.latest().rows == found[-1].rows and sharded.latest().counters == found[-1].counters
    )


@pytest.mark.parametrize("name", WITH_STATE)
def test_remedies_keep_their_state_when_a_pack_is_split(
    ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, conformance: Any
) -> None:
    """Split in the middle of the second interval, from a checkpoint within it, into two packs and then three."""
    expected = finish(Trial(config([name]), ring))
    monkeypatch.setattr("ganstudy.trials.training.training_loop.PROGRESS_SECONDS", 0.0)
    sharded, saved = ShardedTrial(config([name]), ring), []

    def on_progress() -> None:
        assert sharded._trial is not None
        if sharded._trial.counters.updates == 18:
            saved.append(len(sharded._shards))
            sharded.save(tmp_path)

    found = [sharded.advance(on_progress)]
    failed = fail_above(monkeypatch, 1, "train_step", 22)
    found.append(sharded.advance(on_progress))
    assert saved == [1] and failed == [3, 2]
    assert found[1].notes == [PACKS.format(3)]
    assert_same(expected, found, ROUNDING)
    conformance(
        f"split pack, {name}", "the whole pack, 16 steps", deviation(expected, found), ROUNDING
    )


def deviation(expected: list[Evaluation], found: list[Evaluation]) -> float:
    """The largest relative one of a measure."""
    pairs = [
        (value, other_row.to_json()[name])
        for one, other in zip(expected, found, strict=True)
        for row, other_row in zip(one.rows, other.rows, strict=True)
        for name, value in row.to_json().items()
        if isinstance(value, float) and name not in OF_THE_MACHINE
    ]
    return max(abs(value - other) / max(abs(value), 1e-9) for value, other in pairs)


def test_the_measures_of_the_game_are_those_of_the_whole_pack(
    ring, conformance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganstudy.trials.gan.duality_gap.SCORED", 64)
    chosen = config(measures={"game_steps": 4}, evaluations=1)
    expected, found = finish(Trial(chosen, ring)), finish(ShardedTrial(chosen, ring, num_shards=3))
    conformance(
        "split pack, path angle and duality gap",
        "the whole pack",
        deviation(expected, found),
        END_GAME_ROUNDING,
    )


def test_evaluations_since_the_checkpoint_are_made_once_more(
    ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any checkpoint, training begins anew; the caller gets each evaluation once."""
    expected = finish(Trial(config(), ring))
    sharded = ShardedTrial(config(), ring)
    found = [sharded.advance()]
    failed = fail_above(monkeypatch, 2, "train_step", 22)
    found.append(sharded.advance())
    assert failed == [3]
    assert_same(expected, found)
    assert_same_rows([row for one in expected for row in one.rows], sharded.history)


def test_building_a_pack_may_fail_too(ring, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack whose trial call finds no memory is not taken for a network that vmap cannot take."""
    expected = finish(Trial(config(), ring))

    def short(ensemble: Any, example: Tensor) -> None:
        if len(ensemble.seeds) > 1:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
            )

    monkeypatch.setattr("ganstudy.trials.ensemble.ensemble.SeedEnsemble._try_vmap", short)
    found = finish(ShardedTrial(config(), ring))
    assert_same(expected, found)
    assert found[0].notes == [PACKS.format(3)]


def test_diverged_seeds_go_on_as_rows(ring) -> None:
    """A part without a finite seed is trained on as long as another has one, as in the whole pack."""
    trials: list[Trial | ShardedTrial] = [
        Trial(config(), ring),
        ShardedTrial(config(), ring, num_shards=3),
    ]
    trials[0].trainer.generator.parameters["0.weight"].data[1].fill_(float("nan"))
    begin = Trial.__init__

    def poisoned(trial: Trial, chosen: TrialConfig, *arguments: Any) -> None:
        begin(trial, chosen, *arguments)
        if chosen.seeds == (1,):
            trial.trainer.generator.parameters["0.weight"].data.fill_(float("nan"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trial, "__init__", poisoned)
        found = finish(trials[1])
    expected = finish(trials[0])
    assert [row.finite for row in expected[1].rows] == [True, False, True]
    assert_same(expected, found)


# --- when nothing helps, and what is no lack of memory


@pytest.mark.parametrize("seeds", [[0, 1, 7], [4]])
def test_one_clear_sentence_when_a_single_seed_does_not_fit(
    ring, monkeypatch: pytest.MonkeyPatch, seeds: Any
) -> None:
    failed = fail_above(monkeypatch, 0, "train_step")
    with pytest.raises(MemoryError) as caught:
        ShardedTrial(config(seeds=seeds), ring).advance()
    assert str(caught.value) == (
        "out of memory even with one seed at a time: make batch_size (16), the model's width or measures.samples "
        "smaller, or give each trial more of the device"
    )
    assert caught.value.__context__ is None, "it would hold on to the networks"
    assert failed == ([3, 2, 1] if len(seeds) == 3 else [1])


def test_other_errors_are_passed_on(ring, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(loop: TrainingLoop) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(TrainingLoop, "train_step", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        ShardedTrial(config(), ring).advance()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
            True,
        ),
        (
            RuntimeError(
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
            ),
            True,
        ),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(28, "No space left on device"), False),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("out of memory"), False),
    ],
    ids=str,
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
    reported = ValueError("my_gan.py:3: the generator fails")
    reported.__cause__ = error
    assert is_out_of_memory(reported) is expected


def test_the_cpu_allocator_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_a_failed_pack_is_gone_before_the_next_begins(
    ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one part has networks at any time."""
    alive: list[int] = []
    begin = Trial.__init__

    def counted(trial: Trial, *arguments: Any) -> None:
        alive.append(sum(isinstance(held, Trial) for held in gc.get_objects()) - 1)
        begin(trial, *arguments)

    monkeypatch.setattr(Trial, "__init__", counted)
    fail_above(monkeypatch, 1, "evaluate")
    finish(ShardedTrial(config(), ring))
    assert alive == [0] * 8  # 3, 2, and three single seeds at each of two evaluations


# --- checkpoints


@pytest.mark.parametrize("names", SETS)
def test_tensors_of_every_remedy_have_the_seeds_first(few_digits, names: list[str]) -> None:
    """Seeds 0 and 7, cut from a pack of three, go on as they do in the pack."""
    whole = updated(Trial(config(names, "digits"), few_digits), 7)
    part = split(snapshot(whole), [0, 2], True)
    some = Trial(part.config, few_digits)
    some.load(part.tensors, part.position)
    updated(whole, 7), updated(some, 7)
    expected, found = whole.tensors(), some.tensors()
    assert expected.keys() == found.keys()
    largest = 0.0
    for name, value in expected.items():
        assert value.dim() == 0 or value.shape[0] == 3, name
        there, here = (
            (value[[0, 2]] if value.dim() else value).detach().double(),
            found[name].detach().double(),
        )
        largest = max(largest, float(((there - here).abs() / there.abs().clamp_min(1)).max()))
    assert largest <= 1e-4


@pytest.mark.parametrize(
    ("loss", "optimiser"), [("wasserstein_gp", "rmsprop"), ("relativistic_average", "sgd")]
)
def test_cutting_and_joining_loses_nothing(ring, loss: str, optimiser: str) -> None:
    chosen = config(["historical_averaging"], loss=loss, optimiser=optimiser)
    trial = Trial(chosen, ring)
    trial.advance()
    whole = snapshot(updated(trial, 3))
    again = merge(chosen, [split(whole, [0, 1], False), split(whole, [2], False)], False)
    assert again.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(value, again.tensors[name]) for name, value in whole.tensors.items())
    before, after = whole.position, again.position
    assert asdict(after.counters) == pytest.approx(asdict(before.counters))
    assert replace(after, counters=before.counters) == before


def updated(trial: Trial, updates: int) -> Trial:
    for _ in range(updates):
        trial.loop.train_step()
    return trial


def snapshot(trial: Trial) -> SeedShard:
    return SeedShard(
        trial.config,
        {name: v.detach().clone() for name, v in trial.tensors().items()},
        trial.position(),
    )


@pytest.mark.parametrize("shards", [1, 3])
def test_the_checkpoint_is_that_of_the_whole_pack(ring, tmp_path: Path, shards: int) -> None:
    """A trial in parts goes on as one pack, and one pack in parts."""
    expected = finish(Trial(config(), ring))
    sharded = ShardedTrial(config(), ring, num_shards=shards)
    found = [sharded.advance()]
    sharded.save(tmp_path / "parts")
    whole = Trial(config(), ring)
    assert whole.restore(tmp_path / "parts")
    assert_same(expected, [*found, whole.advance()])
    whole = Trial(config(), ring)
    whole.advance()
    whole.save(tmp_path / "whole")
    sharded = ShardedTrial(config(), ring, num_shards=shards)
    assert sharded.restore(tmp_path / "whole")
    assert_same(expected[1:], [sharded.advance()])
    assert_same_rows(whole.history, sharded.history[:3])


def test_a_resumed_trial_begins_in_as_many_parts(ring, tmp_path: Path) -> None:
    sharded = ShardedTrial(config(), ring, num_shards=3)
    sharded.advance()
    sharded.save(tmp_path)
    _, state = read_newest(tmp_path)
    assert state["parts"] == 3
    resumed = ShardedTrial(config(), ring)
    assert resumed.restore(tmp_path) and resumed.latest().rows == sharded.latest().rows
    assert resumed.advance().notes == [PACKS.format(3)]
    with pytest.raises(ValueError, match="configuration"):
        ShardedTrial(config(seeds=[1, 2]), ring).restore(tmp_path)
    assert not ShardedTrial(config(), ring).restore(tmp_path / "absent")


class Paused(Exception):  # noqa: N818
    """Ends `advance` between two steps."""


@pytest.mark.parametrize(
    ("data", "pause", "then"),
    [
        ("ring", 3, 3),
        ("digits", 15, 3),
        ("ring", 20, 2),
        ("digits", 20, 3),
        ("ring", 35, None),
        ("digits", 50, 3),
    ],
)
def test_a_pause_in_any_part_changes_nothing(
    ring,
    few_digits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: str,
    pause: int,
    then: int | None,
) -> None:
    """Of two parts, one evaluated and the other half-way there, both are saved, and may even be split further.

    pause: the tick; there are 14 per part and evaluation, and one between parts. then: parts after a restart.
    """
    evaluator, chosen = ring if data == "ring" else few_digits, config(["lecam"], data)
    expected = finish(Trial(chosen, evaluator))
    monkeypatch.setattr("ganstudy.trials.training.training_loop.PROGRESS_SECONDS", 0.0)
    trial, found, ticks = ShardedTrial(chosen, evaluator, num_shards=2), [], 0

    def on_progress() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == pause:
            trial.save(tmp_path)
            raise Paused

    with pytest.raises(Paused):
        while True:
            found.append(trial.advance(on_progress))
    if then:
        trial = ShardedTrial(chosen, evaluator, num_shards=then)
        assert trial.restore(tmp_path)
    found += finish(trial)
    bound = LAST_DIGITS if data == "ring" else ROUNDING
    assert_same(expected, found, bound)
    assert found[-1].notes == [PACKS.format(then or 2)]
    assert_same_rows([row for one in expected for row in one.rows], trial.history, bound)


def test_memory_may_run_out_while_parts_stand_at_different_points(
    ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = finish(Trial(config(), ring))
    monkeypatch.setattr("ganstudy.trials.training.training_loop.PROGRESS_SECONDS", 0.0)
    sharded, ticks = ShardedTrial(config(), ring, num_shards=2), 0

    def on_progress() -> None:
        nonlocal ticks
        ticks += 1
        if ticks % 4 == 0:
            sharded.save(tmp_path)
        if ticks == 20:  # the first part is evaluated, the second under way
            raise MemoryError

    found = [sharded.advance(on_progress), sharded.advance(on_progress)]
    assert found[0].notes == [PACKS.format(3)]
    assert_same(expected, found)


def test_positions_of_checkpoints_only_grow(
    ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganstudy.trials.training.training_loop.PROGRESS_SECONDS", 0.0)
    sharded, positions = ShardedTrial(config(), ring, num_shards=3), []

    def on_progress() -> None:
        sharded.save(tmp_path)
        positions.append(max(int(path.name.split("-")[0]) for path in tmp_path.iterdir()))

    sharded.advance(on_progress)
    sharded.save(tmp_path)
    assert positions == sorted(positions) and sharded.latest().counters.updates >= positions[-1]


# --- costs


def test_costs_add_up_over_parts(ring, tmp_path: Path) -> None:
    """Times are summed, also across a change of the number of parts; steps are counted per seed."""
    sharded = ShardedTrial(config(), ring, num_shards=2)
    first = sharded.advance().counters
    sharded.save(tmp_path)
    finer = ShardedTrial(config(), ring, num_shards=3)
    finer.restore(tmp_path)
    restored = [part.counters for part in finer._shards]
    assert (
        sum(part.seconds for part in restored) == pytest.approx(first.seconds) and first.seconds > 0
    )
    assert {part.updates for part in restored} == {first.updates}
    second = finer.advance().counters
    assert second.seconds > first.seconds and second.evaluation_seconds > first.evaluation_seconds


def test_of_a_budget_in_seconds_every_part_has_the_whole(ring, tmp_path: Path) -> None:
    chosen = config(budget={"unit": "seconds", "amount": 0.2})
    sharded = ShardedTrial(chosen, ring, num_shards=2)
    first = sharded.advance()
    assert first.counters.seconds == pytest.approx(0.1, abs=0.08)
    assert "so the trial takes 2 times as long" in first.notes[0]
    sharded.save(tmp_path)
    resumed = ShardedTrial(chosen, ring, num_shards=2)
    assert resumed.restore(tmp_path)
    assert resumed.latest().counters == first.counters
    assert resumed.advance().index == 2 and resumed.finished


# --- pictures


@pytest.mark.parametrize("is_images", [True, False])
def test_pictures_are_joined_and_split_to_the_byte(digits, ring, is_images: bool) -> None:
    dataset = digits if is_images else ring.dataset
    samples: list[Tensor | None] = [
        dataset.train[200 * i : 200 * (i + 1)].clone() for i in range(3)
    ]
    if not is_images:
        samples[0] *= 1.3  # up to the edge of its panel, and beyond
    samples[1] = None
    whole = draw_grid(dataset, samples)
    assert (
        join_grids([draw_grid(dataset, samples[:2]), draw_grid(dataset, samples[2:])], is_images)
        == whole
    )
    single = [draw_grid(dataset, [one]) for one in samples]
    assert split_grid(whole, 3, is_images) == single
    assert np.array_equal(
        np.asarray(Image.open(io.BytesIO(join_grids(single, is_images)))), _pixels(whole)
    )


def _pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)))


# --- memory that is short indeed

SHORT = """
import resource, sys, torch
torch.set_num_threads(1)
from dataclasses import replace
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.training.sharded_trial import ShardedTrial

ring = load(Ring())
ring = replace(ring, train=ring.train[:4096], held_out=ring.held_out[:200])
evaluator = Evaluator(ring, None, torch.device("cpu"), MeasuresConfig(samples=80))

def trained(seeds):
    values = {
        "data": {"name": "ring"}, "model": {"name": "mlp", "width": 512}, "batch_size": 4096, "seeds": seeds,
        "budget": {"unit": "generator_steps", "amount": 1}, "evaluations": 1, "measures": {"game_steps": 0},
    }
    return ShardedTrial(TrialConfig(**values), evaluator).advance()

trained([0])  # what libraries set up once
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(*trained(list(range(8))).notes, end="")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("megabytes", "note"), [(4000, ""), (400, "out of memory: the 8 seeds are trained in ")]
)
@pytest.mark.skipif(
    sys.platform != "linux", reason="limits of a process's memory are kept by Linux alone"
)
def test_host_memory_that_is_short(megabytes: int, note: str) -> None:
    """A limit set by the system: eight seeds do not fit, fewer do."""
    command = [sys.executable, "-c", SHORT, str(megabytes)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(note) and bool(result.stdout) == bool(note)


def test_sampling_takes_no_more_at_a_time_than_training(
    ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand images of three seeds at once took 39 GB where training takes 2."""
    trial, taken = Trial(config(), ring), []
    sample = trial.trainer.sample
    monkeypatch.setattr(
        trial.trainer,
        "sample",
        lambda latents: (taken.append(latents.shape[1]), sample(latents))[1],
    )
    found = trial.advance()
    assert max(taken) == trial.config.batch_size and sum(taken) == 2 * ring.num_generated
    assert all(row.finite for row in found.rows)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_device_memory_that_is_short(ring) -> None:
    """The device lends a fraction of its memory: eight seeds do not fit, fewer do."""
    device = torch.device("cuda")
    chosen = config(seeds=list(range(8)), batch_size=4096, model={"name": "mlp", "width": 2048})
    Trial(
        chosen.model_copy(update={"seeds": (0,)}), ring, device
    ).advance()  # what libraries set up once
    torch.cuda.reset_peak_memory_stats()
    expected = finish(Trial(chosen, ring, device))
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction(
            0.7 * peak / torch.cuda.get_device_properties(device).total_memory
        )
        found = finish(ShardedTrial(chosen, ring, device))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert found[0].notes and not expected[0].notes
    for row, again in zip(expected[0].rows, found[0].rows, strict=True):
        assert again.measures["loss_d"] == pytest.approx(row.measures["loss_d"], rel=1e-2)

"""A trial of a training function: built-in numbers, exact resume, one seed beside others, its end."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Evaluation, Verdict
from ganstudy.trials.training.functions.calling import TrainingFunctionError
from ganstudy.trials.training.functions.function_trial import FunctionTrial
from ganstudy.trials.training.trial import Trial

MLP_GAME = Path(__file__).with_name("mlp_game.py")
RANDOM_FILE = Path(__file__).with_name("random_trainer.py")
"""A function that draws from every stream there is, in and out of the step."""
SMALL = {"samples": 200, "game_steps": 0}
GAME = {"k": 2, "lr_g": 1e-3, "lr_d": 5e-4, "width": 16, "dim": 2, "batch_size": 32}
TRAINING = ("seconds", "evaluation_seconds", "device_seconds", "peak_memory_bytes")


def trained(trial: FunctionTrial | Trial) -> list[Evaluation]:
    """Return all evaluations of a trial."""
    made = []
    while not trial.finished:
        made.append(trial.advance())
    return made


def numbers(evaluations: list[Evaluation]) -> list[dict[str, Any]]:
    """Return all that is reproducible of the rows."""
    rows = [row.to_json() for evaluation in evaluations for row in evaluation.rows]
    return [{name: value for name, value in row.items() if name not in TRAINING} for row in rows]


# --- the built-in game


@pytest.mark.parametrize("k", [1, 3])
def test_the_built_in_game_as_a_function_gives_the_built_in_numbers(
    config_of, k: int, small_evaluator, conformance
) -> None:
    own = config_of(
        MLP_GAME, GAME | {"k": k}, budget={"unit": "generator_steps", "amount": 120}, seeds=[0, 3]
    )
    values = own.model_dump(include={"seeds", "budget", "evaluations", "data"})
    ours = TrialConfig(
        **values,
        **{name: GAME[name] for name in ("lr_g", "lr_d", "batch_size")},
        k=k,
        model={"name": "mlp", "width": 16, "latent_dim": 2},
        measures=SMALL,
    )
    expected = trained(Trial(ours, small_evaluator))
    found = trained(FunctionTrial(own, small_evaluator))
    assert [e.index for e in found] == [1, 2, 3, 4]
    worst = 0.0
    for one, other in zip(expected, found, strict=True):
        assert one.grid_png == other.grid_png
        assert one.verdicts() == other.verdicts()
        for row, own_row in zip(one.rows, other.rows, strict=True):
            assert row.histogram == own_row.histogram and row.seed == own_row.seed
            for name in ("generator_steps", "discriminator_steps", "images", "updates"):
                assert row.cost[name] == own_row.cost[name]
            for name, value in own_row.measures.items():
                if value is not None:
                    off = abs(value - row.measures[name]) / max(1, abs(value))
                    # It counts ranks of distances, of which rounding may swap two.
                    worst = max(worst, off / 1000 if name == "copying" else off)
            assert {"fid", "kid", "loss_d", "loss_g", "density", "effective_modes"} <= {
                name for name, value in own_row.measures.items() if value is not None
            }
    conformance("training function", "built-in training, MLP on the ring", worst, 1e-6)


def test_the_same_on_images(config_of, digits_evaluator) -> None:
    small = {"unit": "generator_steps", "amount": 20}
    own = config_of(
        MLP_GAME, GAME, data={"name": "digits"}, measures={}, budget=small, evaluations=1
    )
    ours = TrialConfig(
        **own.model_dump(include={"seeds", "budget", "evaluations", "data"}),
        **{name: GAME[name] for name in ("k", "lr_g", "lr_d", "batch_size")},
        model={"name": "mlp", "width": 16, "latent_dim": 2},
        measures={"game_steps": 0},
    )
    (expected,) = trained(Trial(ours, digits_evaluator))
    (found,) = trained(FunctionTrial(own, digits_evaluator))
    assert found.values("fid") == pytest.approx(expected.values("fid"), rel=1e-6)
    assert found.values("loss_g") == pytest.approx(expected.values("loss_g"), rel=1e-6)
    assert found.grid_png == expected.grid_png
    assert found.nearest_png == expected.nearest_png is not None


def test_a_seed_trains_as_it_would_alone(config_of, small_evaluator) -> None:
    both = trained(FunctionTrial(config_of(RANDOM_FILE, seeds=[0, 3]), small_evaluator))
    alone = trained(FunctionTrial(config_of(RANDOM_FILE, seeds=[3]), small_evaluator))
    assert numbers(alone) == [row for row in numbers(both) if row["seed"] == 3]


def test_more_evaluations_leave_the_numbers_the_same(config_of, small_evaluator) -> None:
    few = trained(FunctionTrial(config_of(RANDOM_FILE, evaluations=1), small_evaluator))
    many = trained(FunctionTrial(config_of(RANDOM_FILE, evaluations=12), small_evaluator))
    assert few[-1].values("fid") == many[-1].values("fid")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_function_has_the_threads_of_its_trial(
    config_of, write, small_evaluator, threads
) -> None:
    """OpenMP's own number, which torch.get_num_threads() does not tell of a new thread."""
    text = """
        import torch
        from threadpoolctl import threadpool_info
        from torch import nn

        def train(run):
            G = nn.Linear(2, 2)
            run.keep(G=G)
            for step in run.steps():
                pools = [each for each in threadpool_info() if each["user_api"] == "openmp"]
                run.log(threads=max(each["num_threads"] for each in pools if "torch" in each["filepath"]))
                if run.due():
                    run.evaluate(G, latent_dim=2)
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        made = FunctionTrial(config_of(write(text)), small_evaluator).advance()
    finally:
        torch.set_num_threads(before)
    assert made.values("own/threads") == [threads, threads]


# --- metrics of its own

LOGS = """
    import torch
    from torch import nn

    def train(run):
        G, count = nn.Linear(2, 2), torch.zeros(1)
        run.keep(G=G)
        for step in run.steps():
            count += 1
            if step % 2 == 0 and step < 9:
                run.log(step=step, count=count)
            run.log(**{"a.b-c": float("nan")})
            if run.due():
                run.evaluate(G, latent_dim=2)
                run.log(behind=run.seed)
"""


def test_metrics_of_its_own_stand_apart(config_of, write, small_evaluator) -> None:
    """The last value since the evaluation before, as it was then; none where nothing was reported."""
    made = trained(FunctionTrial(config_of(write(LOGS)), small_evaluator))
    assert [e.values("own/step") for e in made] == [[2, 2], [4, 4], [8, 8], [None, None]]
    assert [e.values("own/count") for e in made] == [[3, 3], [5, 5], [9, 9], [None, None]]
    # MLflow and JSON have no NaN.
    assert [e.values("own/a.b-c") for e in made] == [[None, None]] * 4
    assert [e.values("own/behind") for e in made] == [[None, None], [0, 3], [0, 3], [0, 3]]
    assert "step" not in made[0].rows[0].measures


# --- interruptions


@pytest.mark.parametrize("stop_at", range(1, 17, 3))
def test_an_interrupted_trial_goes_on_to_the_same_numbers(
    config_of, stop_at: int, small_evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of either seed, with a checkpoint between two steps."""
    monkeypatch.setattr("ganstudy.trials.training.functions.run.PROGRESS_SECONDS", 0.0)
    config = config_of(RANDOM_FILE)
    expected = trained(FunctionTrial(config, small_evaluator))
    first, made, ticks = FunctionTrial(config, small_evaluator), [], 0

    class KilledError(Exception):
        pass

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == stop_at:
            first.save(tmp_path)
            raise KilledError

    with pytest.raises(KilledError):
        while True:
            made.append(first.advance(tick))
            first.save(tmp_path)
    again = FunctionTrial(config, small_evaluator)
    assert again.restore(tmp_path)
    assert numbers([again.latest()]) == numbers(made[-1:]) if made else not again.history
    assert numbers([*made, *trained(again)]) == numbers(expected)
    assert again.history == [row for e in [*made, *expected[len(made) :]] for row in e.rows] or (
        numbers(made) == numbers(expected[: len(made)])
    )


def test_a_finished_trial_is_finished_after_a_restore(
    config_of, small_evaluator, tmp_path: Path
) -> None:
    config = config_of(RANDOM_FILE)
    trial = FunctionTrial(config, small_evaluator)
    made = trained(trial)
    trial.save(tmp_path)
    again = FunctionTrial(config, small_evaluator)
    assert again.restore(tmp_path) and again.finished
    assert numbers([again.latest()]) == numbers(made[-1:])


def test_nothing_to_restore(config_of, small_evaluator, tmp_path: Path) -> None:
    assert not FunctionTrial(config_of(RANDOM_FILE), small_evaluator).restore(tmp_path)


def test_a_checkpoint_of_another_configuration_is_refused(
    config_of, small_evaluator, tmp_path: Path
) -> None:
    trial = FunctionTrial(config_of(RANDOM_FILE), small_evaluator)
    trial.advance()
    trial.save(tmp_path)
    other = FunctionTrial(config_of(RANDOM_FILE, seeds=[1]), small_evaluator)
    with pytest.raises(ValueError, match="the checkpoint is of configuration"):
        other.restore(tmp_path)


# --- the end of a function


def threads() -> int:
    return sum(each.name.startswith("Thread") for each in threading.enumerate())


STOPPED = """
    import torch
    from torch import nn

    def train(run):
        G = nn.Linear(2, 2)
        run.keep(G=G)
        try:
            for step in run.steps():
                if run.due():
                    run.evaluate(G, latent_dim=2)
        except Exception:
            (run.folder / "caught").touch()
        finally:
            (run.folder / "ended").touch()
        (run.folder / "behind").touch()
"""


def test_a_pruned_trial_ends_its_functions(
    config_of, write, small_evaluator, tmp_path: Path
) -> None:
    before = threads()
    trial = FunctionTrial(config_of(write(STOPPED)), small_evaluator)
    trial.restore(tmp_path)
    trial.advance()
    assert threads() == before + 2
    del trial
    assert threads() == before
    for seed in (0, 3):
        assert (tmp_path / f"seed-{seed}" / "ended").exists()
        assert not (tmp_path / f"seed-{seed}" / "caught").exists(), "no Exception"
        assert not (tmp_path / f"seed-{seed}" / "behind").exists()


def test_a_trial_without_a_folder_leaves_none_behind(
    config_of, write, small_evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = write(STOPPED)
    before = set(tmp_path.iterdir())
    trial = FunctionTrial(config_of(script), small_evaluator)
    trial.advance()
    assert set(tmp_path.iterdir()) > before
    del trial
    assert set(tmp_path.iterdir()) == before


def test_what_stands_behind_the_loop_is_done(
    config_of, write, small_evaluator, tmp_path: Path
) -> None:
    before = threads()
    trial = FunctionTrial(config_of(write(STOPPED)), small_evaluator)
    trial.restore(tmp_path)
    trained(trial)
    assert threads() == before
    assert all((tmp_path / f"seed-{seed}" / "behind").exists() for seed in (0, 3))


def test_what_a_stop_raises_ends_the_functions(
    config_of, write, small_evaluator, tmp_path: Path
) -> None:
    trial = FunctionTrial(config_of(write(STOPPED)), small_evaluator)
    trial.restore(tmp_path)
    before = threads()

    def stop() -> None:
        raise RuntimeError("stop")

    import ganstudy.trials.training.functions.run as module

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="stop"):
        patch.setattr(module, "PROGRESS_SECONDS", 0.0)
        trial.advance(stop)
    assert threads() == before


def test_random_numbers_outside_are_not_touched(config_of, small_evaluator) -> None:
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    trained(FunctionTrial(config_of(RANDOM_FILE), small_evaluator))
    assert (np.random.get_state()[1] == state).all()


# --- budgets and verdicts

COUNTING = """
    from torch import nn

    def train(run):
        G = nn.Linear(2, 2)
        run.keep(G=G)
        for step in run.steps():
            run.count(discriminator_steps=2, images=100)
            if run.due():
                run.evaluate(G, latent_dim=2)
"""


@pytest.mark.parametrize(
    ("unit", "amount", "generator_steps"),
    [
        ("generator_steps", 8, [2, 4, 6, 8]),
        ("discriminator_steps", 16, [2, 4, 6, 8]),
        ("updates", 24, [2, 4, 6, 8]),
        ("images", 800, [2, 4, 6, 8]),
        # A step may pass more than one.
        ("images", 200, [1, 1, 2, 2]),
    ],
)
def test_budgets(
    config_of, unit: str, amount: int, generator_steps: list[int], write, small_evaluator
) -> None:
    config = config_of(write(COUNTING), budget={"unit": unit, "amount": amount}, seeds=[0])
    made = trained(FunctionTrial(config, small_evaluator))
    assert [e.counters.generator_steps for e in made] == generator_steps
    assert [e.index for e in made] == [1, 2, 3, 4]


def test_a_budget_of_seconds(config_of, write, small_evaluator) -> None:
    slow = COUNTING.replace("run.count(", "__import__('time').sleep(0.002); run.count(")
    config = config_of(write(slow), budget={"unit": "seconds", "amount": 0.04})
    made = trained(FunctionTrial(config, small_evaluator))
    assert [e.index for e in made] == [1, 2, 3, 4]
    # Each seed has all of it, and both reach its end.
    assert all(row.cost["seconds"] >= 0.04 for row in made[-1].rows)
    assert made[-1].counters.generator_steps >= 1


SAMPLERS = """
    import math, torch
    from torch import nn

    def train(run):
        kept = nn.Linear(1, 1)
        run.keep(kept=kept)
        for step in run.steps():
            which, noise = run.params["which"], lambda z: 0.01 * z
            def sample(z):
                modes = {"one": 0, "moving": step // 2 % 8}
                if which == "all":
                    return run.data.images[: len(z)]
                if which == "nan":
                    return z / 0
                at = math.tau * modes[which] / 8
                return torch.tensor([math.cos(at), math.sin(at)]) * radius + noise(z)
            radius = float(run.data.images.norm(dim=1).median())
            if run.due():
                run.evaluate(sample, latent_dim=2)
"""


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("one", Verdict.COLLAPSED),
        ("moving", Verdict.CYCLING),
        ("nan", Verdict.DIVERGED),
    ],
)
def test_verdicts_are_those_of_built_in_training(
    config_of, which: str, expected: Verdict, write, small_evaluator
) -> None:
    budget = {"unit": "generator_steps", "amount": 20}
    config = config_of(write(SAMPLERS), {"which": which}, budget=budget, evaluations=10, seeds=[0])
    made = trained(FunctionTrial(config, small_evaluator))
    assert [row.verdict for row in made[-1].rows] == [expected]


def test_parameters_that_are_not_finite_are_a_divergence(config_of, write, small_evaluator) -> None:
    broken = COUNTING.replace("run.count(", "nn.init.constant_(kept.bias, math.nan); run.count(")
    broken = broken.replace("G = nn", "import math; kept = nn.Linear(1, 1); G = nn")
    config = config_of(write(broken.replace("keep(G=G)", "keep(G=G, kept=kept)")), seeds=[0])
    trial = FunctionTrial(config, small_evaluator)
    made = trained(trial)
    assert len(made) == 1 and trial.finished, "no seed is finite"
    assert made[0].rows[0].verdict is Verdict.DIVERGED and made[0].values("fid") == [None]


def test_an_error_of_the_function_is_raised_as_it_is(config_of, write, small_evaluator) -> None:
    failing = COUNTING.replace("run.count(", "{}['width']; run.count(")
    with pytest.raises(KeyError, match="width"):
        FunctionTrial(config_of(write(failing)), small_evaluator).advance()


def test_a_mistake_names_file_and_line(config_of, write, small_evaluator) -> None:
    early = COUNTING.replace("if run.due()", "if step == 1")
    with pytest.raises(
        TrainingFunctionError, match=r"my_trainer\.py:10: run.evaluate comes before"
    ):
        FunctionTrial(config_of(write(early)), small_evaluator).advance()

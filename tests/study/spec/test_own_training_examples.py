"""Scripts as people have them, with few lines for a study: how many those are, and what a trial makes of them."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganstudy.study.spec.reader import read_study
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Evaluation
from ganstudy.trials.training.commands import watcher
from ganstudy.trials.training.commands.command_trial import CommandTrial
from ganstudy.trials.training.functions.function_trial import FunctionTrial

EXAMPLES = Path(__file__).parents[3] / "examples"
MOST_LINES = 15
COUNTED = ("generator_steps", "discriminator_steps", "images")


def config_of(study: Path, **changes: Any) -> TrialConfig:
    """Return the first configuration of a study, with one seed, or with what else is changed."""
    config = read_study(study)[0].space.trial_config({})
    return config.model_copy(update={"seeds": (0,), **changes})


def trained(trial: FunctionTrial | CommandTrial) -> list[Evaluation]:
    made = []
    while not trial.finished:
        made.append(trial.advance())
    return made


def numbers(made: list[Evaluation]) -> list[dict[str, Any]]:
    return [
        {**row.measures, **{name: row.cost[name] for name in COUNTED}}
        for evaluation in made
        for row in evaluation.rows
    ]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts here write their samples at once, and train on one core."""
    monkeypatch.setattr(watcher, "SETTLED_SECONDS", 0.05)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in a study's workers


def changed_lines(name: str) -> tuple[list[str], list[str]]:
    """Return the lines that a script's second version has more and less, whatever their indentation."""
    before, after = (
        [line.strip() for line in (EXAMPLES / "scripts" / f"{each}.py").read_text().splitlines()]
        for each in (name, f"{name}_study")
    )
    found = [line for line in difflib.ndiff(before, after) if line[2:]]
    return tuple([line[2:] for line in found if line[0] == sign] for sign in "+-")  # type: ignore[return-value]


@pytest.mark.parametrize(("name", "written"), [("wgan_gp", 11), ("dcgan_fabric", 9)])
def test_few_lines_make_a_study_of_a_script(name: str, written: int) -> None:
    more, less = changed_lines(name)
    assert len(more) == written <= MOST_LINES and len(less) <= MOST_LINES
    said = (EXAMPLES / "scripts" / f"{name}.toml").read_text()
    assert f"{written} lines that {name}.py has not" in " ".join(said.replace("#", "").split())


def test_few_lines_of_the_stylegan_stub_are_for_a_study() -> None:
    text = (EXAMPLES / "command" / "train.py").read_text()
    parts = re.findall(r"# --- for a study\n(.*?)# --- for a study, end", text, re.DOTALL)
    assert sum(len(part.strip().splitlines()) for part in parts) == 3 <= MOST_LINES


@pytest.mark.slow
def test_wgan_gp_as_a_command(digits_evaluator: Evaluator, quick: None, tmp_path: Path) -> None:
    config = config_of(EXAMPLES / "scripts" / "wgan_gp.toml")
    budget = config.budget.model_copy(update={"amount": 400})
    config = config.model_copy(update={"budget": budget, "evaluations": 2})
    trial = CommandTrial(config, digits_evaluator)
    trial.restore(tmp_path / "study" / "trial")
    made = trained(trial)
    assert [row["discriminator_steps"] for row in numbers(made)] == [200, 400]
    assert all(row["loss_d"] is not None and row["loss_g"] is not None for row in numbers(made))
    assert made[1].values("fid")[0] < 0.9 * made[0].values("fid")[0], "it trains"
    samples = np.load(tmp_path / "study" / "trial" / "seed-0" / "samples-400.npy")
    again = digits_evaluator.measure(torch.from_numpy(samples)[None])[0][0]
    assert made[-1].values("fid") == [again["fid"]]


@pytest.mark.slow
def test_the_stylegan_stub_as_a_command(
    digits_evaluator: Evaluator, quick: None, tmp_path: Path
) -> None:
    config = config_of(EXAMPLES / "command" / "study.toml")
    config = config.model_copy(update={"evaluations": 2})
    trial = CommandTrial(config, digits_evaluator)
    trial.restore(tmp_path / "study" / "trial")
    made = trained(trial)
    left = sorted(
        each.name for each in (tmp_path / "study" / "trial" / "seed-0" / "00000-gamma0.1").iterdir()
    )
    assert left == [
        *(f"fakes{kimg}.{end}" for kimg in ("000020", "000040") for end in ("npy", "png")),
        "metric-fid50k_full.jsonl",
        "network-snapshot-000020.pkl",
        "network-snapshot-000040.pkl",
        "stats.jsonl",
    ]
    assert [row["images"] for row in numbers(made)] == [20_000, 40_000]
    # The script's own FID is of its pixels; ours, of features.
    theirs, ours = [e.values("own/fid50k")[0] for e in made], [e.values("fid")[0] for e in made]
    assert theirs[1] < theirs[0] and ours[1] < ours[0] and theirs[1] != ours[1]


# --- frameworks

FUNCTIONS = {
    "scripts/dcgan_fabric.toml": "lightning",
    "frameworks/lightning.toml": "lightning",
    "frameworks/accelerate.toml": "accelerate",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_frameworks_train_and_go_on_to_the_same_numbers(
    name: str, digits_evaluator: Evaluator, ring_evaluator: Evaluator, tmp_path: Path, monkeypatch
) -> None:
    """Killed in the middle of the second evaluation, with a checkpoint between two steps."""
    pytest.importorskip(FUNCTIONS[name], reason=f"{FUNCTIONS[name]} is not installed")
    monkeypatch.setattr("ganstudy.trials.training.functions.run.PROGRESS_SECONDS", 0.0)
    config = config_of(EXAMPLES / name, seeds=(0, 3), evaluations=4)
    config = config.model_copy(update={"budget": config.budget.model_copy(update={"amount": 40})})
    evaluator = ring_evaluator if config.data.name == "ring" else digits_evaluator
    straight = trained(FunctionTrial(config, evaluator))

    class KilledError(Exception):
        pass

    killed, ticks = FunctionTrial(config, evaluator), 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 33:  # seed 3 is in the middle of its second evaluation's way
            killed.save(tmp_path)
            raise KilledError

    made = [killed.advance(tick)]
    with pytest.raises(KilledError):
        killed.advance(tick)
    again = FunctionTrial(config, evaluator)
    assert again.restore(tmp_path) and again.evaluations_done == 1
    made += trained(again)
    assert numbers(made) == numbers(straight) and len(numbers(made)) == 8
    assert [row["images"] for row in numbers(made)[::2]] == [640, 1280, 1920, 2560]
    own = [row.measures["loss_g"] for row in made[-1].rows]
    assert own[0] != own[1], "seeds differ"


def test_a_callback_is_short() -> None:
    text = (EXAMPLES / "frameworks" / "lightning_gan.py").read_text()
    found = re.search(r"^class Study\(.*?\n(?=\n\n)", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    lines = [line for line in found[0].splitlines() if line.strip()]
    assert 10 <= len(lines) <= MOST_LINES

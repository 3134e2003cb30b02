"""A trial of a script: what is scored, at which amounts, and what its end says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ganstudy.trials.config.plugins import ChangedError
from ganstudy.trials.results.records import Evaluation
from ganstudy.trials.training.commands.command_trial import CommandTrial
from ganstudy.trials.training.commands.context import CommandError


def trained(trial: CommandTrial) -> list[Evaluation]:
    made = []
    while not trial.finished:
        made.append(trial.advance())
    return made


def test_samples_are_scored_at_their_amounts(script_config, begun, expected_fid) -> None:
    config = script_config("--spread={spread}", params={"spread": 0.3})
    made = trained(begun(config))
    assert [e.index for e in made] == [1, 2, 3, 4]
    for evaluation, amount in zip(made, (10, 20, 30, 40), strict=True):
        assert [row.seed for row in evaluation.rows] == [0, 3]
        for row in evaluation.rows:
            expected = expected_fid(row.seed, amount, 0.3)
            assert row.measures["fid"] == pytest.approx(expected, rel=1e-6)
            assert row.cost["images"] == amount
            # What the script does not say is not known, rather than 0.
            assert row.cost["generator_steps"] is None and row.cost["updates"] is None
            assert row.cost["peak_memory_bytes"] is None and row.cost["seconds"] >= 0
        assert evaluation.grid_png is not None
        assert evaluation.counters.on("images") == amount


def test_more_samples_than_evaluations(script_config, begun) -> None:
    made = trained(begun(script_config("--every=5", evaluations=2, seeds=[1])))
    assert [e.rows[0].cost["images"] for e in made] == [20, 40]


def test_samples_a_little_too_early_are_those_of_the_evaluation(script_config, begun) -> None:
    # Batches do not end at 50 and 100: within a twentieth of the way between two evaluations.
    budget = {"unit": "images", "amount": 100}
    more = ("--every=49", "--images=98")
    made = trained(begun(script_config(*more, budget=budget, evaluations=2, seeds=[1])))
    assert [e.rows[0].cost["images"] for e in made] == [49, 98]


def test_progress_losses_and_own_metrics(script_config, begun) -> None:
    watch = {
        "samples": "fakes{images}.npy",
        "progress": {
            "file": "stats.csv",
            "images": "nimg",
            "generator_steps": "steps",
            "discriminator_steps": "steps",
            "loss_g": "loss",
        },
        "metrics": {"file": "metric*.jsonl", "images": "snapshot", "theirs": "results.theirs"},
    }
    made = trained(begun(script_config("--every=5", evaluations=2, seeds=[1], watch=watch)))
    for evaluation, amount in zip(made, (20, 40), strict=True):
        (row,) = evaluation.rows
        assert row.cost["generator_steps"] == row.cost["discriminator_steps"] == amount // 5
        assert row.cost["updates"] == 2 * (amount // 5)
        # The mean since the last evaluation, of amounts 5, 10, 15, 20 and 25, 30, 35, 40.
        assert row.measures["loss_g"] == pytest.approx(amount - 7.5)
        # The script's own number, of this snapshot.
        assert row.measures["own/theirs"] == amount / 2


def test_lines_that_are_printed(script_config, begun, expected_fid) -> None:
    made = trained(begun(script_config("--say", watch={}, seeds=[1])))
    for evaluation, amount in zip(made, (10, 20, 30, 40), strict=True):
        (row,) = evaluation.rows
        assert row.cost["images"] == amount
        assert row.measures["fid"] == pytest.approx(expected_fid(1, amount))
        assert row.measures["loss_g"] == amount and row.measures["own/theirs"] == amount / 4


# --- what goes wrong

FAILING = {
    "dies": (
        ["--die-at=30"],
        {},
        ["exit code 1 at 20 of 40 images", "about to fail | no more memory"],
    ),
    "no samples": (
        [],
        {"watch": {"samples": "images{images}.npy"}},
        ["it ended (exit code 0) without samples for evaluation 1 of 4", "images{images}.npy in /"],
    ),
    "too short": (
        ["--images=20"],
        {},
        ["without samples for evaluation 3 of 4, at 30 images", "fakes000020.npy, at 20"],
    ),
    "too rarely": (
        ["--every=20"],
        {},
        ["no samples for evaluation 1, at 10 images", "fakes000020.npy, at 20"],
    ),
    "too few": (["--fakes=120"], {}, ["fakes000010.npy", "scores 200 samples", "it has 120"]),
    "a metric's name": (
        ["--say", "--own=fid 50k"],
        {"watch": {}},
        ["an own metric's name has letters", "got 'fid 50k'"],
    ),
    "no such option": (
        ["--widht=3"],
        {},
        ["exit code 2 at 0 of 40", "unrecognized arguments: --widht"],
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_script_that_fails_says_how(name: str, script_config, begun) -> None:
    more, changes, said = FAILING[name]
    trial = begun(script_config(*more, seeds=[5], **changes))
    with pytest.raises(CommandError) as found:
        trained(trial)
    text = str(found.value)
    assert text.startswith("stub.py: seed 5: ") and "\n" not in text
    for each in said:
        assert each in text
    # As it was run: to be tried by hand.
    line = text.partition("command:")[2].partition("last lines:")[0]
    assert "stub.py --outdir=/" in line and "--seed=5" in line and "{" not in line
    output = Path(text.rpartition("all of its output: ")[2])
    assert output.name == "seed-5-output-1.txt" and output.stat().st_size


def test_a_silent_script_is_ended(script_config, begun) -> None:
    trial = begun(script_config("--hang-at=20", seeds=[5]), silent_seconds=2.0)
    trial.advance()
    began = time.monotonic()
    with pytest.raises(
        CommandError, match=r"gave no sign of life for \d s \(\[resources\] silent_s"
    ):
        trial.advance()
    assert time.monotonic() - began < 20


def test_a_script_that_changed_is_refused(script_config, begun, monkeypatch) -> None:
    config = script_config(seeds=[5])
    changed = config.function.model_copy(update={"digest": "0"})
    with pytest.raises(ChangedError, match=r"stub.py has changed since the study began"):
        begun(config.model_copy(update={"function": changed})).advance()

"""Drivers that are stopped, killed and followed by others: the study ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
TRIALS, EVALUATIONS = 5, 4


@pytest.fixture
def study(operator, small_study):
    """Five trials of some seconds each, drawn at random, all to their end."""
    operator.write(
        small_study(steps=800, trials=TRIALS, sampler="random", schedule="fifo"), both_cores=True
    )
    return operator


CLOCK = """
import os, time
shift, true = float(os.environ.get("CLOCK_SHIFT", 0)), time.time
time.time = lambda: true() + shift
"""
"""Python's clock, in the driver, its workers and the publisher."""


@pytest.fixture
def clock(study, tmp_path: Path) -> Callable[[int], None]:
    """Sets the clock of what is started from now on, so many seconds ahead of the true one."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join([str(tmp_path / "clock"), *filter(None, [os.environ.get("PYTHONPATH")])])

    def ahead(seconds: int) -> None:
        study.environment = {"PYTHONPATH": path, "CLOCK_SHIFT": str(seconds)}

    return ahead


@pytest.mark.parametrize(
    ("most", "damaged"),
    [(3, True), pytest.param(10, False, marks=pytest.mark.exhaustive)],
    ids=["three", "ten"],
)
def test_killed_at_random_moments(
    most: int, damaged: bool, study, clock, tmp_path_factory, without_the_machine
) -> None:
    """In every second of its lives the clock goes an hour ahead, and back again in the next.

    damaged: before that it is killed while it trains, and of two trials the newest checkpoint is damaged.
    """
    moments, kills = random.Random(0), 0
    command, name = "run", "study.toml"
    if damaged:
        killed_and_damaged(study)
        command, name = "resume", "small"
    while kills < most:
        clock(3600 if kills % 2 == 0 else 0)
        running = study.start(command, name)
        before = study.rows() if command == "resume" else {}
        done = {number: row for number, row in before.items() if row["state"] == "complete"}
        running.wait_for("measured with")
        time.sleep(moments.uniform(0.0, 12.0))
        if running.process.poll() is not None:
            break  # it was done before
        running.kill()
        kills += 1
        if study.home.study("small").ledger.exists():
            command, name = "resume", "small"
            after = study.rows()
            assert all(after[number] == row for number, row in done.items()), (
                "what is finished is not run again"
            )
    clock(0)
    start = time.monotonic()
    code, output = study.run("resume", "small")
    print(f"\n{kills} kills, the last resume took {time.monotonic() - start:.0f} s")
    assert code == 0 and kills >= min(most, 5), output
    found = study.assert_whole(TRIALS, EVALUATIONS)

    undisturbed = study.another(tmp_path_factory.mktemp("undisturbed"))
    undisturbed.write((study.folder / "study.toml").read_text())
    assert undisturbed.run()[0] == 0
    expected = undisturbed.assert_whole(TRIALS, EVALUATIONS)
    assert {n: r["params"] for n, r in study.rows().items()} == {
        n: r["params"] for n, r in undisturbed.rows().items()
    }
    pd.testing.assert_frame_equal(without_the_machine(found), without_the_machine(expected))


def test_asked_to_stop_by_the_command_by_either_signal_and_twice(study, small_study) -> None:
    """By `ganstudy stop`; by Ctrl-C's signal; by that of `ray job stop` and schedulers; by that twice; and before there
    is any training."""
    trials = TRIALS + 2  # one more ends in every life
    study.write(
        small_study(steps=800, trials=trials, sampler="random", schedule="fifo"), both_cores=True
    )
    running, updates = study.start(), []
    running.wait_for(r"^\[1/")
    code, output = study.run("stop", "small")
    assert code == 0 and "Asked the driver to stop" in output
    code, output = running.wait()
    assert code == 130 and "ganstudy stop" in output, output
    code, output = study.run("stop", "small")
    assert code == 2 and "is not being run" in output
    done = {n: row for n, row in study.rows().items() if row["state"] == "complete"}

    running = study.start("resume", "small")
    for number in (signal.SIGINT, signal.SIGTERM):
        running.wait_for(r"^\[1/")
        time.sleep(2)
        asked = time.monotonic()
        running.signal(number)
        code, output = running.wait()
        print(f"\nstopped {time.monotonic() - asked:.1f} s after {number.name}")
        assert code == 130, output
        assert (
            "Stopping: trials in training save their state" in output and "Traceback" not in output
        )
        assert f"trials to go: {number.name}" in output and "resume small" in output
        rows = study.rows()
        assert all(rows[n] == row for n, row in done.items()), "what was finished stays as it was"
        done = {n: row for n, row in rows.items() if row["state"] == "complete"}
        assert 2 <= len(done) < trials
        assert study.ledger().search.interrupted(), (
            "the trials in training are neither failed nor pruned"
        )
        updates += [int(path.name.split("-")[0]) for path in study.checkpoints()]
        running = study.start("resume", "small")
    assert any(amount % 100 for amount in updates), (
        f"saved between two evaluations, not only with them: {updates}"
    )

    study.wait_until(running.workers, "a worker there")
    running.signal(signal.SIGTERM)
    running.wait_for("Stopping")
    running.signal(signal.SIGTERM)
    asked = time.monotonic()
    code, output = running.wait(60)
    assert code == 130 and "Traceback" not in output, output
    assert time.monotonic() - asked < 30

    running = study.start("resume", "small")
    running.wait_for("measured with")
    running.signal(signal.SIGTERM)
    code, output = running.wait(60)
    assert code == 130 and "SIGTERM received" not in output and "Traceback" not in output, output

    code, output = study.run("resume", "small")
    assert code == 0, output
    assert all(study.rows()[n] == row for n, row in done.items()), (
        "what was finished stays as it was"
    )
    study.assert_whole(trials, EVALUATIONS)
    code, output = study.run("resume", "small")
    assert code == 0 and "[1/" not in output, "a finished study is not run again"


def killed_and_damaged(study) -> None:
    """A study that was killed while it trained, and of whose newest checkpoints two are damaged."""
    running = study.start()
    running.wait_for(r"^\[2/")
    study.wait_until(lambda: len(study.checkpoints()) >= 3, "a third trial begun")
    time.sleep(3)
    running.kill()
    damaged = study.checkpoints()[-2:]
    for flip, path in zip((True, False), damaged, strict=True):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data) if flip else bytes(data[: len(data) // 3]))


@pytest.mark.exhaustive
def test_damaged_checkpoints_give_way_to_the_ones_before(
    study, tmp_path_factory, without_the_machine
) -> None:
    killed_and_damaged(study)
    code, output = study.run("resume", "small")
    assert code == 0, output
    study.assert_whole(TRIALS, EVALUATIONS)

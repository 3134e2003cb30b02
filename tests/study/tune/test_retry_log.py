"""What counts as a trial's own failure, and what does not."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganstudy.study.tune.retry_log import RetryLog
from ganstudy.study.tune.stopping import StopRequest, no_room
from ganstudy.trials.training.checkpoint import write_checkpoint

ALIVE = {"n1", "n2"}


def begun(folder: Path, job: str = "j", node: str = "n1", alive: set[str] = ALIVE) -> RetryLog:
    attempts = RetryLog(folder)
    attempts.begin(job, node, alive)
    return attempts


def further(folder: Path, updates: int) -> None:
    write_checkpoint(folder, updates, {"w": torch.zeros(1)}, {})


def test_deaths_without_progress_count(tmp_path: Path) -> None:
    assert begun(tmp_path).failures == []
    assert begun(tmp_path).failures == ["its process died"]
    third = begun(tmp_path, node="n2")
    assert third.failures == ["its process died"] * 2 and third.deaths == 2


def test_progress_forgives(tmp_path: Path) -> None:
    begun(tmp_path)
    begun(tmp_path)
    further(tmp_path, 10)
    assert begun(tmp_path).failures == []
    assert begun(tmp_path).failures == ["its process died"]


@pytest.mark.parametrize(("job", "alive"), [("another driver's", ALIVE), ("j", {"n2"})])
def test_a_lost_node_or_driver_is_no_fault_of_the_trial(
    tmp_path: Path, job: str, alive: set[str]
) -> None:
    for _ in range(5):
        begun(tmp_path)
        assert begun(tmp_path, job=job, node="n2", alive=alive).failures == []
        begun(tmp_path, job=job + "x", node="n2", alive=alive)


def test_errors_count_and_pauses_do_not(tmp_path: Path) -> None:
    first = begun(tmp_path)
    first.end("ValueError: no (my_gan.py:3)", harmless=False)
    assert first.failures == ["ValueError: no (my_gan.py:3)"] and first.deaths == 0
    second = begun(tmp_path)
    second.end("Paused: SIGTERM", harmless=True)
    assert begun(tmp_path).failures == ["ValueError: no (my_gan.py:3)"]


HANG = """
import sys, time
from pathlib import Path
from ganstudy.study.tune.retry_log import RetryLog
attempts = RetryLog(Path(sys.argv[1]))
attempts.begin("j", "n1", {"n1"})
attempts.watch(0.2)
if sys.argv[2] == "calm":
    attempts.unwatch()
    time.sleep(0.6)
    sys.exit(3)
time.sleep(30)
"""


@pytest.mark.parametrize("mood", ["hangs", "calm"])
def test_silence_ends_the_process_and_tells_where(tmp_path: Path, mood: str) -> None:
    script = tmp_path / "my_gan.py"
    script.write_text(HANG)
    folder = tmp_path / "trial"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    ended = subprocess.run(
        [sys.executable, str(script), str(folder), mood], env=environment, timeout=60, check=False
    )
    assert ended.returncode == (3 if mood == "calm" else 1)
    (failure,) = begun(folder).failures
    line = next(
        n for n, text in enumerate(HANG.splitlines(), 1) if text.startswith("time.sleep(30)")
    )
    expected = (
        "its process died" if mood == "calm" else f"it was silent for too long, at my_gan.py:{line}"
    )
    assert failure == expected


def test_a_stop_is_seen_by_others_and_its_first_reason_stays(tmp_path: Path) -> None:
    driver, worker = StopRequest(tmp_path / "stop"), StopRequest(tmp_path / "stop")
    assert worker.reason() is None
    driver.ask("SIGTERM")
    driver.ask("SIGINT")
    assert worker.reason() == driver.reason() == "SIGTERM"
    driver.clear()
    assert driver.reason() is None and StopRequest(tmp_path / "stop").reason() is None


def test_a_full_disk_is_found_behind_other_errors() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/data/x")
    try:
        try:
            raise full
        except OSError as error:
            raise RuntimeError("could not save") from error
    except RuntimeError as error:
        assert no_room(error) == "No space left on device: /data/x"
    assert no_room(OSError(errno.ENOENT, "no such file")) is None
    assert no_room(
        RuntimeError("(sqlite3.OperationalError) database or disk is full\n[SQL: x]")
    ) == ("(sqlite3.OperationalError) database or disk is full")

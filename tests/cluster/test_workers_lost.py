"""Trials that lose their process, their node, or their senses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from ganstudy.study.ledger.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TRIALS, EVALUATIONS = 4, 4
RAY = str(Path(sys.executable).parent / "ray")

OWN = """
name = "own"
[data]
name = "digits"
[model]
name = "my_gan.py:build"
latent_dim = 8
[train]
batch_size = 16
seeds = [0, 1]
budget = {{ generator_steps = {steps} }}
evaluations = 2
[measures]
game_steps = 0
[search]
sampler = "random"
trials = {trials}
[search.space]
lr_d = {{ low = 1e-4, high = 1e-3, log = true }}
[schedule]
name = "fifo"
[resources]
lanes = 1
silent_seconds = {silent}
"""
GAN = """
import time
from pathlib import Path
import torch
from torch import nn

FLAG = Path({flag!r})

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Tanh())

    def forward(self, latents):
{trouble}
        return self.layers(latents).unflatten(1, (1, 8, 8))

def build(shape, latent_dim):
    return Generator(), nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
"""


def attempts(operator: Any, name: str) -> list[dict[str, Any]]:
    """All attempts at all trials of a study, as the workers wrote them down."""
    files = sorted(operator.home.study(name).checkpoints.glob("*/attempts.json"))
    return [attempt for file in files for attempt in json.loads(file.read_text())]


def test_a_killed_worker(operator, small_study) -> None:
    operator.write(small_study(steps=800, trials=TRIALS, sampler="random", schedule="fifo"))
    running = operator.start()
    killed = 0
    for done in (0, 1):
        if done:
            running.wait_for(rf"^\[{done}/")
        operator.wait_until(
            lambda: any(a["end"] is None for a in attempts(operator, "small")),
            "a trial in training",
        )
        time.sleep(2)
        for worker in running.workers()[:1]:
            worker.send_signal(signal.SIGKILL)
            killed += 1
    code, output = running.wait()
    assert code == 0, output
    operator.assert_whole(TRIALS, EVALUATIONS)
    told = [
        attempt for attempt in attempts(operator, "small") if attempt["end"] == "its process died"
    ]
    print(f"\n{killed} workers killed, {len(told)} attempts ended by it")
    assert told and not any(attempt["harmless"] for attempt in told)


def test_a_killed_node(operator, small_study, stop_ray, tmp_path: Path) -> None:
    """Two nodes on one machine, one CPU each; the second dies with all its processes, and later another joins."""
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4)
    operator.environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    environment = {**os.environ, **operator.environment}
    # The head holds the driver and no trial; Ray takes the death of a node for certain after some missed beats.
    environment |= {"RAY_health_check_failure_threshold": "3", "RAY_health_check_period_ms": "1000"}
    common = ["--num-cpus=1", "--object-store-memory=100000000"]

    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:

        def raylets() -> set[int]:
            """Of this cluster alone: other tests have theirs."""
            lines = {process.pid: _cmdline(process) for process in psutil.process_iter()}
            return {
                pid
                for pid, line in lines.items()
                if "raylet/raylet" in "".join(line[:1]) and folder in " ".join(line)
            }

        def start(*arguments: str) -> None:
            command = [RAY, "start", *common, *arguments]
            started = subprocess.run(
                command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
            )
            assert started.returncode == 0, started.stdout + started.stderr

        try:
            start(
                "--head",
                "--port=6399",
                "--node-ip-address=127.0.0.1",
                "--include-dashboard=false",
                f"--temp-dir={folder}",
            )
            head = raylets()
            start("--address=127.0.0.1:6399", "--node-ip-address=127.0.0.1")
            operator.write(
                small_study(steps=800, trials=TRIALS, sampler="random", schedule="fifo"),
                both_cores=True,
            )
            running = operator.start("run", "study.toml", "--address", "127.0.0.1:6399")
            running.wait_for(r"^\[1/")
            operator.wait_until(
                lambda: (
                    len({a["node"] for a in attempts(operator, "small") if a["end"] is None}) == 2
                ),
                "training on both nodes",
            )
            for pid in raylets() - head:
                node = psutil.Process(pid)
                for process in (*node.children(recursive=True), node):
                    process.send_signal(signal.SIGKILL)
            code, output = running.wait()
            assert code == 0, output
            operator.assert_whole(TRIALS, EVALUATIONS)
            lost = [
                a for a in attempts(operator, "small") if a["end"] == "its driver or node was lost"
            ]
            assert lost and all(attempt["harmless"] for attempt in lost), attempts(
                operator, "small"
            )
        finally:
            stop_ray(folder)


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def own_study(operator, trouble: str, trials: int = 2, steps: int = 400, silent: int = 45) -> None:
    """A study of a user's own GAN whose generator's forward pass begins with `trouble`."""
    body = "\n".join(f"        {line}" for line in trouble.splitlines())
    operator.write(OWN.format(trials=trials, steps=steps, silent=silent))
    operator.give_classifier()
    (operator.folder / "my_gan.py").write_text(
        GAN.format(flag=str(operator.folder / "flag"), trouble=body)
    )


HANG_ONCE = """if len(latents) == 16 and FLAG.with_suffix(".armed").exists() and not FLAG.exists():
    FLAG.touch()
    time.sleep(10_000)"""


RAISES_ONCE = """if FLAG.with_suffix(".raise").exists() and not torch.is_grad_enabled():
    FLAG.with_suffix(".raise").unlink(missing_ok=True)
    raise OSError("a file system that hiccups")"""


def test_a_plugin_that_raises_once_and_then_hangs_once(operator) -> None:
    """Once in the whole study each, perhaps in the same trial: that is then tried again twice."""
    own_study(operator, f"{RAISES_ONCE}\n{HANG_ONCE}", trials=3)
    study_file = operator.folder / "study.toml"
    study_file.write_text(study_file.read_text() + "retries = 2\n")
    (operator.folder / "flag").touch()  # not while the study is being checked
    running = operator.start()
    running.wait_for("measured with")
    (operator.folder / "flag.raise").touch()
    running.wait_for(r"^\[1/")
    (operator.folder / "flag.armed").touch()
    (operator.folder / "flag").unlink()
    code, output = running.wait(400)
    assert code == 0, output
    operator.assert_whole(3, 2, name="own")
    assert sum("hiccups" in (a["end"] or "") for a in attempts(operator, "own")) == 1, (
        "told, and tried again"
    )
    (silent,) = [
        attempt for attempt in attempts(operator, "own") if "silent" in (attempt["end"] or "")
    ]
    assert silent["end"].startswith("it was silent for too long, at my_gan.py:"), silent


@pytest.mark.exhaustive
def test_a_trial_that_always_hangs(operator) -> None:
    own_study(operator, "if FLAG.exists():\n    time.sleep(10_000)", trials=1, silent=45)
    running = operator.start()
    running.wait_for("measured with")
    (operator.folder / "flag").touch()
    code, output = running.wait(400)
    assert code == 1, output
    (row,) = operator.rows("own").values()
    assert row["state"] == "failed" and "silent for too long, at my_gan.py:" in row["error"], row
    assert "Every trial failed" in output and "Traceback" not in output


RAISES = """if FLAG.exists():
    raise RuntimeError("the spirit of the machine")"""


def test_a_plugin_that_always_raises_stops_the_study_early(operator) -> None:
    own_study(operator, RAISES, trials=12)
    running = operator.start()
    running.wait_for("measured with")
    (operator.folder / "flag").touch()
    code, output = running.wait()
    assert code == 130, output
    assert "trials all failed the same way" in output and "Traceback" not in output
    rows = operator.rows("own").values()
    failed = [row["error"] for row in rows if row["state"] == "failed"]
    assert 3 <= len(failed) <= 5 and {row["state"] for row in rows} <= {"failed", "running"}, rows
    line = int(re.search(r"my_gan\.py:(\d+)", failed[0])[1])
    assert (
        "raise RuntimeError" in (operator.folder / "my_gan.py").read_text().splitlines()[line - 1]
    )
    assert all("the spirit of the machine" in error and "/" not in error for error in failed), (
        "the user's file alone"
    )
    ends = [attempt["end"] for attempt in attempts(operator, "own") if not attempt["harmless"]]
    assert len(ends) == 2 * len(failed), "each was tried again once"


@pytest.mark.exhaustive
def test_an_open_ledger_names_the_errors(operator) -> None:
    """What failed stays a visible row after the cause is gone, under the study's name."""
    own_study(operator, RAISES, trials=1)
    running = operator.start()
    running.wait_for("measured with")
    (operator.folder / "flag").touch()
    assert running.wait()[0] == 1
    (operator.folder / "flag").unlink()
    code, output = operator.run("resume", "own")
    assert code == 1 and "Every trial failed" in output
    ledger = Ledger.open(operator.home.study("own").ledger)
    assert ledger.search.counts()["failed"] == 1

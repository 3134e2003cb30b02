"""Ctrl-C stops a study cleanly, and the same command goes on to the same end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.load import load_study
from study.home import Home
from study.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GANSTUDY = [sys.executable, "-P", "-c", "from study.cli import main; main()"]


def run(folder: Path, interrupt_after: int | None = None) -> tuple[int, str]:
    """(exit code, output) of `ganstudy run`, with SIGINT once `interrupt_after` trials have ended."""
    process = subprocess.Popen(
        [*GANSTUDY, "run", "study.toml", "--home", "data"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if interrupt_after is not None and line.startswith(f"[{interrupt_after}/"):
            time.sleep(0.5)
            os.killpg(process.pid, signal.SIGINT)
            interrupt_after = None
    return process.wait(), "".join(lines)


def test_ctrl_c_and_going_on(tmp_path: Path, small_study) -> None:
    (tmp_path / "study.toml").write_text(small_study(steps=1000, trials=6, schedule="fifo"))
    home = Home(tmp_path / "data")
    code, output = run(tmp_path, interrupt_after=2)
    assert code == 130, output
    assert "To go on: ganstudy run study.toml" in output and "Traceback" not in output
    ledger = Ledger.open(home.study("small").ledger)
    done = {row["number"]: row for row in ledger.trials() if row["state"] == "complete"}
    assert 2 <= len(done) < 6
    assert ledger.interrupted(), "the trials in training are neither failed nor pruned"

    code, output = run(tmp_path)
    assert code == 0, output
    ledger = Ledger.open(home.study("small").ledger)
    rows = {row["number"]: row for row in ledger.trials()}
    assert ledger.counts()["complete"] == 6 == len(rows)
    assert all(rows[number] == row for number, row in done.items()), "what was finished stays as it was"
    study = load_study("small", home.tracking_uri(None))
    assert study.trials["number"].tolist() == list(range(6))
    assert not study.evaluations[["number", "seed", "evaluation"]].duplicated().any()
    assert len(study.evaluations) == 6 * 3 * 4

    code, output = run(tmp_path)
    assert code == 0 and "[1/" not in output, "a finished study is not run again"

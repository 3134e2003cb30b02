"""The log of a trial holds the output of its process, up to a limit of bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ganstudy.study.cli.main import main
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tune import trial_log

PROCESS = """
import logging, sys, warnings
from pathlib import Path
from ganstudy.study.tune.trial_log import TrialLog

log = TrialLog(Path(sys.argv[1]))
log.begin(3)
log.log("trial 3 begins")
print("a plug-in's print")
warnings.warn("a warning")
logging.getLogger("torch.of.sorts").error("an error record")
logging.getLogger("torch.of.sorts").info("chatter")
log.begin(4)
print("of the next trial", file=sys.stderr)
try:
    1 / 0
except ZeroDivisionError as error:
    log.error(error)
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(tmp_path / "logs")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.returncode == 0, done.stderr
    assert "a plug-in's print" in done.stdout and "of the next trial" in done.stderr, (
        "still where it was, too"
    )
    return tmp_path / "logs"


def test_each_trial_has_its_own(written: Path) -> None:
    third, fourth = (trial_log.path(written, number).read_text() for number in (3, 4))
    for line in (
        "trial 3 begins",
        "a plug-in's print",
        "UserWarning: a warning",
        "ERROR torch.of.sorts: an error record",
    ):
        assert line in third and line not in fourth
    assert "chatter" not in third
    assert "of the next trial" in fourth and "Traceback" in fourth and "ZeroDivisionError" in fourth


def test_a_print_in_every_step_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_log, "MOST_BYTES", 1000)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    log = trial_log.TrialLog(tmp_path)
    for _ in range(2):  # begun again, it has no more room than before
        log.begin(0)
        for _ in range(100):
            log.write("x" * 99 + "\n")
    text = trial_log.path(tmp_path, 0).read_text()
    assert 1000 <= len(text) < 1300 and "the rest is left out" in text


def test_the_command(tmp_path: Path, small_study) -> None:
    home, text = Home(tmp_path), small_study()
    folder = home.study("small")
    folder.path.mkdir(parents=True)
    Ledger.create(folder.ledger, parse_study(text, "x"), text)
    arguments = ["logs", "small", "--home", str(tmp_path)]
    result = CliRunner().invoke(main, [*arguments, "1"])
    assert (
        result.exit_code == 2
        and "no log of trial 1" in result.output
        and "none yet" in result.output
    )
    for number in (0, 7):
        file = trial_log.path(folder.logs, number)
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"of {number}\n")
    assert CliRunner().invoke(main, [*arguments, "7"]).output == "of 7\n"
    assert "trials 0 to 7" in CliRunner().invoke(main, [*arguments, "1"]).output
    for stamp in ("20260101-000000", "20260102-000000"):
        run = home.submitted("small") / stamp / "run.txt"
        run.parent.mkdir(parents=True)
        run.write_text(f"driver of {stamp}\n")
    folder.log.write_text("publisher\n")
    assert CliRunner().invoke(main, arguments).output == "driver of 20260102-000000\npublisher\n"


def test_a_study_that_was_refused_still_tells_what_its_driver_said(tmp_path: Path) -> None:
    """On a cluster, where it has no ledger: nothing else says why."""
    run = Home(tmp_path).submitted("small") / "20260101-000000" / "run.txt"
    run.parent.mkdir(parents=True)
    run.write_text("ganstudy: a trial asks for 9 GPUs\n")
    arguments = ["logs", "small", "--home", str(tmp_path)]
    assert CliRunner().invoke(main, arguments).output == "ganstudy: a trial asks for 9 GPUs\n"
    result = CliRunner().invoke(main, [*arguments, "0"])
    assert result.exit_code == 2 and "no study named 'small'" in result.output

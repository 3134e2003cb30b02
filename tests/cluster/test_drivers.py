"""Who may go on with a study, and with what: other drivers, other code, other data, a damaged ledger."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
TRIALS, EVALUATIONS = 3, 4


@pytest.fixture
def study(operator, small_study):
    operator.write(small_study(steps=800, trials=TRIALS, sampler="random", schedule="fifo"))
    return operator


def test_a_second_driver_other_code_and_a_ledger_cut_short(
    study, small_study, tmp_path: Path
) -> None:
    """One study, to save starts: a second driver is refused until the first is gone; other code unless it is accepted;
    a ledger that was cut short, until its copy is taken."""
    other = tmp_path / "other"
    shutil.copytree(
        ROOT / "src" / "ganstudy", other / "ganstudy", ignore=shutil.ignore_patterns("__pycache__")
    )
    for package in ("study", "trials", "analysis"):
        target = other / "ganstudy" / package
        shutil.copytree(ROOT / package, target, ignore=shutil.ignore_patterns("__pycache__"))
    trials = 8  # some are left when the others have been refused
    study.write(small_study(steps=800, trials=trials, sampler="random", schedule="fifo"))
    first = study.start()
    first.wait_for("measured with")
    code, output = study.run("resume", "small")
    assert code == 2, output
    assert re.search(
        rf"being run already \(host \S+, process {first.process.pid}, since 20\d\d-", output
    ), output
    code, output = study.run("publish", "small")
    assert code == 2 and "being run already" in output
    first.wait_for(r"^\[1/")
    first.kill()

    file = other / "ganstudy" / "trials" / "gan" / "trainer.py"
    file.write_text(file.read_text() + "\n# another comment\n")
    study.environment = {"PYTHONPATH": str(other)}
    code, output = study.run("resume", "small")
    assert code == 2 and re.search(r"ganstudy source: [0-9a-f]{16} -> [0-9a-f]{16}", output), output
    assert "--accept-changes" in output and "another name" in output and "Traceback" not in output
    running = study.start("resume", "small", "--accept-changes")
    running.wait_for(r"^\[1/")
    running.signal(15)
    assert running.wait()[0] == 130

    ledger = study.home.study("small").ledger
    data = ledger.read_bytes()
    ledger.write_bytes(data[: len(data) // 2])
    for log in ("-wal", "-shm"):
        ledger.with_name(ledger.name + log).unlink(missing_ok=True)
    code, output = study.run("resume", "small")
    assert code == 2 and "is no readable ledger" in output and "Traceback" not in output, output
    subprocess.run(re.search(r"rm -f .*", output)[0], shell=True, check=True)
    code, output = study.run("resume", "small")
    assert code == 0, output
    found = study.assert_whole(trials, EVALUATIONS)
    (change,) = study.ledger().changes
    assert "ganstudy source:" in change and change in found.origin.changes


def test_other_data_are_refused(operator, small_study) -> None:
    images = (load_digits().images / 8 - 1).astype(np.float32)[:, None]
    np.savez(operator.folder / "mine.npz", images=images, labels=load_digits().target)
    text = small_study(steps=400, trials=TRIALS, sampler="random", schedule="fifo")
    arrays = 'name = "arrays"\npath = "mine.npz"\nrange = [-1, 1]\nheld_out = 0.4'
    operator.write(text.replace('name = "digits"', arrays))
    running = operator.start()
    running.wait_for(r"^\[1/", seconds=300)
    running.kill()
    np.savez(operator.folder / "mine.npz", images=images[::-1], labels=load_digits().target[::-1])
    code, output = operator.run("resume", "small")
    assert code == 2 and re.search(r"data: [0-9a-f]+ -> [0-9a-f]+", output), output
    assert "Traceback" not in output


def test_a_ledger_of_garbage_without_a_copy(study) -> None:
    folder = study.home.study("small").path
    folder.mkdir(parents=True)
    (folder / "ledger.db").write_bytes(b"no database" * 1000)
    code, output = study.run()
    assert code == 2 and "is no readable ledger" in output and "no copy of it" in output, output
    assert "Traceback" not in output

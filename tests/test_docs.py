"""The reference pages that follow from the code are up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_generated_pages_say_what_the_code_says() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{result.stdout}{result.stderr}\nrun: python docs/generate.py"


def test_every_measure_is_compared_with_something() -> None:
    from ganstudy.trials.results.catalogue import MEASURES

    compared = {
        line.split("|")[1].strip()
        for line in (ROOT / "docs" / "conformance.md").read_text().splitlines()[7:]
    }
    assert not MEASURES.keys() - {
        entry.removeprefix("measure ").partition(",")[0] for entry in compared
    }

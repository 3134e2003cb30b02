"""The reference pages that follow from the code are up to date."""

from __future__ import annotations

import re
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

    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    compared = set(re.findall(r"[:;] measure ([a-z_]+)", page))
    assert not MEASURES.keys() - compared


def test_every_deviation_of_the_page_keeps_its_bound() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    lines = re.findall(r"^- \*\*.+\*\* \((\S+)\): (.+)$", page, re.MULTILINE)
    assert len(lines) == page.count("\n- ") > 80
    held = [
        float(entry.rpartition(" ")[2]) <= float(bound)
        for bound, entries in lines
        for entry in entries.split("; ")
    ]
    assert len(held) > 190 and all(held)

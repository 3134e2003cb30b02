"""The reference pages that follow from the code are up to date."""

from __future__ import annotations

import csv
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

    compared = {row["entry"] for row in conformance()}
    assert not MEASURES.keys() - {
        entry.removeprefix("measure ").partition(",")[0] for entry in compared
    }


def conformance() -> list[dict[str, str]]:
    with (ROOT / "docs" / "conformance.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_deviation_of_the_table_keeps_its_bound() -> None:
    rows = conformance()
    assert len(rows) > 190
    assert all(float(row["largest deviation"]) <= float(row["bound"]) for row in rows)
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert sum(map(int, re.findall(r" (\d+)[,.]", page.partition("by kind:")[2]))) == len(rows)

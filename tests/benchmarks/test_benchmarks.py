"""The benchmarks still run: each in its short form, whose figures mean nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SCRIPTS = sorted(
    path.stem
    for path in FOLDER.glob("[!_]*.py")
    if path != Path(__file__) and "__main__" in path.read_text(encoding="utf-8")
)
FIGURES = {
    "adaptive_studies": r'(?m)^"TPE with ASHA, 6 seeds \(1\)","?[\d.]+% ',
    "cluster": r"one machine: -?\d+\.\d{3} s per trial",
    "data_memory": r"(?s)at most 0\.\d\d GB of anonymous memory.*2 workers hold \d\.\d\d copies; of that 1\.0\d mapped",
    "fresh_seeds": r"(?m)^\| 3, 8 \| normal \| [\d.]+% ",
    "importing": r"(?m)^\| 6 \| 108 \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$",
    "lanes": r"(?s)mlp none +2 lanes +\d+\.\d\d ms.*dcgan none .*times the throughput per lane",
    "operating_characteristics": r"(?m),10,80,[\d.]+%,[\d.]+%,",
    "made_claims": r"(?m)^\| collapse_is_a_cycle \| 0 \| [\d.]+ \| [\d.]+% \| x 1 \| holds ",
    "overhead": r"(?s)then -?\d+\.\d{3} s per trial.*reuse_actors=True: -?\d+\.\d{3} s per trial",
    "packs": r"(?s)no remedy +pack +\d+\.\d\d ms.*minibatch_discrimination +pack +\d+\.\d\d ms",
    "report": r"(?m)^\| 6 \| [\d.]+ \| .* \|$",
    "training_function": r"(?m)^width 64, \d+ us per step: a training function takes [+-][\d.]+%",
}
"""What each prints, by its name."""


def test_make_benchmark_runs_all_of_them() -> None:
    makefile = (FOLDER.parents[1] / "Makefile").read_text(encoding="utf-8")
    run = re.findall(r"tests/benchmarks/(\w+)\.py", makefile.split("\nbenchmark:")[1])
    assert sorted(run) == SCRIPTS == sorted(FIGURES)


@pytest.mark.slow
@pytest.mark.parametrize("script", FIGURES)
def test_a_benchmark_runs(script: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / f"{script}.py"), "--short"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr[-3000:]
    assert re.search(FIGURES[script], result.stdout), result.stdout

"""A claim from its study file to its verdict on real parts: Ray, packs, MLflow, report."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GANSTUDY = [sys.executable, "-P", "-c", "from ganstudy.study.cli.main import main; main()"]
CLAIM = """
name = "claim-small"
[claim]
sentence = "Five discriminator steps help."
[[claim.decided_by]]
measure = "reverse_kl"
setting = "k"
value = 5
against = 1
says = "lower"
effect = 0.7
spread = [0.4, 0.2, 0.3]
[[claim.decided_by]]
measure = "modes_covered"
setting = "k"
value = 1
says = "higher"
of_real = 0.9
[[claim.decided_by]]
share = "failed"
says = "lower"
than = 0.5
[data]
name = "ring"
[model]
width = 16
latent_dim = 2
[train]
seeds = [0, 1, 2]
budget = { generator_steps = 60 }
evaluations = 3
[measures]
samples = 200
game_steps = 0
[design]
points = 4
[search]
trials = 0
[search.space]
k = [1, 5]
lr_g = { low = 1e-3, high = 3e-3, log = true }
[objective]
minimize = "reverse_kl"
margin = 0.2
"""


def verify(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        [*GANSTUDY, "verify", "claims", "--home", "data", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_claim_is_run_and_told_and_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "small.toml").write_text(CLAIM)
    ran, taken = verify(tmp_path), verify(tmp_path, "--no-run")
    told = taken[taken.index("claims/small.toml") :]
    assert ran.endswith(told), "the same verdicts, without another training"
    assert "Five discriminator steps help." in told
    folder = tmp_path / "data" / "studies" / "claim-small"
    with (folder / "tables" / "claim.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["what"] for row in rows] == [
        "reverse_kl",
        "modes_covered",
        "share of seeds: failed",
    ]
    for row in rows:
        assert row["verdict"].upper() in told
    # The same number as in the table of contrasts.
    with (folder / "tables" / "contrasts.csv").open() as file:
        effects = {
            row["effect"] for row in csv.DictReader(file) if row["axis"] == "generator_steps"
        }
        inverse = {str(1 / float(effect)) for effect in effects if effect}
    assert any(abs(float(rows[0]["estimate"]) - float(each)) < 1e-9 for each in effects | inverse)
    report = next(folder.glob("report.html")).read_text()
    assert "Five discriminator steps help" in report

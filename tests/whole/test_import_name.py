"""One import name: beside a user's own analysis.py, study/ and trials.py, everybody finds the right one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganstudy.analysis.frames.load import load_study
from ganstudy.study.home import Home

GANSTUDY = [sys.executable, "-c", "from ganstudy.study.cli.main import main; main()"]
STUDY = """
name = "mine"
[data]
name = "my_points.py:Dataset"
[model]
width = 8
[train]
batch_size = 8
seeds = [0, 1]
budget = { generator_steps = 4 }
evaluations = 2
[search]
trials = 1
[search.space]
lr_d = [1e-3]
[measures]
extractor = "pixels"
samples = 80
game_steps = 0
[resources]
max_concurrent = 1
"""
# A plug-in as research repositories have it: it imports the `analysis` that lies beside it.
PLUGIN = """
import analysis
import numpy as np


class Dataset:
    def __init__(self):
        self.pictures = analysis.pictures(400)

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index]
"""
ANALYSIS = """
import numpy as np


def pictures(count):
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
"""
REFUSED = "raise RuntimeError('a file of the user was imported in place of ours')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A research repository with names that ganstudy's own folders bear, too."""
    folder = tmp_path_factory.mktemp("research")
    (folder / "mine.toml").write_text(STUDY)
    (folder / "my_points.py").write_text(PLUGIN)
    (folder / "analysis.py").write_text(ANALYSIS)
    (folder / "trials.py").write_text(REFUSED)
    (folder / "study").mkdir()
    (folder / "study" / "__init__.py").write_text(REFUSED)
    return folder


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # The folder comes first on the path of every process, as it does in a notebook and by `python train.py`.
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
def test_command_plug_in_and_workers_find_the_right_one(folder: Path) -> None:
    for command in (["check", "mine.toml"], ["run", "mine.toml"]):
        result = run(*GANSTUDY, *command, "--home", "data", cwd=folder)
        assert result.returncode == 0, result.stdout + result.stderr
    study = load_study("mine", Home(folder / "data").tracking_uri(None))
    assert study.trials["state"].tolist() == ["complete"] and len(study.evaluations) == 4


@pytest.mark.slow
def test_python_finds_both(folder: Path) -> None:
    code = (
        "import analysis, ganstudy, ganstudy.analysis.tables, ganstudy.trials.config.plugins;"
        "from ganstudy import load_study, run;"
        "print(len(analysis.pictures(3)), load_study.__module__, run.__module__)"
    )
    result = run(sys.executable, "-c", code, cwd=folder)
    assert result.stdout == "3 ganstudy.analysis.frames.load ganstudy.study.python.running\n", (
        result.stderr
    )

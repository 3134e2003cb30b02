"""The notebooks of the examples run, beside modules of the user's, and are kept without outputs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
WHILE_ANOTHER_RUNS = """
import threading

seen = []
running = threading.Thread(target=lambda: seen.append(ganstudy.run(again, quiet=True)))
running.start()
loads = 0
while running.is_alive():
    assert len(ganstudy.load("ring_in_python").trials) == len(study.trials)
    loads += 1
    running.join(1)
import ray

assert not ray.is_initialized()
print("loaded", loads, "times;", repr(seen[0]))
"""
"""Runs the notebook's second study in a thread, while the first is loaded."""
SECOND = 'other = ganstudy.run({**tables, "name": "ring_shorter", "train": shorter})'
"""How the notebook runs it."""


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names(NOTEBOOKS))
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert len(cells) > 5
    assert [
        cell
        for cell in cells
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count)
    ] == []


def run(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, instead: dict[str, str] | None = None
) -> list:
    """The outputs of a notebook in a folder with modules of the user's, whose names must not matter."""
    from nbclient import NotebookClient

    monkeypatch.setenv("GANSTUDY_HOME", str(folder / "data"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    refused = "raise RuntimeError('a module of the user was imported in place of ours')"
    for name in ("analysis", "trials"):
        (folder / f"{name}.py").write_text(refused)
    (folder / "study").mkdir()
    (folder / "study" / "__init__.py").write_text(refused)
    notebook = nbformat.read(path, as_version=4)
    for line, others in (instead or {}).items():
        (cell,) = [cell for cell in notebook.cells if line in cell.source]
        cell.source = cell.source.replace(line, others)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


@pytest.mark.slow
def test_the_notebook_of_frames_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples" / "imported", tmp_path / "imported")
    outputs = run(ROOT / "examples" / "analysis.ipynb", tmp_path, monkeypatch)
    figures = [
        output for output in outputs if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert len(figures) == 2 and all(
        figure.data["application/vnd.plotly.v1+json"]["data"] for figure in figures
    )
    told = "".join(output.get("text", "") for output in outputs)
    assert "imported from ring.csv" in told and "single seed" in told


@pytest.mark.slow
def test_the_notebook_of_runs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two studies one after the other in one kernel, the first loaded while the second runs."""
    path = ROOT / "examples" / "python.ipynb"
    again = SECOND.removeprefix("other = ganstudy.run(").removesuffix(")")
    outputs = run(path, tmp_path, monkeypatch, {SECOND: f"again = {again}\n{WHILE_ANOTHER_RUNS}"})
    shown = [output.data for output in outputs if "data" in output]
    views = [data["text/html"] for data in shown if "<svg" in data.get("text/html", "")]
    assert len(views) == 1 and views[0].count("<img") >= 2 and "feature matching" in views[0]
    assert len([data for data in shown if "image/png" in data]) == 2
    told = "".join(output.get("text", "") for output in outputs)
    assert "study: train.budget" in told and "Traceback" not in told
    assert "<study 'ring_shorter': 8 of design" in told
    stages = [data["text/html"] for data in shown if "design" in data.get("text/html", "")]
    assert any("<table" in html and "confirm" in html for html in stages)

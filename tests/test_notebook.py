"""The notebook of the examples runs, and is kept without outputs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "examples" / "analysis.ipynb"


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert len(cells) > 5
    assert [
        cell
        for cell in cells
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count)
    ] == []


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("GANSTUDY_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    # Where people keep notebooks lie modules of their own, whose names must not matter.
    for name in ("analysis", "study", "trials"):
        (tmp_path / f"{name}.py").write_text(
            "raise RuntimeError('a module of the user was imported in place of ours')"
        )
    shutil.copytree(NOTEBOOK.parent / "imported", tmp_path / "imported")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]
    figures = [
        output for output in outputs if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert len(figures) == 2 and all(
        figure.data["application/vnd.plotly.v1+json"]["data"] for figure in figures
    )
    told = "".join(output.get("text", "") for output in outputs)
    assert "imported from ring.csv" in told and "single seed" in told

"""A study whose records go to a real MLflow server over HTTP, artifacts included."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.load import load_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GANSTUDY = [sys.executable, "-P", "-c", "from study.cli import main; main()"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--workers", "1"]
    command += ["--artifacts-destination", (tmp_path / "served").as_uri()]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1)
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_a_study_published_to_a_server(server: str, tmp_path: Path, small_study) -> None:
    text = small_study(trials=3, schedule="fifo") + f'\n[tracking]\nuri = "{server}"\n'
    (tmp_path / "study.toml").write_text(text)
    result = subprocess.run(
        [*GANSTUDY, "run", "study.toml", "--home", "data"], cwd=tmp_path, capture_output=True, text=True, timeout=400
    )
    assert result.returncode == 0, result.stdout + result.stderr
    study = load_study("small", server)
    assert study.trials["state"].tolist() == ["complete"] * 3
    assert len(study.evaluations) == 3 * 3 * 4
    assert list(study.sample_grids(0)) == [0, 20, 40, 60, 80]
    assert (tmp_path / "data" / "studies" / "small" / "report.html").exists()
    assert not (tmp_path / "data" / "mlflow").exists(), "nothing goes to the embedded store"

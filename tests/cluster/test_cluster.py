"""A Ray head that was started apart from the driver, with a token as Ray's own defaults want it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
RAY = str(Path(sys.executable).parent / "ray")
GANSTUDY = [sys.executable, "-P", "-c", "from ganstudy.study.cli.main import main; main()"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def head(
    tmp_path_factory: pytest.TempPathFactory, stop_ray
) -> Iterator[tuple[str, dict[str, str]]]:
    """(address, environment of a client)"""
    tmp_path = tmp_path_factory.mktemp("head")
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4)
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    port = free_port()
    start = [RAY, "start", "--head", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    start += ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
    # Ray's sockets lie under its folder, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        started = subprocess.run(
            [*start, f"--temp-dir={folder}"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert started.returncode == 0, started.stdout + started.stderr
        try:
            yield f"127.0.0.1:{port}", environment
        finally:
            stop_ray(folder)


def test_a_study_on_a_running_cluster(
    head, tmp_path: Path, small_study, classifier_cache: Path
) -> None:
    address, environment = head
    shutil.copytree(classifier_cache, tmp_path / "data" / "cache")
    (tmp_path / "study.toml").write_text(small_study(trials=4))
    # A module that would be imported instead of ours, in the folder where the user stands.
    (tmp_path / "trials.py").write_text("raise RuntimeError('imported from the working directory')")
    command = [*GANSTUDY, "run", "study.toml", "--home", "data", "--address", address]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400
    )
    assert result.returncode == 0, result.stdout + result.stderr
    counts = Ledger.open(Home(tmp_path / "data").study("small").ledger).search.counts()
    assert counts["complete"] + counts["pruned"] == 4


def test_more_than_the_cluster_has(head, tmp_path: Path, small_study) -> None:
    address, environment = head
    (tmp_path / "greedy.toml").write_text(small_study() + "\n[resources]\ncpus = 6400\n")
    command = [*GANSTUDY, "run", "greedy.toml", "--home", "data", "--address", address]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200
    )
    assert (
        result.returncode == 2
        and "resources.cpus" in result.stderr
        and "Traceback" not in result.stderr
    )
    assert not (tmp_path / "data").exists()


def test_no_cluster_at_the_address(tmp_path: Path, small_study) -> None:
    (tmp_path / "study.toml").write_text(small_study())
    command = [
        *GANSTUDY,
        "run",
        "study.toml",
        "--home",
        "data",
        "--address",
        f"127.0.0.1:{free_port()}",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (
        result.returncode == 2
        and "no Ray cluster answers" in result.stderr
        and "Traceback" not in result.stderr
    )
    assert not (tmp_path / "data").exists()

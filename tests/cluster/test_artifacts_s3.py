"""Artifacts in a bucket: the server that `ganstudy serve` starts, before an S3-compatible server (moto's)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from ganstudy.study.cli import serve

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
SECRETS = {
    "MLFLOW_AUTH_ADMIN_PASSWORD": "a long enough password",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "0" * 32,
}
USER = {
    "MLFLOW_TRACKING_USERNAME": "admin",
    "MLFLOW_TRACKING_PASSWORD": SECRETS["MLFLOW_AUTH_ADMIN_PASSWORD"],
}
AWS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Starts a server and waits until it answers."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], environment: dict[str, str], answers_at: str) -> None:
        with (tmp_path / "servers.log").open("ab") as log:
            processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    cwd=tmp_path,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        for _ in range(600):
            try:
                urllib.request.urlopen(answers_at, timeout=1)
                return
            except OSError:
                assert processes[-1].poll() is None, (tmp_path / "servers.log").read_text()
                time.sleep(0.2)
        raise AssertionError("no answer")

    yield start
    for process in processes:
        os.killpg(process.pid, 9)
        process.wait(30)


def test_a_study_whose_artifacts_lie_in_a_bucket(
    start, operator, small_study, tmp_path: Path
) -> None:
    s3, port = free_port(), free_port()
    start(
        [sys.executable, "-m", "moto.server", "-p", str(s3)],
        dict(os.environ),
        f"http://127.0.0.1:{s3}/moto-api/",
    )
    bucket = boto3.resource(
        "s3", endpoint_url=f"http://127.0.0.1:{s3}", aws_access_key_id="key", aws_secret_access_key="secret",
        region_name="us-east-1",
    ).create_bucket(Bucket="studies")  # fmt: skip
    configuration = tmp_path / "auth.ini"
    configuration.write_text(
        serve.AUTHENTICATION.format(database=f"sqlite:///{tmp_path / 'auth.db'}")
    )
    environment = {"MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{s3}", **AWS, **SECRETS}
    command = serve.command(
        f"sqlite:///{tmp_path / 'mlflow.db'}", "s3://studies/here", "127.0.0.1", port, ()
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        start(command, serve.environment(configuration), f"http://127.0.0.1:{port}/health")
    operator.environment = USER | {"GANSTUDY_TRACKING_URI": f"http://127.0.0.1:{port}"}
    operator.write(small_study(trials=2, sampler="random", schedule="fifo"))
    code, output = operator.run()
    assert code == 0, output
    keys = [found.key for found in bucket.objects.all()]
    assert sum(key.endswith("history.parquet") for key in keys) == 2, keys
    assert any(key.endswith("report.html") for key in keys)
    assert all(key.startswith("here/") for key in keys)
    assert not operator.home.mlflow_artifacts.exists()

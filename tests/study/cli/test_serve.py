"""The MLflow server of a cluster: what it is started with, and what it refuses to be started without."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ganstudy.study.cli import serve
from ganstudy.study.cli.main import main
from ganstudy.study.cluster import connection
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs `ganstudy serve`; (command line, environment) of the server, or the message."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(serve.os, "chdir", lambda _: None)
    for name in serve.SECRETS:
        monkeypatch.setenv(name, f"value of {name}")

    def start(*arguments: str):
        calls: list[tuple[list[str], dict[str, str]]] = []
        monkeypatch.setattr(
            serve.os, "execve", lambda _, command, env: calls.append((command, env))
        )
        result = CliRunner().invoke(main, ["serve", *arguments])
        return calls[0] if calls else result.output

    return start


DATABASE = ("--database", "postgresql:///mlflow")


def test_what_it_is_started_with(started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "of the driver")
    command, environment = started(*DATABASE, "--artifacts", "/shared/x", "--name", "head:5000")
    line = " ".join(command)
    assert "--app-name basic-auth" in line and "--host 127.0.0.1" in line
    assert "--backend-store-uri postgresql+psycopg:///mlflow" in line
    assert "--artifacts-destination file:///shared/x --serve-artifacts" in line
    assert "--allowed-hosts 127.0.0.1:5000,localhost:5000,head:5000" in line
    assert "value of" not in line, "a secret on a command line"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert "MLFLOW_TRACKING_PASSWORD" not in environment
    configuration = Path(environment["MLFLOW_AUTH_CONFIG_PATH"])
    assert configuration.stat().st_mode & 0o077 == 0
    assert "database_uri = postgresql+psycopg:///mlflow\n" in configuration.read_text()
    assert "default_permission = READ" in configuration.read_text()


def test_a_bucket(started) -> None:
    command, _ = started(*DATABASE, "--artifacts", "s3://bucket/prefix")
    assert "s3://bucket/prefix" in command


def test_no_password_no_server(started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_AUTH_ADMIN_PASSWORD")
    assert "set MLFLOW_AUTH_ADMIN_PASSWORD" in started(*DATABASE, "--artifacts", "/x")


def test_no_postgresql_no_server(started) -> None:
    assert "takes a PostgreSQL URL" in started("--database", "sqlite:///x", "--artifacts", "/x")


def test_where_records_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.delenv("GANSTUDY_TRACKING_URI", raising=False)
    assert home.embedded(None) and not home.embedded("http://mine:5000")
    monkeypatch.setenv("GANSTUDY_TRACKING_URI", "http://127.0.0.1:5000")
    assert home.tracking_uri(None) == "http://127.0.0.1:5000" and not home.embedded(None)
    assert home.tracking_uri("http://mine:5000") == "http://mine:5000", "the study file goes first"
    monkeypatch.setenv("GANSTUDY_TRACKING_URI", "http://user:secret@127.0.0.1:5000")
    with pytest.raises(UserError) as raised:
        home.tracking_uri(None)
    assert "secret" not in str(raised.value)


def test_a_ray_of_our_own_is_started_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    for name in names:
        monkeypatch.setenv(name, "x")
    with connection._own_environment():
        assert not any(name in os.environ for name in names)
    assert all(os.environ[name] == "x" for name in names), "the driver's publisher needs them"

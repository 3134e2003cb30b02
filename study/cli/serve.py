"""The command `serve`: MLflow's own server for a cluster, on PostgreSQL, with users and passwords."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ganstudy.study.cli.ui import (
    LOOPBACK,
    MLFLOW_PORT,
    SETTINGS,
    allowed_callers,
    server_command,
)
from ganstudy.study.errors import UserError

SECRETS = ("MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY")
"""Environment variables of MLflow: a command line can be read by everyone on the machine."""
KEPT = (*SECRETS, "MLFLOW_S3_ENDPOINT_URL", "MLFLOW_S3_IGNORE_TLS")
AUTHENTICATION = """[mlflow]
default_permission = READ
database_uri = {database}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""
"""Checking a password is slow on purpose; remembered for a minute, a report takes seconds instead of
minutes.
"""


@click.command()
@click.option(
    "--database",
    required=True,
    metavar="URL",
    help="PostgreSQL database, such as postgresql:///mlflow.",
)
@click.option(
    "--artifacts",
    required=True,
    metavar="PLACE",
    help="Store of artifacts: a folder, or s3://BUCKET/PREFIX.",
)
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=MLFLOW_PORT, show_default=True)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST:PORT",
    help="Another name under which clients reach it, besides localhost.",
)
def serve(database: str, artifacts: str, host: str, port: int, names: tuple[str, ...]) -> None:
    """Serve MLflow for a cluster: on PostgreSQL, with users and passwords; Ctrl-C ends it.

    MLFLOW_AUTH_ADMIN_PASSWORD is the password that the user admin begins with, and MLFLOW_FLASK_SERVER_SECRET_KEY
    any long secret. Artifacts pass through the server: nobody else needs to reach their store.

    \b
    Example:  ganstudy serve --database postgresql:///mlflow --artifacts /shared/mlflow-artifacts
    """
    scheme, _, rest = database.partition("://")
    if not scheme.startswith("postgresql"):
        raise UserError(
            "--database takes a PostgreSQL URL, such as postgresql:///mlflow; for one user: ganstudy ui"
        )
    missing = [name for name in SECRETS if not os.environ.get(name)]
    if missing:
        raise UserError(
            f"set {' and '.join(missing)} in the environment first; MLflow has no default password"
        )
    if scheme == "postgresql":
        # Names the driver that we depend on: SQLAlchemy's own default has changed between versions.
        database = f"postgresql+psycopg://{rest}"
    settings = Path.home() / ".ganstudy"
    settings.mkdir(mode=0o700, exist_ok=True)
    configuration = settings / f"mlflow-auth-{port}.ini"
    # The URL may hold a password; a file that is there keeps its mode.
    configuration.touch(mode=0o600)
    # configparser, which MLflow reads it with, would take a % for an interpolation.
    content = AUTHENTICATION.format(database=database.replace("%", "%%"))
    configuration.write_text(content, encoding="utf-8")
    # The process becomes the server, so that whoever watches it watches the server.
    # uvicorn puts its working folder on the path, even where Python is asked not to.
    os.chdir(settings)
    arguments = command(database, artifacts, host, port, names)
    os.execve(sys.executable, arguments, environment(configuration))


def command(
    database: str, artifacts: str, host: str, port: int, names: tuple[str, ...]
) -> list[str]:
    """Return the command line of MLflow's server with users, for callers under `names` alone."""
    store = artifacts if "://" in artifacts else Path(artifacts).absolute().as_uri()
    options = [
        "--app-name",
        "basic-auth",
        "--backend-store-uri",
        database,
        "--artifacts-destination",
        store,
        "--serve-artifacts",
    ]
    callers = (f"{LOOPBACK}:{port}", f"localhost:{port}", *names)
    return [*server_command(host, port, workers=2), *options, *allowed_callers(callers)]


def environment(configuration: Path) -> dict[str, str]:
    """Return this process's environment with `SETTINGS`, without what loosens MLflow."""
    kept = {
        name: value for name, value in os.environ.items() if "MLFLOW_" not in name or name in KEPT
    }
    return kept | SETTINGS | {"MLFLOW_AUTH_CONFIG_PATH": str(configuration)}

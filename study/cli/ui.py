"""The command `ui`: MLflow's own pages on the studies of this machine, for this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from types import FrameType

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home

LOOPBACK = "127.0.0.1"
SETTINGS = {
    # The server only shows studies: it runs no jobs, calls no language models, unpickles nothing,
    # reports nothing.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow starts Python anew, and that one must not import what lies about either.
    "PYTHONSAFEPATH": "1",
}


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="Of the server, on this machine only.",
)
@home_option
def ui(port: int, home: str | None) -> None:
    """Start the MLflow UI on the studies under the home folder; Ctrl-C ends it.

    \b
    Example:  ganstudy ui --port 5001
    """
    place = Home.locate(home)
    if not place.mlflow_database.exists():
        raise UserError(
            f"no study under {place.root} has published to the embedded MLflow store yet"
        )
    _check_free(port)
    # The parameter opens the view of trainings; without it MLflow shows that of language models.
    click.echo(
        f"MLflow UI: http://{LOOPBACK}:{port}/#/experiments?workflowType=machine_learning  (Ctrl-C ends it)"
    )
    server = subprocess.Popen(
        command(place, port),
        env=environment(),
        cwd=place.mlflow_database.parent,  # uvicorn puts its working folder on the path whatever Python is told
        start_new_session=True,  # Ctrl-C is for this process, which passes it on
    )
    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        # To all of its processes, and not as SIGINT, which Python answers by a traceback while it
        # still imports.
        os.killpg(server.pid, signal.SIGTERM)

    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, stop)
    code = server.wait()
    sys.exit(0 if stopped else code)


def _check_free(port: int) -> None:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"port {port} of this machine cannot be had ({why}); name another with --port"
        ) from None


def command(place: Home, port: int) -> list[str]:
    """MLflow's server on the embedded store, for callers on this machine alone."""
    names = (f"{LOOPBACK}:{port}", f"localhost:{port}")
    return [
        *(
            sys.executable,
            "-P",
            "-m",
            "mlflow",
            "server",
            "--host",
            LOOPBACK,
            "--port",
            str(port),
            "--workers",
            "1",
        ),
        *("--backend-store-uri", place.tracking_uri(None)),
        *("--default-artifact-root", place.mlflow_artifacts.as_uri(), "--no-serve-artifacts"),
        # A page from elsewhere could otherwise reach the server through the browser, under a name
        # of its own.
        *("--allowed-hosts", ",".join(names)),
        *("--cors-allowed-origins", ",".join(f"http://{name}" for name in names)),
    ]


def environment() -> dict[str, str]:
    """This process's, without what loosens MLflow (or holds a password) and with what tightens it."""
    return {name: value for name, value in os.environ.items() if "MLFLOW_" not in name} | SETTINGS

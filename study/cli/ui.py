"""The command `ui`: MLflow's own pages on the studies of this machine, for this machine."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from ganstudy.study.cli.cluster import CliOptions, with_cluster
from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home

LOOPBACK = "127.0.0.1"
MLFLOW_PORT = 5000
"""MLflow's own default, and the port on the head of a cluster in ray_cluster.yaml."""
TRAININGS_VIEW = "#/experiments?workflowType=machine_learning"
"""Opens MLflow's view of trainings; without it MLflow shows that of language models."""
SETTINGS = {
    # The server only shows studies: it runs no jobs, calls no language models, unpickles nothing,
    # reports nothing to anybody.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # MLflow starts Python anew, which must not import from the working folder either.
    "PYTHONSAFEPATH": "1",
}


def ui_of_cluster(cluster: Path, values: CliOptions) -> int:
    """Forward the port of a cluster's MLflow server to this machine, until Ctrl-C."""
    from ganstudy.study.cluster.head_node import Head

    # ray exec forwards a port to the same number only.
    port = values["port"]
    if port != MLFLOW_PORT:
        raise UserError(
            f"with --cluster, MLflow's pages come to the port that they have there, {MLFLOW_PORT}"
        )
    password = f"ray exec {shlex.quote(str(cluster))} 'grep TRACKING ganstudy-mlflow.env'"
    click.echo(
        f"MLflow UI: http://localhost:{port}/{TRAININGS_VIEW}  (Ctrl-C ends it)\n"
        f"Its user and password: {password}"
    )
    return Head(cluster).run("sleep infinity", click.echo, [port])


@with_cluster(ui_of_cluster)
@click.command()
@click.argument("name", required=False)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=MLFLOW_PORT,
    show_default=True,
    help="Port of the server, which listens on this machine only.",
)
@click.option("--no-open", is_flag=True, help="Open no browser.")
@home_option
def ui(name: str | None, port: int, no_open: bool, home: Home) -> None:
    """Start the MLflow UI and open a browser on the runs of the study NAME; Ctrl-C ends it.

    Without NAME: on the one study there is, or on the list of all.

    \b
    Example:  ganstudy ui digits
    """
    if name is not None:
        home.existing(name)
    if not home.mlflow_database.exists():
        raise UserError(
            f"no study under {home.root} has published to the embedded MLflow store yet"
        )
    _check_free(port)
    server: subprocess.Popen[bytes] | None = None
    stopped = False

    def stop(*_: Any) -> None:
        nonlocal stopped
        stopped = True
        # To all of its processes, and not as SIGINT, which Python answers by a traceback while it
        # still imports.
        if server is not None:
            os.killpg(server.pid, signal.SIGTERM)

    # Before the address is printed: who reads it may press Ctrl-C while the server still starts.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    address = f"http://{LOOPBACK}:{port}/"
    click.echo(f"MLflow UI: {address}{TRAININGS_VIEW}  (Ctrl-C ends it)")
    server = subprocess.Popen(
        command(home, port),
        # Warnings of MLflow's own packages are nothing that a reader could mend.
        env=environment() | {"PYTHONWARNINGS": "ignore"},
        # What it says of itself would stand between our addresses; errors go to stderr.
        stdout=subprocess.DEVNULL,
        # uvicorn puts its working folder on the path, even where Python is asked not to.
        cwd=home.mlflow_database.parent,
        start_new_session=True,  # Ctrl-C is for this process, which passes it on
    )
    if stopped:
        stop()
    show = partial(_show, server, address, home, name, no_open)
    threading.Thread(target=show, daemon=True).start()
    code = server.wait()
    sys.exit(0 if stopped else code)


def _show(
    server: subprocess.Popen[bytes], address: str, home: Home, name: str | None, no_open: bool
) -> None:
    """Once the server answers, print the page of the study's runs and open it in a browser."""
    from ganstudy.study.cli.mlflow_page import study_pages, wait_until_it_answers

    if not wait_until_it_answers(server, address):
        return
    names = home.names() if name is None else [name]
    pages = study_pages(address, names[0]) if len(names) == 1 else {}
    for what, page in pages.items():
        click.echo(f"{what}: {page}")
    if not no_open:
        # False where there is no browser: the address has been printed.
        webbrowser.open(next(iter(pages.values()), address + TRAININGS_VIEW))


def _check_free(port: int) -> None:
    # MLflow itself would print a traceback, after seconds.
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"port {port} of this machine cannot be used ({why}); choose another with --port"
        ) from None


def command(home: Home, port: int) -> list[str]:
    """Return the command line of MLflow's server on the embedded store, for this machine alone."""
    store = [
        "--backend-store-uri",
        home.tracking_uri(None),
        "--default-artifact-root",
        home.mlflow_artifacts.as_uri(),
        "--no-serve-artifacts",
    ]
    callers = (f"{LOOPBACK}:{port}", f"localhost:{port}")
    quiet = ["--uvicorn-opts", "--log-level warning"]
    return [*server_command(LOOPBACK, port, workers=1), *store, *quiet, *allowed_callers(callers)]


def server_command(host: str, port: int, workers: int) -> list[str]:
    """Return the first words of the command line of an MLflow server."""
    server = [sys.executable, "-P", "-m", "mlflow", "server"]
    return [*server, "--host", host, "--port", str(port), "--workers", str(workers)]


def allowed_callers(names: Sequence[str]) -> list[str]:
    """Return the options by which MLflow answers only to HOST:PORT of `names`."""
    # A page from elsewhere could otherwise reach the server through the browser, under a name of
    # its own.
    origins = [f"http://{name}" for name in names]
    return ["--allowed-hosts", ",".join(names), "--cors-allowed-origins", ",".join(origins)]


def environment() -> dict[str, str]:
    """Return this process's environment, with `SETTINGS` for all that concerns MLflow.

    What loosens MLflow, or holds a password, is left out.
    """
    return {name: value for name, value in os.environ.items() if "MLFLOW_" not in name} | SETTINGS

"""Experiments in MLflow: every run is a run, its parameters are the configuration.

The one place in `study` that reads from MLflow; the publisher writes to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ganstudy.study.errors import UserError
from ganstudy.study.importing.sources.run_logs import RunLog, RunLogs

PREFIX = "mlflow:"
KIND = "an MLflow experiment"
SERVER_VARIABLE = "MLFLOW_TRACKING_URI"
LOCAL_STORES = (("mlflow.db", "sqlite:///mlflow.db"), ("mlruns", "mlruns"))
"""What MLflow itself writes into a working directory, and its URI."""
PAGE = 1000
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    # Stores of earlier versions can only be read with it, and nothing is written to them here.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}


def is_experiment(source: str) -> bool:
    """Return whether a source is `mlflow:NAME`."""
    return source.startswith(PREFIX)


def read_experiment(source: str, server: str | None, wanted: Callable[[str], bool]) -> RunLogs:
    """Return the runs of an experiment that were not deleted.

    server: MLflow's tracking URI; None takes MLFLOW_TRACKING_URI, or the store in the working
    directory. UserError if there is no such server or experiment.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # MLflow reads its environment while it is imported.
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    address = _address(server)
    experiment = source.removeprefix(PREFIX)
    try:
        client = MlflowClient(address)
        identity = _experiment_id(client, experiment, address)
        found = list(_runs(client, identity))
        if not found:
            raise UserError(f"MLflow's experiment {experiment!r} has no runs")
        return _logs(client, experiment, found, wanted)
    except (MlflowException, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"MLflow at {address} cannot be read: {first}") from None


def _address(server: str | None) -> str:
    """Return the tracking URI; UserError where MLflow would make a new store."""
    given = server or os.environ.get(SERVER_VARIABLE)
    if given is None:
        local = (uri for file, uri in LOCAL_STORES if Path(file).exists())
        given = next(local, None)
    if given is None:
        raise UserError(
            f"no MLflow server is named: give --from URI, or set {SERVER_VARIABLE} "
            "(http://HOST:PORT, sqlite:///FILE.db, or a folder mlruns)"
        )
    # Whoever logs in does so by MLFLOW_TRACKING_USERNAME; this one is shown.
    if "@" in given.partition("?")[0]:
        raise UserError(
            "the URI of an MLflow server must hold no user name or password; MLflow takes them "
            "from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    file = _local_file(given)
    if file is not None and not file.exists():
        raise UserError(f"MLflow at {given}: {file} does not exist")
    return given


def _local_file(uri: str) -> Path | None:
    """Return the file or folder that a URI names; None for one of a server."""
    parts = urlsplit(uri)
    if parts.scheme == "sqlite":
        return Path(uri.removeprefix("sqlite:///"))
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if "://" in uri else Path(uri)


def _experiment_id(client: Any, name: str, address: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        known = sorted(other.name for other in client.search_experiments(max_results=PAGE))
        raise UserError(
            f"MLflow at {address} has no experiment {name!r}; it has: {', '.join(known) or 'none'}"
        )
    if experiment.lifecycle_stage == "deleted":
        raise UserError(
            f"MLflow's experiment {name!r} was deleted; mlflow experiments restore "
            f"--experiment-id {experiment.experiment_id} brings it back"
        )
    return str(experiment.experiment_id)


def _runs(client: Any, experiment: str) -> Iterator[Any]:
    """Yield the runs in the order in which they were begun."""
    token = None
    while True:
        page = client.search_runs(
            [experiment],
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _logs(client: Any, name: str, found: list[Any], wanted: Callable[[str], bool]) -> RunLogs:
    given = [run.info.run_name or run.info.run_id for run in found]
    runs = []
    for run, label in zip(found, given, strict=True):
        unique = label if given.count(label) == 1 else f"{label}-{run.info.run_id[:8]}"
        failed = run.info.status == "FAILED"
        runs.append(
            RunLog(
                name=unique,
                tags=frozenset(run.data.metrics),
                points=_points(client, run, wanted),
                params=dict(run.data.params),
                error="its status in MLflow is FAILED" if failed else "",
            )
        )
    notes = []
    for status, words in (("RUNNING", "still run"), ("KILLED", "were killed")):
        number = sum(run.info.status == status for run in found)
        if number:
            notes.append(
                f"{number} of {len(found)} runs {words}: each is read as far as it went, and "
                "complete at its own length"
            )
    return RunLogs(f"{PREFIX}{name}", KIND, runs, notes)


def _points(client: Any, run: Any, wanted: Callable[[str], bool]) -> list[tuple[str, float, float]]:
    """Return the histories of the metrics that are wanted, in the order of their writing."""
    written = [
        (metric.timestamp, metric.step, tag, _value(metric.value))
        for tag in sorted(run.data.metrics)
        if wanted(tag)
        for metric in client.get_metric_history(run.info.run_id, tag)
    ]
    written.sort(key=lambda point: point[:2])
    return [(tag, float(step), value) for _, step, tag, value in written]


def _value(value: float) -> float:
    """Return a metric with infinities again, for which MLflow's databases have the largest float."""
    largest = sys.float_info.max
    return value if -largest < value < largest else value * 2

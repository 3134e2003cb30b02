"""MLflow as analysis uses it: read-only, without telemetry, progress bars or long retries.

The one place in analysis that imports MLflow, since MLflow reads its environment while it is
imported: whoever imports it first decides.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlparse

for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A reader who waits for a report wants to know soon that a server does not answer.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}.items():
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import LifecycleStage, Run, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID  # noqa: E402

__all__ = [
    "MLFLOW_PARENT_RUN_ID",
    "LifecycleStage",
    "MlflowClient",
    "MlflowException",
    "Run",
    "ViewType",
    "read_artifact",
]


def read_artifact(client: MlflowClient, run_id: str, file: str, artifact_uri: str = "") -> bytes:
    """Return the content of an artifact.

    artifact_uri: the run's, where it is known: a file on this machine is then read where it lies.
    Raises OSError or MlflowException where there is no such file.
    """
    location = urlparse(artifact_uri)
    if location.path and location.scheme in ("", "file"):
        return (Path(unquote(location.path)) / file).read_bytes()
    # Without a folder of ours MLflow downloads into one of its own, which it never removes: one
    # more per trial with every report.
    with tempfile.TemporaryDirectory(prefix="ganstudy-") as folder:
        return Path(client.download_artifacts(run_id, file, folder)).read_bytes()

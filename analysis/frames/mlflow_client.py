"""MLflow as analysis uses it: read-only, without telemetry, progress bars or long retries.

The one place in analysis that imports MLflow, since MLflow reads its environment while it is
imported: whoever imports it first decides.
"""

from __future__ import annotations

import os

for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A reader who waits for a report wants to know soon that a server does not answer.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}.items():
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient, artifacts  # noqa: E402
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
    "artifacts",
]

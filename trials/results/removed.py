"""Messages where MLflow has deleted what a study needs: what happened, and how to get it back."""

from __future__ import annotations

import re
import shlex


class RemovedFromMlflowError(LookupError):
    """The experiment of a study, or its run, was deleted in MLflow."""


def deleted_experiment(name: str, experiment_id: str, uri: str) -> RemovedFromMlflowError:
    """Return the error of a study whose experiment was deleted."""
    return RemovedFromMlflowError(
        f"the experiment {name!r} was deleted in MLflow. Nothing of it is lost until MLflow's "
        "garbage is collected; to restore it:\n"
        f"  {_mlflow(uri)} experiments restore --experiment-id {experiment_id}\n"
        "Or delete it for good (mlflow gc), or give the study another name, to begin anew."
    )


def deleted_run(name: str, run_id: str, uri: str) -> RemovedFromMlflowError:
    """Return the error of a study whose own run was deleted."""
    return RemovedFromMlflowError(
        f"the run of the study {name!r} was deleted in MLflow. Nothing of it is lost until MLflow's "
        "garbage is collected; to restore it:\n"
        f"  {_mlflow(uri)} runs restore --run-id {run_id}"
    )


def _mlflow(uri: str) -> str:
    # A URI may contain a password.
    shown = re.sub(r"//[^/\s]*@", "//", uri)
    return f"MLFLOW_TRACKING_URI={shlex.quote(shown)} mlflow"

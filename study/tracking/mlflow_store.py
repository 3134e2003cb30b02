"""The one door out to MLflow: every run, tag, parameter, metric and file is sent from here.

Whatever is sent is brought within MLflow's limits first (study/tracking/mlflow_limits.py).
"""

from __future__ import annotations

import os
import tempfile
import time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # publish_until_closed retries by itself for as long as it takes, and should notice soon that a
    # server hangs.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

import mlflow  # noqa: E402  (reads the environment while it is imported)
from mlflow.entities import LifecycleStage, Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode  # noqa: E402
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME  # noqa: E402

from ganstudy.study.tracking import mlflow_limits as limits  # noqa: E402
from ganstudy.study.tracking.mlflow_pages import IMAGES, BestRun  # noqa: E402
from ganstudy.trials.results.catalogue import MEASURES  # noqa: E402
from ganstudy.trials.results.documents import Settings  # noqa: E402
from ganstudy.trials.results.mlflow_tags import Tag  # noqa: E402
from ganstudy.trials.results.records import Stage  # noqa: E402
from ganstudy.trials.results.removed import deleted_experiment, deleted_run  # noqa: E402

if TYPE_CHECKING:
    from PIL.Image import Image

EXPERIMENT_KIND = "mlflow.experimentKind"
PAGE = 1000
"""Runs per request."""


class MlflowStore:
    """The experiment of one study in MLflow, to be written."""

    def __init__(self, name: str, uri: str) -> None:
        self._client = mlflow.MlflowClient(uri)
        self._name = name
        self._uri = uri
        self._experiment = ""

    def open(self, artifacts: str | None) -> None:
        """Find the experiment, or create it; RemovedFromMlflowError if it was deleted.

        artifacts: where a new experiment keeps its files; None leaves it to the tracking server.
        """
        # MLflow's UI would guess the kind, and shows the view of language models if it guesses
        # wrong.
        kind = {EXPERIMENT_KIND: "custom_model_development"}
        found = self._find()
        self._experiment = found or str(self._client.create_experiment(self._name, artifacts, kind))

    @property
    def experiment(self) -> str:
        """MLflow's id of the experiment."""
        return self._experiment

    def tag_experiment(self, tags: dict[str, str]) -> None:
        """Set tags of the experiment, such as its description and how MLflow's page shows it."""
        for key, value in tags.items():
            text = limits.shortened(value, limits.LONGEST_TAG)
            self._client.set_experiment_tag(self._experiment, key, text)

    def check(self, run_id: str | None) -> None:
        """Raise RemovedFromMlflowError if the experiment or the study's own run was deleted.

        run_id: of that run, if there is one. Nothing is written.
        """
        if self._find() is None or run_id is None:
            return
        if self._client.get_run(run_id).info.lifecycle_stage == LifecycleStage.DELETED:
            raise deleted_run(self._name, run_id, self._uri)

    def _find(self) -> str | None:
        experiment = self._client.get_experiment_by_name(self._name)
        if experiment is None:
            return None
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            raise deleted_experiment(self._name, experiment.experiment_id, self._uri)
        return str(experiment.experiment_id)

    def study_run(self, ledger_id: str) -> str | None:
        """Return the study's own run of this ledger, if there is one."""
        found = self._client.search_runs(
            [self._experiment], f"tags.`{Tag.LEDGER}` = '{ledger_id}'", ViewType.ALL
        )
        for run in found:
            if run.info.lifecycle_stage == LifecycleStage.DELETED:
                raise deleted_run(self._name, run.info.run_id, self._uri)
            return str(run.info.run_id)
        return None

    def trial_runs(self, parent: str) -> dict[int, str]:
        """Return the run of every trial below the study's own run, by number."""
        found: dict[int, str] = {}
        token = None
        while True:
            # All at once, page by page: a request for each trial would take as long as publishing
            # it.
            page = self._client.search_runs(
                [self._experiment],
                f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent}'",
                max_results=PAGE,
                page_token=token,
            )
            found |= {int(run.data.tags[Tag.TRIAL]): str(run.info.run_id) for run in page}
            token = page.token
            if not token:
                return found

    def best_run(self, parent: str, measure: str) -> BestRun | None:
        """Return the run whose samples stand for the study: the best that was confirmed.

        Without a confirm stage, the best of the search; None where none reached its end.
        """
        down = MEASURES[measure].direction == "down"
        order = [f"metrics.`final/{measure}` {'ASC' if down else 'DESC'}"]
        below = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent}'"
        for confirmed in (True, False):
            stage = f" and tags.`{Tag.STAGE}` = '{Stage.CONFIRM}'" if confirmed else ""
            found = self._client.search_runs(
                [self._experiment], below + stage, max_results=1, order_by=order
            )
            if found and f"final/{measure}" in found[0].data.metrics:
                run_id = str(found[0].info.run_id)
                return BestRun(run_id, confirmed, self.files(run_id, IMAGES))
        return None

    def new_run(self, name: str, tags: dict[Tag, str], parent: str | None = None) -> str:
        """Create a run, below `parent` if there is one, and return its id."""
        own = {MLFLOW_RUN_NAME: limits.shortened(name, limits.LONGEST_NAME)}
        if parent is not None:
            own[MLFLOW_PARENT_RUN_ID] = parent
        made = self._client.create_run(self._experiment, tags=limits.as_tags(tags) | own)
        return str(made.info.run_id)

    def tags_and_params(self, run_id: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return what a run has of both."""
        data = self._client.get_run(run_id).data
        return dict(data.tags), dict(data.params)

    def log(
        self,
        run_id: str,
        metrics: list[Metric],
        params: Settings,
        tags: dict[Any, Any],
        name: str | None = None,
    ) -> None:
        """Log in requests of a size that MLflow takes: tags with the last, parameters first.

        name: a new name of the run.
        """
        given = limits.as_params(params)
        # MLflow refuses another value for a parameter that it has, with all that is sent beside
        # it; an earlier version may have cut a long one elsewhere.
        cut = {key: value for key, value in given.items() if value.endswith(limits.ELLIPSIS)}
        for part in limits.param_requests(cut):
            self._log_once(run_id, part)
        kept = {key: value for key, value in given.items() if key not in cut}
        renamed = (
            {} if name is None else {MLFLOW_RUN_NAME: limits.shortened(name, limits.LONGEST_NAME)}
        )
        all_tags = [RunTag(*tag) for tag in (limits.as_tags(tags) | renamed).items()]
        step = limits.METRICS_PER_REQUEST
        parts = [metrics[first : first + step] for first in range(0, len(metrics), step)]
        requests = list(zip_longest(parts, limits.param_requests(kept))) or [(None, None)]
        for index, (some_metrics, some_params) in enumerate(requests):
            self._client.log_batch(
                run_id,
                some_metrics or [],
                [Param(*param) for param in (some_params or {}).items()],
                all_tags if index == len(requests) - 1 else [],
            )

    def _log_once(self, run_id: str, params: dict[str, str]) -> None:
        """Log parameters, without those that MLflow has with another value."""
        try:
            self._client.log_batch(run_id, params=[Param(*param) for param in params.items()])
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(INVALID_PARAMETER_VALUE):
                raise
            if len(params) > 1:
                for key, value in params.items():
                    self._log_once(run_id, {key: value})

    def log_text(self, run_id: str, text: str, file: str) -> None:
        """Write an artifact of any length."""
        self._client.log_text(run_id, text, file)

    def log_bytes(self, run_id: str, content: bytes, name: str) -> None:
        """Write an artifact of any content."""
        with tempfile.TemporaryDirectory() as folder:
            # Under this very name: MLflow names an artifact as its file.
            path = Path(folder) / name
            path.write_bytes(content)
            self.log_path(run_id, path)

    def log_path(self, run_id: str, path: Path) -> None:
        """Copy a file, or a folder under its own name, to the artifacts."""
        if path.is_dir():
            self._client.log_artifacts(run_id, str(path), path.name)
        else:
            self._client.log_artifact(run_id, str(path))

    def log_image(self, run_id: str, image: Image, key: str, step: int) -> None:
        """Log an image of a step, for MLflow's slider."""
        self._client.log_image(run_id, image, key=key, step=step)

    def files(self, run_id: str, folder: str) -> list[str]:
        """Return the paths of the artifacts in a folder, which need not exist."""
        return [file.path for file in self._client.list_artifacts(run_id, folder)]

    def read_text(self, run_id: str, file: str) -> str:
        """Return an artifact that was written here before."""
        # MLflow leaves a download of its own where it was put.
        with tempfile.TemporaryDirectory() as folder:
            path = self._client.download_artifacts(run_id, file, folder)
            return Path(path).read_text(encoding="utf-8")

    def begin(self, run_id: str) -> None:
        """Mark a run as running."""
        self._client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: str) -> None:
        """Mark a run as ended."""
        self._client.set_terminated(run_id, status)


def as_metrics(numbers: dict[str, float], step: int) -> list[Metric]:
    """Return numbers as metrics of this moment."""
    return [Metric(key, value, int(time.time() * 1000), step) for key, value in numbers.items()]


def lasting_metrics(numbers: dict[str, float]) -> list[Metric]:
    """Return numbers as metrics at step and time 0: sent twice, they are there once."""
    return [Metric(key, value, 0, 0) for key, value in numbers.items()]

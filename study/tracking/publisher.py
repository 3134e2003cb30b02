"""The publisher: a process of its own that sends the outbox's messages to MLflow.

Neither training nor Tune's control loop waits for MLflow. The process ends when its standard input
is closed and the outbox is empty, so it also finishes its work after the driver has died. Every
message may be read twice and is published once: runs are found again by their tags, and the
evaluations already logged are counted in a tag that travels in the same batch as their metrics.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import logging
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

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
import pandas as pd  # noqa: E402
from filelock import FileLock  # noqa: E402
from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME  # noqa: E402
from PIL import Image  # noqa: E402

from ganstudy.study.home import IMPORT_FILE, private_files  # noqa: E402
from ganstudy.study.ledger.import_record import ImportRecord  # noqa: E402
from ganstudy.study.ledger.ledger import Ledger  # noqa: E402
from ganstudy.study.tracking import run_fields as fields  # noqa: E402
from ganstudy.study.tracking.outbox import END, START, STUDY, Message, Outbox  # noqa: E402
from ganstudy.trials.results.mlflow_tags import Tag  # noqa: E402
from ganstudy.trials.results.records import (  # noqa: E402
    FLOOR_PREFIX,
    HISTORY_FILE,
    HISTORY_SCHEMA,
    SAMPLES_KEY,
    STUDY_FILE,
    TrialState,
)

DESCRIPTION = "mlflow.note.content"
EXPERIMENT_KIND = "mlflow.experimentKind"
POLL_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 10.0
GIVE_UP_SECONDS = 60.0
"""How long MLflow may fail after the driver has gone."""
LONGEST_PARAM = 6000
"""Characters of a parameter's value that MLflow accepts."""
STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAILED: "FAILED"}
BATCH_LIMIT = 1000
"""Metrics per request that MLflow accepts."""


class Publisher:
    """Turns messages into MLflow runs, metrics, images and artifacts."""

    def __init__(
        self,
        ledger: Ledger | ImportRecord,
        outbox: Outbox,
        tracking_uri: str,
        artifacts: str | None,
    ) -> None:
        """Find the study's experiment and parent run, or create them.

        artifacts: where a new experiment keeps its files; None leaves it to the tracking server.
        """
        self._ledger = ledger
        self._outbox = outbox
        self._client = mlflow.MlflowClient(tracking_uri)
        self._name = ledger.spec.name
        self._measure = ledger.spec.measure
        self._experiment = self._experiment_id(artifacts)
        self._runs = ledger.run_ids()
        self._published: dict[int, int] = {}
        self._found: dict[int, str] | None = None
        self._parent = ledger.parent_run_id or self._start_parent()

    def _experiment_id(self, artifacts: str | None) -> str:
        experiment = self._client.get_experiment_by_name(self._name)
        if experiment is not None:
            return str(experiment.experiment_id)
        # MLflow's UI would guess the kind, and shows the view of language models if it guesses wrong.
        return str(
            self._client.create_experiment(
                self._name, artifacts, {EXPERIMENT_KIND: "custom_model_development"}
            )
        )

    def _start_parent(self) -> str:
        # By the ledger's own id: a study that was deleted here and begun anew leaves its old runs
        # to themselves.
        ledger_id = self._ledger.id
        found = self._client.search_runs([self._experiment], f"tags.`{Tag.LEDGER}` = '{ledger_id}'")
        if found:
            run_id = str(found[0].info.run_id)
        else:
            tags = {
                Tag.KIND: "study",
                Tag.STUDY: self._name,
                Tag.LEDGER: ledger_id,
                MLFLOW_RUN_NAME: self._name,
            }
            run_id = str(self._client.create_run(self._experiment, tags=tags).info.run_id)
        self._ledger.parent_run_id = run_id
        return run_id

    def publish_pending(self) -> int:
        """Publish all pending messages and return their number.

        Re-raises the last MLflow error if nothing was published.
        """
        published = 0
        failure = None
        for number, group in itertools.groupby(
            self._outbox.pending(), key=lambda message: message.number
        ):
            messages = list(group)
            try:
                if number == STUDY:
                    self._publish_study(messages)
                else:
                    self._publish_trial(number, messages)
            except Exception as error:
                # What MLflow refuses of one trial must not keep the others back.
                failure = error
                continue
            for message in messages:
                message.remove()
            published += len(messages)
        if failure is not None and not published:
            raise failure
        return published

    def _publish_study(self, messages: list[Message]) -> None:
        for message in messages:
            content = message.read()
            if message.order == START:
                self._client.log_text(
                    self._parent, content["study_file"], content.get("file_name", STUDY_FILE)
                )
                params = [Param(key, str(value)) for key, value in content["params"].items()]
                floor = {FLOOR_PREFIX + name: value for name, value in content["floor"].items()}
                tags = [RunTag(key, str(value)) for key, value in content["tags"].items()]
                self._client.log_batch(self._parent, _metrics(floor, 0), params, tags)
                # A study that is resumed: its run ended with the last driver.
                self._client.update_run(self._parent, status="RUNNING")
            else:
                for path in map(Path, content["artifacts"]):
                    if path.is_dir():
                        self._client.log_artifacts(self._parent, str(path), path.name)
                    else:
                        self._client.log_artifact(self._parent, str(path))
                self._client.set_tag(self._parent, DESCRIPTION, content["description"])
                self._client.set_terminated(self._parent, content["status"])

    def _publish_trial(self, number: int, messages: list[Message]) -> None:
        contents = {message.order: message.read() for message in messages}
        start, end = contents.get(START), contents.get(END)
        name = f"trial-{number:04d}" if start is None else fields.run_name(number, start)
        run_id, is_new = self._run(number, name)
        tags = dict[str, str]()
        params = []
        if start is not None:
            params = [
                Param(key, str(value)[:LONGEST_PARAM])
                for key, value in fields.flat_params(start).items()
            ]
            tags |= {Tag.CONFIG: start["digest"], **fields.stage_tags(start)}
            if not is_new:  # to MLflow a name costs more than the other tags together
                tags[MLFLOW_RUN_NAME] = name
        metrics, evaluation_tags = self._evaluations(number, run_id, contents)
        tags |= evaluation_tags
        if end is not None:
            tags |= fields.end_tags(end)
            # At step and time 0 for ever: sent twice, it is there once.
            metrics += [
                Metric(key, score, 0, 0)
                for key, score in fields.final_metrics(end, self._measure).items()
            ]
        self._log_batches(run_id, metrics, params, [RunTag(*tag) for tag in tags.items()])
        # Only now: what MLflow refused must count as new at the next try.
        if evaluation_tags:
            self._published[number] = int(evaluation_tags[Tag.PUBLISHED.value])
        if end is not None:
            self._client.set_terminated(run_id, STATUS[TrialState(end["state"])])

    def _evaluations(
        self, number: int, run_id: str, contents: dict[int, dict[str, Any]]
    ) -> tuple[list[Metric], dict[str, str]]:
        """Log the files of a trial's new evaluations; return their metrics and tags."""
        published = self._published_evaluations(number, run_id)
        new = {
            order: content
            for order, content in contents.items()
            if START < order < END and order > published
        }
        if not new:
            return [], {}
        latest = max(new)
        tags = {Tag.PUBLISHED.value: str(latest)}
        if new[latest]["notes"]:
            tags[Tag.NOTES] = "; ".join(new[latest]["notes"])
        best = fields.best_metrics(new[latest], self._measure)
        metrics = [
            metric
            for _, content in sorted(new.items())
            for rows in fields.new_rows(content, published)
            for metric in _metrics(
                fields.metrics(rows) | best.get(int(rows[0]["evaluation"]), {}),
                fields.step_of(rows),
            )
        ]
        # Files before the batch that counts them: killed in between, they come twice; in the other
        # order they would never come.
        self._log_history(run_id, new[latest])
        for content in new.values():
            self._log_grid(run_id, content)
        return metrics, tags

    def _log_batches(
        self, run_id: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]
    ) -> None:
        """Log in requests of a size that MLflow accepts: params with the first, tags with the last."""
        for first in range(0, max(1, len(metrics)), BATCH_LIMIT):
            is_last = first + BATCH_LIMIT >= len(metrics)
            self._client.log_batch(
                run_id,
                metrics[first : first + BATCH_LIMIT],
                params if first == 0 else [],
                tags if is_last else [],
            )

    def _run(self, number: int, name: str) -> tuple[str, bool]:
        """Return (run id, whether the run is new) of a trial.

        The run is remembered, found by its tag after a crash in between, or created.
        """
        is_new = False
        if number not in self._runs:
            if self._found is None:
                self._found = self._search_runs()
            run_id = self._found.get(number)
            if run_id is None:
                tags = {
                    Tag.KIND: "trial",
                    Tag.STUDY: self._name,
                    Tag.TRIAL: str(number),
                    Tag.SCHEMA: str(HISTORY_SCHEMA),
                    Tag.STATE: TrialState.RUNNING.value,
                    MLFLOW_PARENT_RUN_ID: self._parent,
                    MLFLOW_RUN_NAME: name,
                }
                run_id = str(self._client.create_run(self._experiment, tags=tags).info.run_id)
                self._published[number], is_new = 0, True
            self._runs[number] = run_id
            self._ledger.set_run_id(number, run_id)
        return self._runs[number], is_new

    def _search_runs(self) -> dict[int, str]:
        found: dict[int, str] = {}
        token = None
        while True:
            # All at once, page by page: a request for each trial would take as long as publishing
            # it.
            page = self._client.search_runs(
                [self._experiment],
                f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self._parent}'",
                max_results=1000,
                page_token=token,
            )
            found |= {int(run.data.tags[Tag.TRIAL]): str(run.info.run_id) for run in page}
            token = page.token
            if not token:
                return found

    def _published_evaluations(self, number: int, run_id: str) -> int:
        if number not in self._published:
            tags = self._client.get_run(run_id).data.tags
            self._published[number] = int(tags.get(Tag.PUBLISHED, 0))
        return self._published[number]

    def _log_history(self, run_id: str, content: dict[str, Any]) -> None:
        frame = pd.DataFrame(content["history"]).assign(**(content["provenance"] or {}))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / HISTORY_FILE
            # Under this very name: MLflow names an artifact as its file.
            frame.to_parquet(path, index=False)
            self._client.log_artifact(run_id, str(path))

    def _log_grid(self, run_id: str, content: dict[str, Any]) -> None:
        # The UI's slider starts at step 0, so that is where the untrained generator's samples go.
        for grid, step in (
            (content["start_grid"], 0),
            (content["grid"], fields.step_of(fields.rows_of(content))),
        ):
            if grid is not None:
                with Image.open(io.BytesIO(base64.b64decode(grid))) as picture:
                    self._client.log_image(run_id, picture, key=SAMPLES_KEY, step=step)


def _metrics(numbers: dict[str, float], step: int) -> list[Metric]:
    return [Metric(key, value, int(time.time() * 1000), step) for key, value in numbers.items()]


def publish_until_closed(publisher_for: Any, closed: threading.Event) -> int:
    """Publish until `closed` is set and nothing is pending; return 1 if messages are left, else 0.

    Failures of MLflow are retried with growing pauses: without end while the driver lives, and for
    GIVE_UP_SECONDS once it has gone.
    """
    publisher: Publisher | None = None
    backoff, failing_since = POLL_SECONDS, None
    while True:
        closing = closed.is_set()
        try:
            publisher = publisher or publisher_for()
            published = publisher.publish_pending()
            backoff, failing_since = POLL_SECONDS, None
            if closing and not published:
                return 0
        except Exception:
            logging.exception("MLflow did not take the records; they wait in the outbox")
            if not closing or failing_since is None:
                failing_since = time.monotonic()
            if closing and time.monotonic() - failing_since > GIVE_UP_SECONDS:
                return 1
            # Doubled: a server that is away for hours is not asked five times a second.
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
            published = 0
        if not published:
            time.sleep(backoff)


def main() -> int:
    """Run the publisher's process; its argument is JSON: ledger, outbox, uri, artifacts."""
    private_files()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s publisher %(levelname)s %(message)s"
    )
    arguments = json.loads(sys.argv[1])
    # One publisher per study: that of a driver that was killed may still be publishing.
    lock = FileLock(Path(arguments["ledger"]).with_name("publisher.lock"))
    lock.acquire()  # held until the process ends
    closed = threading.Event()

    def wait_for_end_of_input() -> None:
        # Returns when the driver closes the pipe or dies, whichever comes first.
        sys.stdin.read()
        closed.set()

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()

    def publisher() -> Publisher:
        path = Path(arguments["ledger"])
        ledger = ImportRecord.open(path) if path.name == IMPORT_FILE else Ledger.open(path)
        return Publisher(
            ledger, Outbox(Path(arguments["outbox"])), arguments["uri"], arguments["artifacts"]
        )

    return publish_until_closed(publisher, closed)

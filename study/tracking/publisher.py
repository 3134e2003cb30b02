"""The only door out: a process of its own that carries the spool's messages to MLflow.

Neither training nor Tune's control loop waits for MLflow. The process ends when its standard input
is closed and the spool is empty, so it also finishes its work after the driver has died. Every
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
    # It tries again by itself, for as long as it takes: a server that hangs is to be noticed soon.
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

DESCRIPTION, EXPERIMENT_KIND = "mlflow.note.content", "mlflow.experimentKind"
POLL_SECONDS, MAX_BACKOFF_SECONDS, GIVE_UP_SECONDS = 0.2, 10.0, 60.0
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
        """artifacts: where a new experiment keeps its files; None leaves that to the tracking
        server.
        """
        self._ledger, self._spool = ledger, outbox
        self._client = mlflow.MlflowClient(tracking_uri)
        self._name, self._measure = ledger.spec.name, ledger.spec.measure
        self._experiment = self._experiment_id(artifacts)
        self._runs = ledger.run_ids()
        self._published: dict[int, int] = {}
        self._found: dict[int, str] | None = None
        self._parent = ledger.parent_run_id or self._start_parent()

    def _experiment_id(self, artifacts: str | None) -> str:
        experiment = self._client.get_experiment_by_name(self._name)
        if experiment is not None:
            return str(experiment.experiment_id)
        # Says that these are trainings of models, where MLflow would guess.
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
        """Publishes all messages that are there; the number published. Raises what MLflow said if
        it took none.
        """
        published, failure = 0, None
        for number, group in itertools.groupby(
            self._spool.pending(), key=lambda message: message.number
        ):
            of_trial = list(group)
            try:
                if number == STUDY:
                    self._publish_study(of_trial)
                else:
                    self._publish_trial(number, of_trial)
            except Exception as error:
                # What MLflow refuses of one trial must not keep the others back.
                failure = error
                continue
            for message in of_trial:
                message.remove()
            published += len(of_trial)
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
                self._client.update_run(self._parent, status="RUNNING")
            else:
                for path in content["artifacts"]:
                    self._log_path(Path(path))
                self._client.set_tag(self._parent, DESCRIPTION, content["description"])
                self._client.set_terminated(self._parent, content["status"])

    def _log_path(self, path: Path) -> None:
        if path.is_dir():
            self._client.log_artifacts(self._parent, str(path), path.name)
        else:
            self._client.log_artifact(self._parent, str(path))

    def _publish_trial(self, number: int, messages: list[Message]) -> None:
        contents = {message.order: message.read() for message in messages}
        name = (
            fields.run_name(number, contents[START]) if START in contents else f"trial-{number:04d}"
        )
        run_id, is_new = self._run(number, name)
        tags, params = dict[str, str](), []
        if START in contents:
            params = [
                Param(key, str(value)[:6000])
                for key, value in fields.flat_params(contents[START]).items()
            ]
            tags |= {Tag.CONFIG: contents[START]["digest"], **fields.place_tags(contents[START])}
            if not is_new:  # to MLflow a name costs more than the other tags together
                tags[MLFLOW_RUN_NAME] = name
        published = self._published_evaluations(number, run_id)
        new = {
            order: c for order, c in contents.items() if START < order < END and order > published
        }
        metrics = [
            metric
            for _, content in sorted(new.items())
            for rows in fields.new_rows(content, published)
            for metric in _metrics(fields.metrics(rows), fields.step_of(rows))
        ]
        if new:
            latest = max(new)
            tags[Tag.PUBLISHED] = str(latest)
            if new[latest]["notes"]:
                tags[Tag.NOTES] = "; ".join(new[latest]["notes"])
            self._log_history(run_id, new[latest])
            self._published[number] = latest
        # Files before the batch that counts them: killed in between, they come twice, where else
        # they would never come.
        for content in new.values():
            self._log_grid(run_id, content)
        end = contents.get(END)
        if end is not None:
            tags |= fields.end_tags(end)
            # With one time for ever: sent twice, it is there once.
            metrics += [
                Metric(key, score, 0, 0)
                for key, score in fields.final_metrics(end, self._measure).items()
            ]
        run_tags = [RunTag(key, value) for key, value in tags.items()]
        for first in range(0, max(1, len(metrics)), BATCH_LIMIT):
            last = first + BATCH_LIMIT >= len(metrics)
            batch = metrics[first : first + BATCH_LIMIT]
            self._client.log_batch(
                run_id, batch, params if first == 0 else [], run_tags if last else []
            )
        if end is not None:
            self._client.set_terminated(run_id, STATUS[TrialState(end["state"])])

    def _run(self, number: int, name: str) -> tuple[str, bool]:
        """(the run of a trial: remembered, found by its tag after a crash in between, or new;
        whether it is new).
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
            frame.to_parquet(path, index=False)
            self._client.log_artifact(run_id, str(path))

    def _log_grid(self, run_id: str, content: dict[str, Any]) -> None:
        # The UI's slider starts at step 0, so that is where the untrained generator's samples go.
        for grid, step in (
            (content["start_grid"], 0),
            (content["grid"], fields.step_of(content["rows"])),
        ):
            if grid is not None:
                with Image.open(io.BytesIO(base64.b64decode(grid))) as picture:
                    self._client.log_image(run_id, picture, key=SAMPLES_KEY, step=step)


def _metrics(numbers: dict[str, float], step: int) -> list[Metric]:
    return [Metric(key, value, int(time.time() * 1000), step) for key, value in numbers.items()]


def publish_until_closed(publisher_for: Any, closed: threading.Event) -> int:
    """Publishes until `closed` is set and nothing is pending; an exit code, 1 if messages are left.

    A failure of MLflow is tried again, ever more slowly, without end while the driver lives and for
    GIVE_UP_SECONDS of failures once it has gone.
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
            logging.exception("MLflow did not take the records; they wait in the spool")
            if not closing or failing_since is None:
                failing_since = time.monotonic()
            if closing and time.monotonic() - failing_since > GIVE_UP_SECONDS:
                return 1
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
            published = 0
        if not published:
            time.sleep(backoff)


def main() -> int:
    """Entry of the publisher's process: ledger, spool, tracking URI and artifact root as JSON."""
    private_files()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s publisher %(levelname)s %(message)s"
    )
    arguments = json.loads(sys.argv[1])
    # One publisher per study: that of a driver that was killed may still be at work.
    lock = FileLock(Path(arguments["ledger"]).with_name("publisher.lock"))
    lock.acquire()
    closed = threading.Event()

    def wait_for_end_of_input() -> None:
        sys.stdin.read()
        closed.set()

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()

    def publisher() -> Publisher:
        path = Path(arguments["ledger"])
        ledger = ImportRecord.open(path) if path.name == IMPORT_FILE else Ledger.open(path)
        return Publisher(
            ledger, Outbox(Path(arguments["spool"])), arguments["uri"], arguments["artifacts"]
        )

    return publish_until_closed(publisher, closed)

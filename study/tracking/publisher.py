"""The publisher: what sends the outbox's messages to MLflow.

Every message may be read twice and is published once: runs are found again by their tags, and the
evaluations already logged are counted in a tag that travels in the same batch as their metrics.
study/tracking/publisher_main.py is the process that it runs in.
"""

from __future__ import annotations

import io
import itertools
import time
from base64 import b64decode
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ganstudy.study.ledger.import_record import ImportRecord
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.tracking import mlflow_pages as pages
from ganstudy.study.tracking import run_fields as fields
from ganstudy.study.tracking.messages import (
    StudyEnd,
    StudyStart,
    TrialEnd,
    TrialEvaluation,
    TrialStart,
)
from ganstudy.study.tracking.mlflow_store import MlflowStore, as_metrics, lasting_metrics
from ganstudy.study.tracking.outbox import END, START, STUDY, Message, Outbox
from ganstudy.study.tracking.trial_facts_files import TrialFactsFiles
from ganstudy.trials.results.documents import JsonObject, Settings
from ganstudy.trials.results.facts import STUDY_FACTS_FOLDER, StudyFacts
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import (
    FLOOR_PREFIX,
    HISTORY_FILE,
    HISTORY_SCHEMA,
    NEAREST_KEY,
    REAL_SAMPLES_FILE,
    SAMPLES_KEY,
    TrialState,
)

DESCRIPTION = "mlflow.note.content"
MESSAGES_AT_ONCE = 500
"""How many messages at most are removed together, once the facts of their trials are written."""
FLUSH_SECONDS = 5.0
"""How long facts of trials may wait, and their messages with them, for those of others."""


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
        self._name = ledger.spec.name
        self._measure = ledger.spec.measure
        self._store = MlflowStore(self._name, tracking_uri)
        self._store.open(artifacts)
        self._runs = ledger.run_ids()
        self._published: dict[int, int] = {}
        self._found: dict[int, str] | None = None
        self._parent = self._parent_run()
        self._facts = TrialFactsFiles(self._store, self._parent)

    def _parent_run(self) -> str:
        known = self._ledger.parent_run_id
        if known is not None:
            self._store.check(known)
            return known
        # By the ledger's own id: a study that was deleted here and begun anew leaves its old runs
        # to themselves.
        run_id = self._store.study_run(self._ledger.id)
        if run_id is None:
            tags = {Tag.KIND: "study", Tag.STUDY: self._name, Tag.LEDGER: self._ledger.id}
            run_id = self._store.new_run(self._name, tags)
        self._ledger.parent_run_id = run_id
        return run_id

    def check(self) -> None:
        """Raise RemovedFromMlflowError if MLflow has deleted the study."""
        self._store.check(self._parent)

    def publish_pending(self) -> int:
        """Publish all pending messages and return their number.

        Re-raises the last MLflow error if nothing was published.
        """
        published = 0
        failure = None
        waiting: list[tuple[Message, tuple[int, int]]] = []
        since = time.monotonic()
        for number, group in itertools.groupby(
            self._outbox.pending(), key=lambda message: message.number
        ):
            messages = list(group)
            try:
                # Before they are read: what is written anew meanwhile must be published too.
                written = [(message, message.written()) for message in messages]
                if number == STUDY:
                    # Its end says that all is there.
                    published += self._flush(waiting)
                    self._publish_study(messages)
                else:
                    self._publish_trial(number, messages)
                waiting += written
                # A file holds many trials: written after each, an import would take many times as
                # long.
                if len(waiting) > MESSAGES_AT_ONCE or time.monotonic() - since > FLUSH_SECONDS:
                    published += self._flush(waiting)
                    since = time.monotonic()
            except Exception as error:
                # What MLflow refuses of one trial must not keep the others back.
                failure = error
        try:
            published += self._flush(waiting)
        except Exception as error:
            failure = error
        if failure is not None and not published:
            raise failure
        return published

    def _flush(self, published: list[tuple[Message, tuple[int, int]]]) -> int:
        """Write the facts of trials, then remove the messages that they come from; return how many."""
        self._facts.flush()
        for message, written in published:
            message.remove(written)
        removed = len(published)
        published.clear()
        return removed

    def _publish_study(self, messages: list[Message]) -> None:
        for message in messages:
            if message.order == START:
                start = StudyStart.from_json(message.read())
                if start.facts is not None:
                    self._publish_facts(start.facts)
                if start.study_file is not None:
                    self._begin_study(start, start.study_file)
            else:
                end = StudyEnd.from_json(message.read())
                for path in map(Path, end.artifacts):
                    self._store.log_path(self._parent, path)
                self._store.log(self._parent, [], {}, {DESCRIPTION: end.description})
                # Of the whole experiment: the answer, its pages, the best samples.
                best = self._store.best_run(self._parent, self._measure)
                overview = pages.overview(self._store.experiment, end.description, best)
                self._store.tag_experiment({DESCRIPTION: overview})
                self._store.end(self._parent, end.status)

    def _publish_facts(self, facts: StudyFacts) -> None:
        """Write what the analysis reads of the study, then the tag that says so."""
        text = facts.as_text()
        # By its content: no reader ever finds half of a file under the name that the tag has.
        file = f"{STUDY_FACTS_FOLDER}/{blake2b(text.encode(), digest_size=8).hexdigest()}.json"
        self._store.log_text(self._parent, text, file)
        tags = fields.study_tags(facts)
        self._store.log(self._parent, [], {}, tags | {Tag.FACTS: file})

    def _begin_study(self, start: StudyStart, study_file: str) -> None:
        self._store.log_text(self._parent, study_file, start.file_name)
        if start.real_samples is not None:
            self._store.log_bytes(self._parent, b64decode(start.real_samples), REAL_SAMPLES_FILE)
        for path in map(Path, start.artifacts):
            # A study's folder may have been moved since, with its outbox.
            if path.exists():
                self._store.log_path(self._parent, path)
        # As of trials: MLflow has no value for what could not be measured.
        floor = {FLOOR_PREFIX + key: v for key, v in start.floor.items() if v is not None}
        self._store.log(self._parent, as_metrics(floor, 0), dict(start.params), {})
        spec = {} if start.facts is None else start.facts.spec
        searched = (spec.get("search") or {}).get("space") or {}
        confirm = bool(spec.get("confirm"))
        self._store.tag_experiment(pages.view_tags(self._measure, searched, confirm))
        # A study that is resumed: its run ended with the last driver.
        self._store.begin(self._parent)

    def _publish_trial(self, number: int, messages: list[Message]) -> None:
        contents = {message.order: message.read() for message in messages}
        start = TrialStart.from_json(contents.pop(START)) if START in contents else None
        end = TrialEnd.from_json(contents.pop(END)) if END in contents else None
        name = f"trial-{number:04d}" if start is None else fields.run_name(number, start)
        run_id, is_new = self._run(number, name)
        tags = dict[str, str]()
        params: Settings = {}
        if start is not None:
            params = fields.flat_params(start)
            tags |= {Tag.CONFIG: start.digest, **fields.stage_tags(start)}
        metrics, evaluation_tags = self._evaluations(number, run_id, contents)
        tags |= evaluation_tags
        if end is not None:
            tags |= fields.end_tags(end)
            metrics += lasting_metrics(fields.final_metrics(end, self._measure))
        # To MLflow a name costs more than the other tags together.
        new_name = name if start is not None and not is_new else None
        self._store.log(run_id, metrics, params, tags, new_name)
        if start is not None or end is not None:
            # Written by _flush, and only then are the messages removed.
            self._facts.change(number, run_id, start, end, is_new)
        # Only now: what MLflow refused must count as new at the next try.
        if evaluation_tags:
            self._published[number] = int(evaluation_tags[Tag.PUBLISHED.value])
        if end is not None:
            self._store.end(run_id, fields.STATUS[end.state])

    def _evaluations(
        self, number: int, run_id: str, contents: dict[int, JsonObject]
    ) -> tuple[list[Any], dict[str, str]]:
        """Log the files of a trial's new evaluations; return their metrics and tags.

        contents: of the messages of evaluations, by index.
        """
        published = self._published_evaluations(number, run_id)
        new = {
            index: TrialEvaluation.from_json(content)
            for index, content in contents.items()
            if index > published
        }
        if not new:
            return [], {}
        latest = max(new)
        tags = {Tag.PUBLISHED.value: str(latest)}
        if new[latest].notes:
            tags[Tag.NOTES] = "; ".join(new[latest].notes)
        best = fields.best_metrics(new[latest].history, self._measure)
        metrics = [
            metric
            for _, evaluation in sorted(new.items())
            for rows in fields.new_rows(evaluation, published)
            for metric in as_metrics(
                fields.metrics(rows) | best.get(rows[0].evaluation, {}),
                fields.step_of(rows),
            )
        ]
        # Files before the batch that counts them: killed in between, they come twice; in the other
        # order they would never come.
        self._log_history(run_id, new[latest])
        for evaluation in new.values():
            self._log_grid(run_id, evaluation)
        return metrics, tags

    def _run(self, number: int, name: str) -> tuple[str, bool]:
        """Return (run id, whether the run is new) of a trial.

        The run is remembered, found by its tag after a crash in between, or created.
        """
        is_new = False
        if number not in self._runs:
            if self._found is None:
                self._found = self._store.trial_runs(self._parent)
            run_id = self._found.get(number)
            if run_id is None:
                tags = {
                    Tag.KIND: "trial",
                    Tag.STUDY: self._name,
                    Tag.TRIAL: str(number),
                    Tag.SCHEMA: str(HISTORY_SCHEMA),
                    Tag.STATE: TrialState.RUNNING.value,
                }
                run_id = self._store.new_run(name, tags, self._parent)
                self._published[number], is_new = 0, True
            self._runs[number] = run_id
            self._ledger.set_run_id(number, run_id)
        return self._runs[number], is_new

    def _published_evaluations(self, number: int, run_id: str) -> int:
        if number not in self._published:
            tags, _ = self._store.tags_and_params(run_id)
            self._published[number] = int(tags.get(Tag.PUBLISHED, 0))
        return self._published[number]

    def _log_history(self, run_id: str, evaluation: TrialEvaluation) -> None:
        rows = [row.to_json() for row in evaluation.history]
        frame = pd.DataFrame(rows).assign(**evaluation.provenance)
        self._store.log_bytes(run_id, frame.to_parquet(index=False), HISTORY_FILE)

    def _log_grid(self, run_id: str, evaluation: TrialEvaluation) -> None:
        # The UI's slider starts at step 0, so that is where the untrained generator's samples go.
        now = fields.step_of(evaluation.rows)
        for grid, key, step in (
            (evaluation.start_grid, SAMPLES_KEY, 0),
            (evaluation.grid, SAMPLES_KEY, now),
            (evaluation.nearest, NEAREST_KEY, now),
        ):
            if grid is not None:
                with Image.open(io.BytesIO(grid)) as picture:
                    self._store.log_image(run_id, picture, key, step)

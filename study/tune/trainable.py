"""The Ray adapter of a trial: one call of `step` is one evaluation.

An actor is used for one trial after another, so that torch is imported once per slot. Before an
evaluation is reported, its record is in the outbox and its checkpoint in the study's folder; a
trial that starts again goes on from there. Between two steps of training the trial is saved once a
minute, and checks whether the study is to stop.
"""

from __future__ import annotations

import socket
import time
import traceback
from pathlib import Path
from typing import Any

import ray
from ray import tune

from ganstudy.study.cluster.code_version import OtherCodeError, check_same, code_provenance
from ganstudy.study.home import private_files
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tune.retry_log import RetryLog
from ganstudy.study.tune.scheduler import PROGRESS, SCORE, WORST, score
from ganstudy.study.tune.stopping import StopRequest, no_room
from ganstudy.study.tune.training import Training
from ganstudy.study.tune.trial_log import TrialLog
from ganstudy.study.tune.trial_task import REPORT, TASK, StepReport, TrialTask
from ganstudy.study.tune.worker_context import WorkerContext
from ganstudy.trials.config.plugins import SHIPPED, ChangedError
from ganstudy.trials.results.catalogue import MEASURES

SAVE_SECONDS = 60.0
"""Between two checkpoints while a trial trains: what a crash costs at most, against the time that
writing takes.
"""
MAX_SHARDS = 8
"""Most smaller ensembles into which the seeds of a trial whose process died are divided."""


OTHER_CODE = OtherCodeError | ChangedError
"""A trial would train with other code than its study, ganstudy's or the user's."""


class Paused(Exception):  # noqa: N818 (no error: the trial goes on later)
    """Raised when the study is to stop and the trial is saved."""


class TrialTrainable(tune.Trainable):  # type: ignore[misc]
    """One actor of Ray Tune, which trains one trial after another."""

    def setup(self, config: dict[str, Any], study: WorkerContext) -> None:
        """Prepare the actor for its first trial, the task in `config`."""
        private_files()
        self._study = study
        self._outbox = Outbox(study.folder.outbox)
        self._stop = StopRequest(study.folder.stop)
        self._log = TrialLog(study.folder.logs)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin the next trial on the same actor."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._begin_task(config[TASK])

    def _begin_task(self, task: TrialTask) -> None:
        self._task = task
        self._training: Training | None = None
        self._retries: RetryLog | None = None
        self._log.begin(task.number)

    def step(self) -> dict[str, Any]:
        """Train up to the next evaluation and report it, with what the scheduler compares."""
        report, progress, compared = self._step(), 0.0, WORST
        if report.outcome is not None:
            progress = report.outcome.progress
            is_up = MEASURES[self._study.measure].direction == "up"
            compared = score(report.outcome.objective, is_up)
        return {PROGRESS: progress, SCORE: compared, REPORT: report, "done": report.done}

    def _step(self) -> StepReport:
        """Train up to the next evaluation; an exception is reported as the trial's end.

        Only the death of the process is left to Tune, which starts the trial again.
        """
        try:
            outcome = self._advance_with_retries()
        except Exception as error:
            return failed(error)
        finally:
            if self._retries is not None:
                self._retries.unwatch()  # until the next step, which the driver may make wait
        return StepReport(outcome, done=outcome.finished or self._waits())

    def _advance_with_retries(self) -> Outcome:
        while True:
            try:
                outcome = self._advance()
            except Exception as error:
                self._training = None
                retries = self._retries
                # Out of memory comes from trials/training/sharded_trial.py, which has tried every
                # smaller ensemble already.
                if retries is None or isinstance(error, ExhaustedError | MemoryError):
                    raise
                # Other code is no fault of the trial's: it goes on with its own.
                harmless = isinstance(error, Paused | OTHER_CODE) or no_room(error) is not None
                retries.end(explain(error), harmless)
                if isinstance(error, Paused | OTHER_CODE):
                    self._log.log(f"stopped and saved ({error}): it goes on from here")
                else:
                    self._log.error(error)
                if harmless or len(retries.failures) > self._study.resources.retries:
                    raise
            else:
                if self._retries is not None and (outcome.finished or self._waits()):
                    self._retries.end("finished" if outcome.finished else "waits", True)
                return outcome

    def _start(self) -> Training:
        """Start the trial from its newest checkpoint, and note the attempt."""
        check_same(self._study.provenance, code_provenance())
        task = self._task
        self._folder = self._study.folder.checkpoints / task.folder_name
        retries = self._retries = RetryLog(self._folder)
        context = ray.get_runtime_context()
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        retries.begin(context.get_job_id(), context.get_node_id(), alive)
        if len(retries.failures) > self._study.resources.retries:
            raise ExhaustedError(
                f"{retries.failures[-1]}; attempt {len(retries.failures)} came no further than before"
            )
        self._saved = time.monotonic()
        retries.watch(self._study.resources.silent_seconds)
        # A process that died without a word may have been killed for its memory: smaller ensembles
        # need less.
        shards = min(MAX_SHARDS, 2**retries.deaths)
        training = self._study.factory(task.config, shards)
        training.restore(self._folder)
        self._log.log(
            f"trial {task.number} begins at step {retries.position} on {socket.gethostname()} "
            f"({context.get_node_id()})"
        )
        return training

    def _advance(self) -> Outcome:
        reason = self._stop.reason()
        if reason is not None:
            raise Paused(reason)  # saved with its last evaluation
        training = self._training = self._training or self._start()
        assert self._retries is not None
        self._retries.watch(self._study.resources.silent_seconds)
        # Finished already: interrupted between its last checkpoint and its last report.
        done = training.finished or self._waits()
        evaluation = training.latest() if done else training.advance(self._tick)
        # The record before the checkpoint: an evaluation made again is recognised, a missing one is
        # not.
        self._outbox.put_evaluation(self._task.number, evaluation, training.history)
        training.save(self._folder)
        self._saved = time.monotonic()
        measure, unit = self._study.measure, self._task.config.budget.unit
        outcome = Outcome.of(evaluation, training.finished, measure, unit)
        self._log.log(outcome.text(measure, unit))
        return outcome

    def _waits(self) -> bool:
        """Return whether the trial has come to where it is to wait for others."""
        training = self._training
        until = self._task.until
        if until is None or training is None or not training.history:
            return False
        return training.history[-1].evaluation >= until

    def _tick(self) -> None:
        """Save once a minute, and stop if the study is to stop."""
        assert self._training is not None and self._retries is not None
        self._retries.watch(self._study.resources.silent_seconds)
        reason = self._stop.reason()
        if reason is not None or time.monotonic() - self._saved > SAVE_SECONDS:
            self._training.save(self._folder)
            self._saved = time.monotonic()
        if reason is not None:
            raise Paused(reason)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: a trial saves itself by time and with every evaluation."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Do nothing: a trial finds its own checkpoint when it begins."""


class ExhaustedError(Exception):
    """The trial failed by itself more often than [resources] retries allows."""


def failed(error: Exception) -> StepReport:
    """Return the report that ends a trial: paused, if it can go on later, or failed."""
    full_disk = no_room(error)
    if full_disk is not None:
        return StepReport(paused=full_disk)
    if isinstance(error, Paused | OTHER_CODE):
        return StepReport(paused=str(error))
    return StepReport(error=explain(error), raised_at=raised_at(error))


def explain(error: Exception) -> str:
    """Format the exception in one line, with the place in the code where it was raised."""
    if isinstance(error, ExhaustedError):
        return str(error)
    text = f"{type(error).__name__}: {error}"
    location = raised_at(error)
    return text if location in text else f"{text} ({location})"


def raised_at(error: BaseException) -> str:
    """Return FILE:LINE where the exception was raised, in the user's own file if it passed there."""
    cause: BaseException | None = error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).is_relative_to(SHIPPED)]
        if own:
            return f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        # A training function that returned too early passed nowhere: its definition is named.
        location = getattr(cause, "location", None)
        if isinstance(location, str):
            return location
        cause = cause.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__

"""The Ray adapter of a trial: one call of `step` is one evaluation.

An actor is used for one trial after another, so that torch is imported once per slot. Before an
evaluation is reported, its record lies in the spool and its checkpoint in the study's folder; a
trial that starts again goes on from there. Between two steps of training it is saved once a minute,
and it looks whether the study is to stop.
"""

from __future__ import annotations

import socket
import time
import traceback
from pathlib import Path
from typing import Any

import ray
from ray import tune

from ganstudy.study.cluster import code_version
from ganstudy.study.cluster.code_version import origin_of_code
from ganstudy.study.home import private_files
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.tables import Resources
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tune.retry_log import RetryLog
from ganstudy.study.tune.scheduler import PROGRESS, SCORE, WORST, score
from ganstudy.study.tune.stopping import StopRequest, no_room
from ganstudy.study.tune.training import Training, TrainingFactory
from ganstudy.study.tune.trial_log import TrialLog
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.plugins import SHIPPED
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import median_over_seeds

SAVE_SECONDS = 60.0
"""Between two checkpoints while a trial trains."""
MAX_PARTS = 8
"""Packs that a trial whose process died is divided into, at most."""


class Paused(Exception):  # noqa: N818 (no error: the trial goes on later)
    """The study is to stop, and the trial is saved."""


class TrialTrainable(tune.Trainable):  # type: ignore[misc]
    """Runs a TrainingFactory's product under Ray Tune."""

    def setup(
        self,
        config: dict[str, Any],
        factory: TrainingFactory,
        measure: str,
        outbox: str,
        checkpoints: str,
        stop: str,
        logs: str,
        origin: dict[str, str],
        resources: Resources,
    ) -> None:
        """Called once per actor; `config` holds the first trial's number and configuration."""
        private_files()
        self._factory, self._measure, self._origin, self._resources = (
            factory,
            measure,
            origin,
            resources,
        )
        self._spool, self._checkpoints, self._stop = (
            Outbox(Path(outbox)),
            Path(checkpoints),
            StopRequest(Path(stop)),
        )
        self._log = TrialLog(Path(logs))
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial on the same actor."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._number: int = config["number"]
        self._text: str = config["trial"]
        self._training: Training | None = None
        self._attempts: RetryLog | None = None
        self._log.begin(self._number)

    def step(self) -> dict[str, Any]:
        """Trains up to the next evaluation and reports it; an exception ends the trial and is
        reported in words.

        Only the death of the process is left to Tune, which starts the trial again.
        """
        try:
            outcome = self._tried_again_on_failure()
        except Exception as error:
            reason = no_room(error) or (
                str(error) if isinstance(error, Paused | code_version.OtherCodeError) else None
            )
            if reason is not None:
                return {
                    PROGRESS: 0.0,
                    SCORE: WORST,
                    "paused": reason,
                    "full": no_room(error) is not None,
                    "done": True,
                }
            told = {"error": explain(error), "place": place(error)}
            return {PROGRESS: 0.0, SCORE: WORST, **told, "done": True}
        finally:
            if self._attempts is not None:
                self._attempts.unwatch()  # until the next step, which the driver may make wait
        return {
            PROGRESS: outcome.progress,
            SCORE: score(outcome.objective, MEASURES[self._measure].direction == "up"),
            "outcome": outcome,
            "done": outcome.finished,
        }

    def _tried_again_on_failure(self) -> Outcome:
        while True:
            try:
                outcome = self._advance()
            except Exception as error:
                self._training = None
                attempts = self._attempts
                # Out of memory comes from trials/training/sharded_trial.py, which has tried every
                # smaller pack already.
                if attempts is None or isinstance(error, ExhaustedError | MemoryError):
                    raise
                harmless = isinstance(error, Paused) or no_room(error) is not None
                attempts.end(explain(error), harmless)
                self._log.error(error)
                if harmless or len(attempts.failures) > self._resources.retries:
                    raise
            else:
                if outcome.finished and self._attempts is not None:
                    self._attempts.end("finished", True)
                return outcome

    def _start(self) -> Training:
        """The trial from its newest checkpoint; notes the attempt."""
        code_version.check_same(self._origin, origin_of_code())
        self._trial_config = TrialConfig.model_validate_json(self._text)
        self._folder = self._checkpoints / f"{self._number:06d}-{self._trial_config.digest}"
        attempts = self._attempts = RetryLog(self._folder)
        context = ray.get_runtime_context()
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        attempts.begin(context.get_job_id(), context.get_node_id(), alive)
        if len(attempts.failures) > self._resources.retries:
            raise ExhaustedError(
                f"{attempts.failures[-1]}; attempt {len(attempts.failures)} came no further than before"
            )
        self._saved = time.monotonic()
        attempts.watch(self._resources.silent_seconds)
        # A process that died without a word may have been killed for its memory: smaller packs need
        # less.
        training = self._factory(self._trial_config, min(MAX_PARTS, 2**attempts.deaths))
        training.restore(self._folder)
        node, position = socket.gethostname(), attempts.position
        self._log.say(
            f"trial {self._number} begins at step {position} on {node} ({context.get_node_id()})"
        )
        return training

    def _advance(self) -> Outcome:
        reason = self._stop.reason()
        if reason is not None:
            raise Paused(reason)  # saved with its last evaluation
        training = self._training = self._training or self._start()
        assert self._attempts is not None
        self._attempts.watch(self._resources.silent_seconds)
        # Finished already: interrupted between its last checkpoint and its last report.
        evaluation = training.latest() if training.finished else training.advance(self._tick)
        # The record before the checkpoint: an evaluation made again is recognised, a lost one is
        # not.
        self._spool.put_evaluation(self._number, evaluation, training.history)
        training.save(self._folder)
        self._saved = time.monotonic()
        objective = median_over_seeds(
            evaluation.values(self._measure), MEASURES[self._measure].direction
        )
        progress = evaluation.counters.on(self._trial_config.budget.unit)
        verdicts = ", ".join(
            f"{seeds} {verdict}" for verdict, seeds in evaluation.verdicts().items()
        )
        self._log.say(
            f"{progress:g} {self._trial_config.budget.unit}: {self._measure} {objective}; seeds: {verdicts}"
        )
        return Outcome(
            finished=training.finished,
            objective=objective,
            progress=progress,
            verdicts=evaluation.verdicts(),
            counters=evaluation.counters.as_columns(),
        )

    def _tick(self) -> None:
        assert self._training is not None and self._attempts is not None
        self._attempts.watch(self._resources.silent_seconds)
        reason = self._stop.reason()
        if reason is not None or time.monotonic() - self._saved > SAVE_SECONDS:
            self._training.save(self._folder)
            self._saved = time.monotonic()
        if reason is not None:
            raise Paused(reason)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: checkpoints are written by time and with every evaluation, whatever Tune asks
        for.
        """

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: a trial finds its own checkpoint when it begins."""


class ExhaustedError(Exception):
    """The trial failed by itself more often than [resources] retries allows."""


def explain(error: Exception) -> str:
    """The exception in one line, with the place in the code where it was raised."""
    if isinstance(error, ExhaustedError):
        return str(error)
    text, at = f"{type(error).__name__}: {error}", place(error)
    return text if at in text else f"{text} ({at})"


def place(error: BaseException) -> str:
    """FILE:LINE where the exception was raised; in the user's own file where that is on the way."""
    frames = traceback.extract_tb(error.__traceback__)
    cause: BaseException | None = error
    while cause is not None:
        own = [
            f
            for f in traceback.extract_tb(cause.__traceback__)
            if Path(f.filename).is_relative_to(SHIPPED)
        ]
        if own:
            return f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        cause = cause.__cause__
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__

"""The ledger proposes, Ray Tune asks: a Tune searcher over one stage of a study.

Tune's own OptunaSearch records a trial that ASHA stopped as complete, leaves a trial with a NaN
running for ever and cannot be restored after a crash of the driver; here the ledger knows better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from ganstudy.study.home import StudyFolder
from ganstudy.study.ledger.outcome import Outcome, state_at_end
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.study.tune.trial_task import TASK, TrialTask, report_of
from ganstudy.trials.results.records import TrialState

Observer = Callable[[int, TrialState, Outcome | None, str | None], None]
"""Called at every change of a trial with its number, state, latest outcome and error."""
Replay = Callable[[str, dict[int, float]], None]
"""Called with Tune's id of a trial and what it reached in an earlier run: objective by progress."""
ALIKE = 3
"""Trials that may fail the same way, with none that did not, before the study stops."""


class StatelessSearcher(Searcher):  # type: ignore[misc]
    """A searcher that Tune may pickle, save and restore at will: the ledger holds the state."""

    def __getstate__(self) -> dict[str, object]:
        """Return an empty state."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Do nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Do nothing."""


class LedgerSearcher(StatelessSearcher):
    """Proposes interrupted trials first, then what the stage still lacks."""

    def __init__(
        self,
        stage: StageTrials,
        folder: StudyFolder,
        stop: StopRequest,
        *,
        concurrent: Callable[[], int],
        observe: Observer,
        replay: Replay,
    ) -> None:
        """Make a searcher of `stage`.

        stop: requested by the user, by a full disk, or here when trial after trial fails the same
        way; then nothing new is proposed. concurrent: how many trials may be open at once.
        """
        super().__init__()
        self._stage = stage
        self._outbox = Outbox(folder.outbox)
        self._stop = stop
        self._concurrent = concurrent
        self._observe = observe
        self._replay = replay
        self._failures: list[str] | None = []
        """Where trials failed, while none has ended otherwise."""
        self._interrupted = stage.interrupted()
        self._numbers: dict[str, int] = {}
        self._latest: dict[int, Outcome] = {}
        for number, _, _ in stage.ended():
            replay(f"earlier-{number}", stage.intermediate_values(number))

    @property
    def total(self) -> int:
        """Trials that this run will train."""
        return len(self._interrupted) + self._stage.remaining()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the configuration of the next trial; None while as many are open as can run."""
        finished: str = Searcher.FINISHED
        if self._stop.reason() is not None:
            return finished
        # A proposal that nobody can train yet would be drawn without what the sampler learns from
        # the trials that are running.
        if len(self._numbers) >= self._concurrent():
            return None
        if self._interrupted:
            number, params = self._interrupted.pop(0)
            self._replay(trial_id, self._stage.intermediate_values(number))
        elif self._stage.remaining():
            number, params = self._stage.propose()
        else:
            return finished
        config = self._stage.config(params)
        self._numbers[trial_id] = number
        self._outbox.put_start(number, params, config, self._stage.place(number))
        self._observe(number, TrialState.RUNNING, None, None)
        return {TASK: TrialTask(number, config, self._stage.until)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record an evaluation."""
        number = self._numbers[trial_id]
        outcome = report_of(result).outcome
        if outcome is None:
            return
        self._latest[number] = outcome
        self._stage.record_evaluation(number, outcome.objective, outcome.progress)
        self._observe(number, TrialState.RUNNING, outcome, None)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record the end of a trial: finished, stopped by the scheduler, or failed."""
        number = self._numbers.pop(trial_id)
        report = report_of(result)
        if report.paused is not None:
            # Saved, and still running as far as the ledger is concerned: the next driver goes on
            # with it.
            self._stop.ask(report.paused)
            return
        # Tune brings a trial's last evaluation here alone, without an on_trial_result before it.
        outcome = report.outcome or self._latest.get(number)
        if outcome is not None and outcome is not self._latest.pop(number, None):
            self._stage.record_evaluation(number, outcome.objective, outcome.progress)
        message = "the trial's process died again and again" if error else report.error
        if outcome is not None and self._stage.waits(outcome, message):
            self._stage.record_wait(number, outcome)
            self._failures = None
            self._observe(number, TrialState.RUNNING, outcome, None)
            return
        state = state_at_end(outcome, message)
        feasible = outcome is not None and outcome.feasible(self._stage.spec.objective.require)
        # MLflow's copy first: killed in between, the trial ends once more, and is published once
        # more.
        self._outbox.put_end(number, state, outcome, feasible, message)
        self._stage.record_end(number, outcome, message)
        self._observe(number, state, outcome, message)
        self._stop_if_all_fail_alike(state, message, report.raised_at)

    def _stop_if_all_fail_alike(
        self, state: TrialState, message: str | None, raised_at: str | None
    ) -> None:
        if state is not TrialState.FAILED:
            self._failures = None
        if self._failures is None:
            return
        self._failures.append(raised_at or message or "")
        if len(self._failures) >= ALIKE and len(set(self._failures)) == 1:
            self._stop.ask(
                f"the first {len(self._failures)} trials all failed the same way: {message}"
            )

"""Adapt several trials that are trained together to Ray, with one evaluation of some per `step`.

Each trial keeps its own record, checkpoint and attempts, as in study/tune/trainable.py. Where a
pack fails by anything but a lack of memory, which the training itself answers with smaller packs,
its trials go on one after another, each by itself: then it shows which of them was at fault, and
the others lose nothing.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from ganstudy.study.cluster.code_version import check_same, code_provenance
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.tune.retry_log import PACK_FAILED, RetryLog
from ganstudy.study.tune.scheduler import PROGRESS, SCORE, WORST
from ganstudy.study.tune.stopping import no_room
from ganstudy.study.tune.trainable import (
    OTHER_CODE,
    SAVE_SECONDS,
    Paused,
    TrialTrainable,
    failed,
)
from ganstudy.study.tune.training import FusedTraining
from ganstudy.study.tune.trial_task import MEMBERS, StepReport, TrialTask


@dataclass
class Member:
    """One trial of the pack."""

    task: TrialTask
    folder: Path
    retries: RetryLog
    over: bool = False


class PackTrainable(TrialTrainable):
    """One actor of Ray Tune, which trains one pack of trials after another."""

    def _begin(self, config: dict[str, Any]) -> None:
        self._members = list[Member]()
        for task in config[MEMBERS]:
            folder = self._study.folder.checkpoints / task.folder_name
            self._members.append(Member(task, folder, RetryLog(folder)))
        self._fused: FusedTraining | None = None
        self._one_by_one = len(self._members) == 1
        self._present: Member | None = None
        """Of the trials that go on by themselves, the one in training."""

    def _open(self) -> list[int]:
        return [place for place, member in enumerate(self._members) if not member.over]

    def step(self) -> dict[str, Any]:
        """Train some of the trials up to their next evaluation and report those, by number."""
        made = self._step_of_one() if self._one_by_one else self._step_together()
        return {PROGRESS: 0.0, SCORE: WORST, MEMBERS: list(made.items()), "done": not self._open()}

    # --- trials by themselves

    def _step_of_one(self) -> dict[int, StepReport]:
        if self._present is None:
            self._present = self._members[self._open()[0]]
            self._begin_task(self._present.task)
        member = self._present
        report = self._step()
        if report.done:
            member.over, self._present = True, None
        return {member.task.number: report}

    # --- trials together

    def _step_together(self) -> dict[int, StepReport]:
        try:
            return self._advance_together()
        except Exception as error:
            self._fused = None
            paused = isinstance(error, Paused | OTHER_CODE) or no_room(error) is not None
            left = [self._members[place] for place in self._open()]
            for member in left:
                self._log.begin(member.task.number)
                if isinstance(error, Paused | OTHER_CODE):
                    self._log.log(f"stopped and saved ({error}): it goes on from here")
                else:
                    self._log.error(error)
                member.retries.end(str(error) if paused else PACK_FAILED, True)
                member.over = paused
            if paused:
                return {member.task.number: failed(error) for member in left}
            self._one_by_one = True
            return {}
        finally:
            self._members[0].retries.unwatch()

    def _advance_together(self) -> dict[int, StepReport]:
        reason = self._stop.reason()
        if reason is not None:
            raise Paused(reason)  # saved with its last evaluation
        fused = self._fused = self._fused or self._start_together()
        self._watch()
        # Over already: interrupted between its last checkpoint and its last report.
        evaluations = {p: fused.latest(p) for p in self._open() if self._is_over(fused, p)}
        if not evaluations:
            evaluations = fused.advance(self._tick_together)
        made = {}
        for place, evaluation in evaluations.items():
            member = self._members[place]
            unit = member.task.config.budget.unit
            # The record before the checkpoint, as of a trial by itself.
            self._outbox.put_evaluation(member.task.number, evaluation, fused.history(place))
            fused.save(place, member.folder)
            outcome = Outcome.of(evaluation, fused.finished(place), self._study.measure, unit)
            self._log.begin(member.task.number)
            self._log.log(outcome.text(self._study.measure, unit))
            member.over = self._is_over(fused, place)
            made[member.task.number] = StepReport(outcome, done=member.over)
            if member.over:
                fused.stop(place)
                member.retries.end("finished" if outcome.finished else "waits", True)
        self._saved = time.monotonic()
        return made

    def _is_over(self, fused: FusedTraining, place: int) -> bool:
        """Return whether a trial is trained no further here.

        It has finished, or is to wait for others where all of them are compared.
        """
        until = self._members[place].task.until
        history = fused.history(place)
        waits = until is not None and bool(history) and history[-1].evaluation >= until
        return fused.finished(place) or waits

    def _start_together(self) -> FusedTraining:
        """Start the trials from their newest checkpoints, and note the attempts."""
        check_same(self._study.provenance, code_provenance())
        context = ray.get_runtime_context()
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        for member in self._members:
            member.retries.begin(context.get_job_id(), context.get_node_id(), alive, in_pack=True)
        if any(member.retries.pack_failed or member.retries.failures for member in self._members):
            raise PackFailedError(PACK_FAILED)
        self._saved = time.monotonic()
        self._watch()
        fused = self._study.factory.fused([member.task.config for member in self._members])
        numbers = ", ".join(str(member.task.number) for member in self._members)
        for place, member in enumerate(self._members):
            fused.restore(place, member.folder)
            self._log.begin(member.task.number)
            self._log.log(
                f"trial {member.task.number} begins at step {member.retries.position} on "
                f"{socket.gethostname()} ({context.get_node_id()}), in a pack of trials {numbers}"
            )
        return fused

    def _watch(self) -> None:
        # One watch for the process, by the first trial's log of attempts.
        self._members[0].retries.watch(self._study.resources.silent_seconds)

    def _tick_together(self) -> None:
        """Save once a minute, and stop if the study is to stop."""
        assert self._fused is not None
        self._watch()
        reason = self._stop.reason()
        if reason is not None or time.monotonic() - self._saved > SAVE_SECONDS:
            for place in self._open():
                self._fused.save(place, self._members[place].folder)
            self._saved = time.monotonic()
        if reason is not None:
            raise Paused(reason)


class PackFailedError(Exception):
    """An earlier process of this pack died: its trials go on by themselves."""

"""A few steps of a training function before a study starts: does it keep to what `Run` asks of it?

It is called with every kind of configuration, goes through a few steps, evaluates, and once goes on
from a checkpoint: what would otherwise end a trial, or silently train to other numbers after an
interruption, is found before anything is trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.plugins import described, where
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.results.records import Counters
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.functions.calling import OwnFunction, TrainingFunctionError
from ganstudy.trials.training.functions.global_state import GlobalStreams
from ganstudy.trials.training.functions.run import Begin, Boundary, Run, ToScore
from ganstudy.trials.training.functions.seed_state import (
    SeedRecord,
    SeedState,
    from_checkpoint,
    global_streams_of,
    to_checkpoint,
)
from ganstudy.trials.training.functions.seed_thread import Ended, SeedThread
from ganstudy.trials.training.functions.seed_training import setting_of

PASSES = 2
"""Of the loop between two evaluations."""
EVALUATIONS = 3
"""Planned, of which two are made at most: the end of the loop is not rehearsed."""
MOST_TIMED = 1_000_000
"""Evaluations while steps are timed: as many as the time allows."""
# Sums in another order, where several threads add: far below what one step changes.
TOLERANCE = 1e-5


def rehearse(
    config: TrialConfig, dataset: Dataset, device: torch.device, with_resume: bool
) -> list[str]:
    """Call the function of a configuration for a few steps; return what a reader should know.

    with_resume: whether it also goes on from a checkpoint, to compare. Raise ValueError, with the
    function's file and line, where it does not keep to the rules or fails.
    """
    rehearsal = _Rehearsal(config, dataset, device)
    with TemporaryDirectory(prefix="ganstudy-") as folder:
        rehearsal.folder = Path(folder)
        with rehearsal.call(None) as first:
            early = first.to_evaluation()
            rehearsal.check_counted(first)
            if not with_resume:
                return first.notes()
            straight = first.to_evaluation()
            notes = first.notes()
        with rehearsal.call(rehearsal.through_file(early)) as second:
            resumed = second.to_evaluation()
    return [*notes, *rehearsal.differences(straight, resumed)]


def spent_by(
    config: TrialConfig, dataset: Dataset, device: torch.device, seconds: float
) -> Counters:
    """Return what a function spends on one seed in about so many seconds, its first steps left out."""
    deadline = time.perf_counter() + seconds
    rehearsal = _Rehearsal(config, dataset, device)
    rehearsal.setting = replace(rehearsal.setting, evaluations=MOST_TIMED)
    with TemporaryDirectory(prefix="ganstudy-") as folder:
        rehearsal.folder = Path(folder)
        with rehearsal.call(None) as call:
            call.to_evaluation()
            before = replace(call.state.position.counters)
            while True:
                call.to_evaluation()
                if time.perf_counter() >= deadline:
                    break
            after = call.state.position.counters
    names = ("generator_steps", "discriminator_steps", "images", "seconds")
    return Counters(**{name: getattr(after, name) - getattr(before, name) for name in names})


class _Rehearsal:
    """What the calls of a rehearsal have in common."""

    def __init__(self, config: TrialConfig, dataset: Dataset, device: torch.device) -> None:
        self.config = config
        self.function = OwnFunction(config)
        self.dataset = dataset
        self.device = device
        num = config.measures.samples or dataset.num_generated
        setting = setting_of(config, dataset, device, num)
        self.setting = replace(setting, evaluations=EVALUATIONS, rehearsed=PASSES)
        self.folder = Path()

    def call(self, record: SeedRecord | None) -> _Call:
        return _Call(self, record)

    def through_file(self, record: SeedRecord) -> SeedRecord:
        """Return what is left of a record in a checkpoint's file."""
        seed = self.config.seeds[0]
        state, tensors = to_checkpoint(seed, record)
        write_checkpoint(self.folder / "checkpoint", 0, tensors, state)
        found = read_newest(self.folder / "checkpoint")
        assert found is not None
        return from_checkpoint(seed, found[1], found[0])

    def check_counted(self, call: _Call) -> None:
        """Raise ValueError where nothing was counted in the budget's unit."""
        unit = self.config.budget.unit
        if unit != "seconds" and not call.state.position.counters.on(unit):
            raise TrainingFunctionError(
                f"the budget counts {unit}, and {PASSES} steps have counted none: say "
                f"run.count({'discriminator_steps' if unit == 'updates' else unit}=...)",
                self.function.definition,
            )

    def differences(self, straight: SeedRecord, resumed: SeedRecord) -> list[str]:
        """Return a note where a training that is interrupted would go on to other numbers."""
        unlike = [
            name
            for name, value in straight.tensors.items()
            if name not in resumed.tensors or not _alike(value, resumed.tensors[name])
        ]
        if straight.rest["streams"] != resumed.rest["streams"]:
            unlike.append("streams")
        if not unlike:
            return []
        first = unlike[0].removeprefix("kept.")
        return [
            f"{self.function.definition}: after an interruption this function trains to other numbers "
            f"({first} differs, {len(unlike)} in all, two steps after a checkpoint): name all that it "
            "depends on in run.keep, and draw data by run.batches, which go on where they were"
        ]


class _Call:
    """One call of the function, up to some evaluation."""

    def __init__(self, rehearsal: _Rehearsal, record: SeedRecord | None) -> None:
        self._rehearsal = rehearsal
        self._record = record
        self._samples: Tensor | None = None
        self.state = SeedState.of(record)
        seed = rehearsal.config.seeds[0]
        self._thread = SeedThread(GlobalStreams.of_seed(seed, rehearsal.device))
        folder = rehearsal.folder / f"seed-{seed}"
        folder.mkdir(exist_ok=True)
        run = Run(rehearsal.setting, seed, folder, self.state, self._thread)
        self._thread.begin(lambda: rehearsal.function.call(run))

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    def to_evaluation(self) -> SeedRecord:
        """Train until the step of the next evaluation has ended; return the state then."""
        due = self.state.position.evaluations + 1
        while True:
            handed: Any = self._thread.go_on()
            if isinstance(handed, Begin) and self._record is not None:
                self._thread.streams = global_streams_of(self._record, self._rehearsal.device)
            elif isinstance(handed, ToScore):
                self._samples = handed.samples.scored
                self.state.losses.take()
                self.state.own.take()
                self.state.position.evaluations += 1
            elif isinstance(handed, Boundary) and self.state.position.evaluations == due:
                return self._located(
                    lambda: self.state.record([], {}, self._thread.streams),
                )
            elif isinstance(handed, Ended):
                self._refuse(handed.error)

    def _located(self, call: Callable[[], SeedRecord]) -> SeedRecord:
        try:
            return call()
        except ValueError as error:
            raise TrainingFunctionError(
                f"run.keep: {error}", self._rehearsal.function.definition
            ) from error

    def _refuse(self, error: BaseException | None) -> None:
        function = self._rehearsal.function
        if error is None:
            raise TrainingFunctionError(
                "returned before the end of run.steps()"
                if self.state.position.iterations
                else "returned without a step: go through run.steps()",
                function.definition,
            )
        found = function.located(error)
        if isinstance(found, TrainingFunctionError):
            raise found
        line = where(error, function.file)
        line = function.definition if line == function.file.name else line
        given = ", ".join(f"{n}={v!r}" for n, v in self._rehearsal.setting.params.items())
        raise TrainingFunctionError(
            f"the call with params {given or '{}'} fails: {described(error)}", line
        ) from error

    def notes(self) -> list[str]:
        """Return what is doubtful of the samples."""
        data, samples = self._rehearsal.dataset, self._samples
        if samples is None or not data.is_images or not bool(torch.isfinite(samples).all()):
            return []
        real = as_float(data.train[:1000])
        if float(samples.min()) >= 0 > float(real.min()):
            return [
                f"{self._rehearsal.function.definition}: samples are never below 0, and real images "
                "are: images lie in [-1, 1], so let a generator end in tanh, or give 2 * x - 1"
            ]
        return []


def _alike(straight: Tensor, resumed: Tensor) -> bool:
    if straight.shape != resumed.shape or straight.dtype != resumed.dtype:
        return False
    if not straight.is_floating_point():
        return torch.equal(straight, resumed)
    return torch.allclose(straight, resumed, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)

"""One seed of a trial that a training function trains: its calls, its evaluations, its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.measures.verdict import verdict
from ganstudy.trials.results.records import EvaluationRow
from ganstudy.trials.training.evaluation import SHOWN, evaluation_row
from ganstudy.trials.training.functions.calling import OwnFunction, TrainingFunctionError
from ganstudy.trials.training.functions.global_state import GlobalStreams
from ganstudy.trials.training.functions.inputs import TrainingData
from ganstudy.trials.training.functions.run import Begin, Boundary, Run, Setting, ToScore
from ganstudy.trials.training.functions.seed_state import (
    SeedRecord,
    SeedState,
    global_streams_of,
)
from ganstudy.trials.training.functions.seed_thread import Ended, SeedThread
from ganstudy.trials.training.prefetch import HostImages, stays_on_host
from ganstudy.trials.training.sample_grid import draw_grid
from ganstudy.trials.training.training_loop import peak_memory


@dataclass(frozen=True)
class Context:
    """What the seeds of a trial share."""

    config: TrialConfig
    evaluator: Evaluator
    device: torch.device
    function: OwnFunction
    setting: Setting


class SeedTraining:
    """The training of one seed, from one evaluation to the next."""

    def __init__(self, context: Context, seed: int, record: SeedRecord | None) -> None:
        """record: of a checkpoint; None at the beginning."""
        self.seed = seed
        self.rows: list[EvaluationRow] = [] if record is None else list(record.rows)
        """Of its evaluations so far, each with the seed's own cost."""
        self.pictures: dict[int, bytes] = {} if record is None else dict(record.pictures)
        self.nearest: bytes | None = None if record is None else record.nearest
        """With the last evaluation of images: the training images nearest to those of its picture."""
        self._context = context
        self._record = record
        """The state where no function runs."""
        self._state: SeedState | None = None
        self.thread: SeedThread | None = None

    def advance(self, folder: Path, tick: Callable[[], None]) -> None:
        """Train until the next evaluation is made and the step of it has ended.

        folder: for files of the function. tick: called about once a second between two steps.
        """
        made = len(self.rows)
        thread = self.thread or self._begin(folder)
        handed: Any = thread.go_on()
        while len(self.rows) == made or not isinstance(handed, Boundary | Ended):
            if isinstance(handed, Begin):
                if self._record is not None:
                    thread.streams = global_streams_of(self._record, self._context.device)
                self._record = None
            elif isinstance(handed, ToScore):
                self._score(handed)
            elif isinstance(handed, Boundary):
                tick()
            elif isinstance(handed, Ended):
                self._refuse_end(handed)
            handed = thread.go_on()
        if isinstance(handed, Ended):
            if handed.error is not None or len(self.rows) < self._context.config.evaluations:
                self._refuse_end(handed)
            self.put_aside()

    def _begin(self, folder: Path) -> SeedThread:
        context = self._context
        state = self._state = SeedState.of(self._record)
        streams = GlobalStreams.of_seed(self.seed, context.device)
        thread = self.thread = SeedThread(streams)
        folder.mkdir(parents=True, exist_ok=True)
        run = Run(context.setting, self.seed, folder, state, thread)
        thread.begin(lambda: context.function.call(run))
        return thread

    def _refuse_end(self, ended: Ended) -> None:
        """Raise what ended the function, or that it returned too early."""
        if ended.error is not None:
            raise self._context.function.located(ended.error)
        done, planned = len(self.rows), self._context.config.evaluations
        raise TrainingFunctionError(
            f"returned after {done} of {planned} evaluations: go through all of run.steps(), and call "
            "run.evaluate where run.due() is true",
            self._context.function.definition,
        )

    def _score(self, handed: ToScore) -> None:
        """Score samples as the study does, and add the row of every evaluation that was due."""
        begun = time.perf_counter()
        context, state = self._context, self._state
        assert state is not None
        samples = handed.samples.scored
        is_finite = handed.finite and bool(torch.isfinite(samples).all())
        with torch.no_grad():
            scored = context.evaluator.measure(samples[None])[0] if is_finite else None
        shown = handed.samples.shown[:SHOWN].cpu()
        picture = draw_grid(context.evaluator.dataset, [_finite(shown)])
        reported: dict[str, float | None] = {**state.losses.take(), **state.own.take()}
        counters = state.position.counters
        counters.evaluation_seconds += time.perf_counter() - begun
        counters.device_seconds = counters.seconds if context.device.type == "cuda" else 0.0
        counters.peak_memory_bytes = max(counters.peak_memory_bytes, peak_memory(context.device))
        budget, planned = context.config.budget, context.config.evaluations
        while state.position.evaluations < planned and (
            counters.on(budget.unit) >= budget.amount * (state.position.evaluations + 1) / planned
        ):
            index = state.position.evaluations = state.position.evaluations + 1
            bare = EvaluationRow(self.seed, index, is_finite, reported, None)
            row = evaluation_row(bare, scored, self.rows, planned)
            judged = verdict([*self.rows, row], planned, context.evaluator.floor)
            self.rows.append(replace(row, verdict=judged, cost=counters.as_columns()))
            self.pictures[index] = picture
            if index == planned and context.evaluator.dataset.is_images:
                self.nearest = draw_grid(
                    context.evaluator.dataset, [_finite(context.evaluator.nearest_training(shown))]
                )

    def record(self) -> SeedRecord | None:
        """Return the state between two steps; None at the beginning."""
        if self._state is None or self.thread is None:
            record = self._record
        else:
            record = self._state.record(self.rows, self.pictures, self.thread.streams)
        if record is None:
            return None
        return replace(record, pictures=dict(self.pictures), nearest=self.nearest)

    def put_aside(self) -> None:
        """End the function, and keep its state on the host."""
        if self.thread is not None:
            self._record = self.record()
            self.thread.close()
            self.thread = self._state = None

    def close(self) -> None:
        """End the function where it is."""
        if self.thread is not None:
            self.thread.close()


def _finite(shown: torch.Tensor) -> torch.Tensor | None:
    return shown if bool(torch.isfinite(shown).all()) else None


def setting_of(
    config: TrialConfig, dataset: Dataset, device: torch.device, num_samples: int
) -> Setting:
    """Return what all calls of a trial's function have in common."""
    assert config.function is not None
    held: list[torch.Tensor | HostImages] = []

    def on_device() -> torch.Tensor | HostImages:
        # One copy for all seeds, and none where the function reads the data by itself.
        if not held:
            on_host = stays_on_host(dataset.train, device)
            held.append(HostImages(dataset.train, device) if on_host else dataset.train.to(device))
        return held[0]

    return Setting(
        params=dict(config.function.params),
        budget=config.budget,
        evaluations=config.evaluations,
        data=TrainingData(dataset),
        device=device,
        num_samples=num_samples,
        on_device=on_device,
    )

"""One seed of a trial that a script trains: its attempts, its evaluations, its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ganstudy.trials.measures.verdict import verdict
from ganstudy.trials.results.own_metrics import PREFIX
from ganstudy.trials.results.records import Counters, EvaluationRow
from ganstudy.trials.training.commands.attempt import Attempt
from ganstudy.trials.training.commands.context import CommandContext
from ganstudy.trials.training.commands.watcher import Sample, Watcher
from ganstudy.trials.training.evaluation import SHOWN, evaluation_row
from ganstudy.trials.training.functions.seed_state import Position, SeedRecord
from ganstudy.trials.training.sample_grid import draw_grid


class SeedCommand:
    """The training of one seed, from one evaluation to the next."""

    def __init__(self, context: CommandContext, seed: int, record: SeedRecord | None) -> None:
        """record: of a checkpoint; None at the beginning."""
        self.seed = seed
        self.rows: list[EvaluationRow] = [] if record is None else list(record.rows)
        """Of its evaluations so far, each with the seed's own cost."""
        self.pictures: dict[int, bytes] = {} if record is None else dict(record.pictures)
        self.nearest: bytes | None = None if record is None else record.nearest
        """With the last evaluation of images: the training images nearest to those of its picture."""
        self.notes: list[str] = []
        """Of the attempts, for the next evaluation."""
        self.attempt: Attempt | None = None
        self._context = context
        self._counters = Counters() if record is None else replace(record.position.counters)
        """Times alone: the rest is what the script says."""
        self._furthest = 0 if record is None else record.position.iterations - len(record.rows)
        """How far the training has come, in millionths of the budget."""

    def advance(self, folder: Path, tick: Callable[[], None]) -> None:
        """Let the script train until the samples of the next evaluation are there, and score them.

        folder: of the script. tick: called about once a second.
        """
        index = len(self.rows) + 1
        if self.attempt is None:
            self.attempt = Attempt(self._context, self.seed, folder)
            self.notes += [self.attempt.note] * bool(self.attempt.note)
        samples = self.attempt.samples(index, self._counters, tick)
        self._score(self.attempt.watcher, samples, index)
        if index == self._context.config.evaluations:
            note = self.attempt.finish(tick)
            self.notes += [note] * bool(note)
            self.close()

    # --- scoring

    def _score(self, watcher: Watcher, taken: tuple[Sample, Tensor], index: int) -> None:
        """Score samples as the study does, and add the row of their evaluation."""
        begun = time.perf_counter()
        context, (sample, images) = self._context, taken
        shown = images[:SHOWN]
        is_finite = bool(torch.isfinite(images).all())
        device_images = images.to("cuda") if context.on_gpu else images
        with torch.no_grad():
            scored = context.evaluator.measure(device_images[None])[0] if is_finite else None
        finite = shown if bool(torch.isfinite(shown).all()) else None
        self.pictures[index] = draw_grid(context.evaluator.dataset, [finite])
        planned = context.config.evaluations
        if index == planned and context.evaluator.dataset.is_images and finite is not None:
            near = context.evaluator.nearest_training(shown)
            self.nearest = draw_grid(context.evaluator.dataset, [near])
        self._counters.evaluation_seconds += time.perf_counter() - begun
        cost = self._cost(watcher, sample)
        bare = EvaluationRow(self.seed, index, is_finite, self._reported(watcher, sample), None)
        row = evaluation_row(bare, scored, self.rows, planned)
        judged = verdict([*self.rows, row], planned, context.evaluator.floor)
        self.rows.append(replace(row, verdict=judged, cost=cost))

    def _cost(self, watcher: Watcher, sample: Sample) -> dict[str, float | None]:
        """Return the cost of the training up to some samples: None where the script does not say."""
        unit = self._context.config.budget.unit
        reported = {**watcher.counters_at(sample.amount), unit: sample.amount}
        names = ("generator_steps", "discriminator_steps", "images")
        counters = replace(self._counters, **{name: round(reported.get(name, 0)) for name in names})
        if self._context.on_gpu:
            counters.device_seconds = counters.seconds
        # Of the script's memory nothing is known.
        unknown = {name for name in names if name not in reported} | {"peak_memory_bytes"}
        if unknown & {"generator_steps", "discriminator_steps"}:
            unknown.add("updates")
        return {n: None if n in unknown else v for n, v in counters.as_columns().items()}

    def _reported(self, watcher: Watcher, sample: Sample) -> dict[str, float | None]:
        """Return the losses and the own metrics that the script has written since the last evaluation."""
        unit = self._context.config.budget.unit
        before = float(self.rows[-1].cost[unit] or 0) if self.rows else 0.0
        lines = [*watcher.between(before, sample.amount)]
        values: dict[str, float | None] = {}
        for name in {name for each in lines for name in each.losses}:
            found = [each.losses[name] for each in lines if name in each.losses]
            values[name] = sum(found) / len(found)
        for each in sorted(lines, key=lambda each: each.amount):
            values |= {f"{PREFIX}{name}": value for name, value in each.own.items()}
        return values

    # --- checkpoints

    def record(self) -> SeedRecord | None:
        """Return the state as a checkpoint holds it."""
        if self.attempt is not None:
            self._furthest = max(self._furthest, self._millionths(self.attempt.watcher))
        # Raised by every evaluation too: the newest checkpoint is the one of the highest number.
        reached = self._furthest + len(self.rows)
        position = Position(replace(self._counters), reached, len(self.rows))
        return SeedRecord(position, list(self.rows), {}, {}, dict(self.pictures), self.nearest)

    def close(self) -> None:
        """End the script."""
        attempt, self.attempt = self.attempt, None
        if attempt is not None:
            self._furthest = max(self._furthest, self._millionths(attempt.watcher))
            attempt.process.end()

    def _millionths(self, watcher: Watcher) -> int:
        share = watcher.seen.furthest / self._context.config.budget.amount
        return round(1e6 * min(1.0, share))

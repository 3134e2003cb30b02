"""A pack of lanes in training: one or several configurations of one structure on all their seeds.

Every configuration has its own evaluations, history and checkpoints, which are those of the
configuration alone: the same rows up to rounding, the same tensors in the same places.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.lanes import together
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.gan.trainer_protocol import Trainer
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow
from ganstudy.trials.training.evaluation import TrialEvaluator
from ganstudy.trials.training.training_loop import TrainingLoop
from ganstudy.trials.training.trial_state import (
    START_PNG,
    TrialPosition,
    gather_tensors,
    png_to_tensor,
    restore_tensors,
    tensor_to_png,
)

State = tuple[dict[str, Tensor], TrialPosition]
"""All that one configuration's training depends on, as trial_state.py says."""
TIMES = ("seconds", "evaluation_seconds", "device_seconds")
"""Counters that the configurations of a pack share by their numbers of seeds."""


class LanePack:
    """Configurations that are trained together: one training loop, one history for each of them.

    Call `advance_all` until all are finished, or go on with those that are not in another pack.
    """

    def __init__(
        self,
        configs: Sequence[TrialConfig],
        evaluator: Evaluator,
        device: torch.device | None = None,
    ) -> None:
        """Begin the pack, untrained.

        Raise ValueError where the configurations differ in more than numbers, the networks cannot
        take the data or a remedy cannot work on them.
        """
        self.configs = tuple(configs)
        self.evaluator = evaluator
        self.device = device or torch.device("cpu")
        common = together(configs)
        several = len(self.configs) > 1
        lanes = [config for config in configs for _ in config.seeds] if several else []
        self.loop = TrainingLoop(common, evaluator.dataset, self.device, lanes)
        self.evaluation = TrialEvaluator(common, evaluator, self.device)
        self.histories: list[list[EvaluationRow]] = [[] for _ in self.configs]
        """Rows of all evaluations so far, of each configuration."""
        self.evaluations_done = 0
        self._start_pngs: list[bytes | None] = [None for _ in self.configs]
        self._spent_before = [Counters() for _ in self.configs]
        """Times of each configuration before this pack took it."""

    @property
    def trainer(self) -> Trainer:
        """The players in training."""
        return self.loop.trainer

    def counters_of(self, index: int) -> Counters:
        """Return the amounts that the configuration has spent.

        They are steps and images per seed, and its seeds' share of the pack's time.
        """
        if len(self.configs) == 1:
            return self.loop.counters
        counters, before = self.loop.counters, self._spent_before[index]
        share = len(self.configs[index].seeds) / len(self.evaluation.config.seeds)
        return replace(
            counters,
            peak_memory_bytes=max(counters.peak_memory_bytes, before.peak_memory_bytes),
            **{name: getattr(before, name) + share * getattr(counters, name) for name in TIMES},
        )

    def advance_all(self, on_progress: Callable[[], None] = lambda: None) -> list[Evaluation]:
        """Train up to the next evaluation, and return the evaluation of each configuration.

        on_progress: called about once a second between two steps, and not while evaluating. It may
        save, and what it raises ends this call; the next one goes on where this one was.
        """
        # Only untrained: after a restore the picture comes with the checkpoint, if it was not sent
        # yet.
        if self.loop.counters.updates == 0:
            shown = self.evaluation.shown(self.trainer, self.evaluation.sample(self.trainer))
            self._start_pngs = [self.evaluation.draw(own) for own in self._split(shown)]
        budget = self.evaluation.config.budget
        amount = budget.amount * (self.evaluations_done + 1) / self.evaluation.config.evaluations
        self.loop.train_until(amount, on_progress)
        return self.evaluate_all()

    def evaluate_all(self) -> list[Evaluation]:
        """Evaluate all lanes as they are, add their rows to the histories, and return both."""
        start = time.perf_counter()
        # First: samples and features may need the memory that captured steps hold.
        self.loop.free_graphs()
        self.evaluations_done += 1
        samples = self.evaluation.sample(self.trainer)
        before = [
            [row for row in history if row.seed == seed]
            for config, history in zip(self.configs, self.histories, strict=True)
            for seed in config.seeds
        ]
        measured = self.evaluation.rows(self.loop, samples, self.evaluations_done, before)
        judged = [
            replace(row, verdict=self.evaluation.seed_verdict(row, rows))
            for row, rows in zip(measured, before, strict=True)
        ]
        shown = self.evaluation.shown(self.trainer, samples)
        self.loop.counters.evaluation_seconds += time.perf_counter() - start
        evaluations = [
            self._evaluation(index, rows, own)
            for index, (rows, own) in enumerate(
                zip(self._split(judged), self._split(shown), strict=True)
            )
        ]
        self.loop.start_interval()
        return evaluations

    def _evaluation(self, index: int, judged: Sequence[EvaluationRow], shown: Tensor) -> Evaluation:
        """Return the evaluation of one configuration, whose rows become part of its history."""
        counters = self.counters_of(index)
        cost = counters.as_columns()
        rows = [replace(row, cost=cost) for row in judged]
        self.histories[index] += rows
        start_png = self._start_pngs[index]
        self._start_pngs[index] = None
        nearest = self.evaluation.nearest(shown, self.evaluations_done)
        return Evaluation(
            index=self.evaluations_done,
            counters=counters,
            rows=rows,
            provenance=self.evaluator.provenance,
            grid_png=self.evaluation.draw(shown),
            start_png=start_png,
            nearest_png=None if nearest is None else self.evaluation.draw(nearest),
            notes=self.loop.notes(),
        )

    def _split(self, of_lanes: Tensor | list[EvaluationRow]) -> list[Any]:
        """Return what belongs to each configuration's lanes."""
        sizes = [len(config.seeds) for config in self.configs]
        ends = list(accumulate(sizes))
        return [of_lanes[end - size : end] for size, end in zip(sizes, ends, strict=True)]

    # --- the state of each configuration, which knows nothing of the others

    def states(self) -> list[State]:
        """Return the state of every configuration at the present point; its tensors are views."""
        gathered = gather_tensors(self.loop, self.evaluation.config.remedies)
        # Tensors without axes are numbers of steps, which all lanes share.
        parts = {n: self._split(value) for n, value in gathered.items() if value.dim()}
        states = []
        for index, start_png in enumerate(self._start_pngs):
            tensors = {n: parts[n][index] if n in parts else v for n, v in gathered.items()}
            if start_png is not None:
                tensors[START_PNG] = png_to_tensor(start_png)
            states.append((tensors, self._position(index)))
        return states

    def _position(self, index: int) -> TrialPosition:
        return TrialPosition(
            config=self.configs[index].digest,
            counters=replace(self.counters_of(index)),
            evaluations_done=self.evaluations_done,
            history=list(self.histories[index]),
            loss_counts=dict(self.loop.loss_counts),
        )

    def load_all(self, states: Sequence[State]) -> None:
        """Go on from `states` to the same numbers as if never stopped.

        There is one state per configuration, all at one point of the training.
        """
        for config, (_, position) in zip(self.configs, states, strict=True):
            # Tensors of another configuration may have the same shapes, and would load without an
            # error.
            if position.config != config.digest:
                raise ValueError(
                    f"the checkpoint is of configuration {position.config}, not {config.digest}"
                )
        pictures = [tensors.get(START_PNG) for tensors, _ in states]
        parts = [{n: v for n, v in tensors.items() if n != START_PNG} for tensors, _ in states]
        tensors = parts[0] if len(parts) == 1 else _joined(parts)
        positions = [position for _, position in states]
        first = positions[0]
        self.loop.counters = replace(first.counters)
        if len(states) > 1:
            self._spent_before = [replace(position.counters) for position in positions]
            counters = self.loop.counters
            counters.seconds = counters.evaluation_seconds = counters.device_seconds = 0.0
            counters.peak_memory_bytes = 0
        self.loop.loss_counts = dict(first.loss_counts)
        restore_tensors(self.loop, self.evaluation.config.remedies, tensors)
        self.evaluations_done = first.evaluations_done
        self.histories = [list(position.history) for position in positions]
        self._start_pngs = [None if png is None else tensor_to_png(png) for png in pictures]


def point_of(evaluations_done: int, counters: Counters) -> tuple[int, int, int]:
    """Return the point of the training, later ones larger; a pack is at one point."""
    return evaluations_done, counters.generator_steps, counters.discriminator_steps


def _joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of all lanes from those of each configuration."""
    return {
        # A copy: an optimiser counts its steps in the very tensor that it is given.
        name: torch.cat([part[name] for part in parts]) if value.dim() else value.clone()
        for name, value in parts[0].items()
    }

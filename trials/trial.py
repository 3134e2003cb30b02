"""One trial: a configuration trained on a pack of seeds, evaluated at equal distances on its budget's axis."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trials.checkpoint import read_newest, write_checkpoint
from trials.config import TrialConfig
from trials.data import Dataset
from trials.grid import draw_grid
from trials.measures.evaluator import Evaluator
from trials.records import MEASURES, Counters, Evaluation
from trials.step import Game, discriminator_steps_due
from trials.streams import Batches, Latents, generator
from trials.verdict import verdict

SHOWN = 1000
"""Samples per seed that may enter a picture."""


class Trial:
    """Call `advance` until `finished`. The state between two calls is that of `tensors` and `state`."""

    def __init__(self, config: TrialConfig, evaluator: Evaluator, device: torch.device | None = None) -> None:
        """Raises ValueError where the data cannot carry the configuration."""
        self.config, self.evaluator = config, evaluator
        self.dataset: Dataset = evaluator.dataset
        self.device = device or torch.device("cpu")
        self.game = Game(config, self.dataset.shape, self.dataset.bounded, self.device)
        self.counters = Counters()
        self.history: list[dict[str, Any]] = []
        self.evaluations_done = 0
        batch, dim, seeds = config.batch_size, config.model.latent_dim, config.seeds
        self._train = self.dataset.train.to(self.device)
        self._latents_d = Latents(seeds, "latents/discriminator", batch, dim, self.device)
        self._latents_g = Latents(seeds, "latents/generator", batch, dim, self.device)
        self._batches_d = Batches(seeds, "batches/discriminator", len(self._train), batch, self.device)
        self._batches_g = Batches(seeds, "batches/generator", len(self._train), batch, self.device)
        fixed = (self.dataset.num_generated, dim)
        self._fixed_latents = torch.stack(
            [torch.randn(fixed, generator=generator(s, "latents/evaluation")) for s in seeds]
        ).to(self.device)
        self._loss_sums = {"loss_d": torch.zeros(len(seeds)), "loss_g": torch.zeros(len(seeds))}
        self._loss_counts = {"loss_d": 0, "loss_g": 0}

    @property
    def finished(self) -> bool:
        """The budget is spent and evaluated, or no seed is finite any more."""
        latest = self.history[-len(self.config.seeds) :]
        all_diverged = bool(latest) and not any(row["finite"] for row in latest)
        return self.evaluations_done >= self.config.evaluations or all_diverged

    def advance(self) -> Evaluation:
        """Trains up to the next evaluation and evaluates."""
        budget = self.config.budget
        target = budget.amount * (self.evaluations_done + 1) / self.config.evaluations
        start_png = self._grid(self.game.sample(self._fixed_latents)) if self.evaluations_done == 0 else None
        before, start = self.counters.seconds, time.perf_counter()
        while self.counters.on(budget.unit) < target:
            self._update()
            if budget.unit == "seconds":
                self.counters.seconds = before + time.perf_counter() - start
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.counters.seconds = before + time.perf_counter() - start
        return self._evaluate(start_png)

    def _update(self) -> None:
        """One step of the player whose turn it is."""
        counters = self.counters
        if counters.discriminator_steps < discriminator_steps_due(self.config.k, counters.generator_steps + 1):
            step = counters.discriminator_steps
            real = self._train[self._batches_d.at(step)]
            self._note_loss("loss_d", self.game.discriminator_step(real, self._latents_d.at(step)))
            counters.discriminator_steps += 1
            counters.images += self.config.batch_size
        else:
            step = counters.generator_steps
            matched = self._train[self._batches_g.at(step)] if self.game.needs_real else None
            self._note_loss("loss_g", self.game.generator_step(self._latents_g.at(step), matched))
            counters.generator_steps += 1

    def _note_loss(self, name: str, loss: Tensor) -> None:
        self._loss_sums[name] = self._loss_sums[name].to(loss.device) + loss
        self._loss_counts[name] += 1

    def _evaluate(self, start_png: bytes | None) -> Evaluation:
        start = time.perf_counter()
        self.evaluations_done += 1
        samples = self.game.sample(self._fixed_latents)
        finite = self.game.finite() & torch.isfinite(samples).flatten(1).all(1)
        scored = iter(self.evaluator.measure(samples[finite]))
        health = self._health(samples)
        rows: list[dict[str, Any]] = []
        for index, seed in enumerate(self.config.seeds):
            row: dict[str, Any] = {"seed": seed, "evaluation": self.evaluations_done, "finite": bool(finite[index])}
            row |= dict.fromkeys(MEASURES)
            row["histogram"] = None
            if row["finite"]:
                scores, histogram = next(scored)
                # Samples can be finite and yet so far away that their distance overflows.
                row["finite"] = all(math.isfinite(score) for score in scores.values())
                if row["finite"]:
                    row |= {**scores, "histogram": histogram}
            row |= {name: _finite_or_none(values[index]) for name, values in health.items()}
            rows.append(row)
        self.counters.evaluation_seconds += time.perf_counter() - start
        for row in rows:
            row |= self.counters.as_columns()
            row["verdict"] = self._verdict(row).value
        self.history += rows
        self._loss_sums = {name: torch.zeros_like(total) for name, total in self._loss_sums.items()}
        self._loss_counts = dict.fromkeys(self._loss_counts, 0)
        return Evaluation(
            index=self.evaluations_done,
            counters=self.counters,
            rows=rows,
            provenance=self.evaluator.provenance,
            grid_png=self._grid(samples),
            start_png=start_png,
            notes=self.game.fallbacks(),
        )

    def _grid(self, samples: Tensor) -> bytes:
        """The picture of samples [S, n, ...]."""
        shown = samples[:, :SHOWN].cpu()
        return draw_grid(self.dataset, [images if torch.isfinite(images).all() else None for images in shown])

    def _health(self, samples: Tensor) -> dict[str, list[float]]:
        """Losses and the discriminator's outputs, per seed."""
        batch = self.config.batch_size
        real = self._train[:batch]
        real = real.expand(len(self.config.seeds), *real.shape)
        means = {name: total / max(1, self._loss_counts[name]) for name, total in self._loss_sums.items()}
        outputs = {
            **means,
            "d_real": self.game.probabilities(real),
            "d_fake": self.game.probabilities(samples[:, :batch]),
        }
        return {name: values.tolist() for name, values in outputs.items()}

    def _verdict(self, row: dict[str, Any]) -> Any:
        rows = [old for old in self.history if old["seed"] == row["seed"]] + [row]
        floor = self.evaluator.floor
        return verdict(rows, self.config.evaluations, self.evaluator.real_effective_modes, floor["high_quality"])

    def latest(self) -> Evaluation:
        """The last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        return Evaluation(self.evaluations_done, self.counters, rows, self.evaluator.provenance)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint."""
        write_checkpoint(folder, self.evaluations_done, self.tensors(), self.state())

    def restore(self, folder: Path) -> bool:
        """Goes on from the newest undamaged checkpoint in `folder`; False where there is none."""
        found = read_newest(folder)
        if found is not None:
            self.load(*found)
        return found is not None

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that training depends on, by name."""
        state: dict[str, Tensor] = {}
        for player, pack in self.game.players.items():
            state |= {f"{player}.{name}": value for name, value in pack.state().items()}
            moments = self.game.optimisers[player].state_dict()["state"]
            state |= {f"{player}.adam.{i}.{name}": v for i, held in moments.items() for name, v in held.items()}
        for name, remedy in zip(self.config.remedies, self.game.remedies, strict=True):
            state |= {f"remedy.{name}.{key}": value for key, value in remedy.state().items()}
        return state

    def state(self) -> dict[str, Any]:
        """The rest, as plain JSON: position on every axis and the history of evaluations."""
        counters = {name: value for name, value in self.counters.as_columns().items() if name != "updates"}
        return {
            "config": self.config.digest,
            "counters": counters,
            "evaluations_done": self.evaluations_done,
            "history": self.history,
        }

    def load(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Goes on from `tensors` and `state`, to the same numbers as if never stopped."""
        if state["config"] != self.config.digest:
            raise ValueError(f"the checkpoint is of configuration {state['config']}, not {self.config.digest}")
        self.counters = Counters(**state["counters"])
        self.evaluations_done, self.history = state["evaluations_done"], list(state["history"])
        for player, pack in self.game.players.items():
            pack.load_state(_below(tensors, f"{player}."))
            optimiser = self.game.optimisers[player]
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(tensors, f"{player}.adam.").items():
                index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
        for name, remedy in zip(self.config.remedies, self.game.remedies, strict=True):
            remedy.load_state(_below(tensors, f"remedy.{name}."))


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _finite_or_none(value: float) -> float | None:
    return value if abs(value) < float("inf") else None

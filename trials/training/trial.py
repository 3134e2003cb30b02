"""One trial: a configuration trained on a pack of seeds, evaluated at equal distances on its
budget's axis.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.ensemble.memory import is_scarce, release
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.ensemble.streams import Batches, Latents, fixed_latents
from ganstudy.trials.gan.cuda_graphs import CudaGraphStepper
from ganstudy.trials.gan.end_of_training import end_game
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.gan.trainer_protocol import Players, begin
from ganstudy.trials.measures.cycling import cycling
from ganstudy.trials.measures.evaluator import Evaluator
from ganstudy.trials.measures.mismatch import objective_mismatch
from ganstudy.trials.measures.verdict import verdict, window_length
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Counters, Evaluation, Verdict
from ganstudy.trials.training.checkpoint import read_newest, write_checkpoint
from ganstudy.trials.training.sample_grid import draw_grid

SHOWN = 1000
"""Samples per seed that may enter a picture."""
TICK_SECONDS = 1.0
"""Between two calls of what `advance` is given to call."""
PICTURE = "start_png"


class Trial:
    """Call `advance` until `finished`. The state at any time is that of `tensors` and `state`."""

    def __init__(
        self, config: TrialConfig, evaluator: Evaluator, device: torch.device | None = None
    ) -> None:
        """Raises ValueError where the networks cannot carry the data or a remedy cannot work on
        them.
        """
        self.config, self.evaluator = config, evaluator
        self.dataset: Dataset = evaluator.dataset
        self.device = device or torch.device("cpu")
        self.trainer: Players = begin(config, self.dataset.shape, self.dataset.bounded, self.device)
        self._steps = (
            CudaGraphStepper(self.trainer)
            if isinstance(self.trainer, GanTrainer) and self.trainer.recordable
            else self.trainer
        )
        self.counters = Counters()
        self.history: list[dict[str, Any]] = []
        self.evaluations_done = 0
        batch, dim, seeds = config.batch_size, config.model.latent_dim, config.seeds
        self._train = self.dataset.train.to(self.device)
        players: tuple[Player, ...] = ("discriminator", "generator")
        kind = config.model.latent
        self._latents = {
            p: Latents(seeds, f"latents/{p}", batch, dim, self.device, kind) for p in players
        }
        self._batches = {
            p: Batches(seeds, f"batches/{p}", len(self._train), batch, self.device) for p in players
        }
        self._fixed_latents = fixed_latents(
            seeds, "latents/evaluation", evaluator.num_generated, dim, kind
        ).to(self.device)
        self._loss_sums = {"loss_d": torch.zeros(len(seeds)), "loss_g": torch.zeros(len(seeds))}
        self._loss_counts = {"loss_d": 0, "loss_g": 0}
        self._start_png: bytes | None = None

    @property
    def finished(self) -> bool:
        """The budget is spent and evaluated, or no seed is finite any more."""
        return is_finished(self.config, self.history)

    def advance(self, tick: Callable[[], None] = lambda: None) -> Evaluation:
        """Trains up to the next evaluation and evaluates.

        tick: called about once a second between two steps, and not while evaluating. It may save,
        and what it raises ends this call; the next one goes on where this one was.
        """
        budget = self.config.budget
        target = budget.amount * (self.evaluations_done + 1) / self.config.evaluations
        if self.counters.updates == 0:
            self._start_png = self._grid(self._sample())
        start = time.perf_counter() - self.counters.seconds
        due = time.perf_counter() + TICK_SECONDS
        while self.counters.on(budget.unit) < target:
            self._update()
            now = time.perf_counter()
            if budget.unit == "seconds" or now >= due:
                self.counters.seconds = now - start
            if now >= due:
                tick()
                due = time.perf_counter() + TICK_SECONDS
                start += due - TICK_SECONDS - now  # what a tick takes is no training
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.counters.seconds = time.perf_counter() - start
        self._note_device()
        return self._evaluate()

    def _note_device(self) -> None:
        """Time on the GPU, and the largest memory so far."""
        if self.device.type == "cuda":
            self.counters.device_seconds = self.counters.seconds
            peak = torch.cuda.max_memory_allocated(self.device)
        else:
            peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.counters.peak_memory_bytes = max(self.counters.peak_memory_bytes, peak)

    def _update(self) -> None:
        """One step of the player whose turn it is."""
        counters = self.counters
        if counters.discriminator_steps < self.trainer.discriminator_steps_due(
            counters.generator_steps + 1
        ):
            batch = self._batch("discriminator", counters.discriminator_steps)
            self._note_loss("loss_d", self._steps.discriminator_step(batch))
            counters.discriminator_steps += 1
            counters.images += self.config.batch_size
        else:
            batch = self._batch("generator", counters.generator_steps)
            self._note_loss("loss_g", self._steps.generator_step(batch))
            counters.generator_steps += 1
            counters.images += self.config.batch_size * self.trainer.generator_step_shows_images

    def _batch(self, player: Player, step: int) -> Batch:
        """What the player's step `step` (0 is the first) is made on."""
        real = None
        if player == "discriminator" or self.trainer.generator_needs_real:
            real = as_float(self._train[self._batches[player].at(step)])
        budget = self.config.budget
        progress = min(1.0, self.counters.on(budget.unit) / budget.amount)
        context = StepContext(player, step, progress, self.config.seeds, self.device)
        return Batch(real, self._latents[player].at(step), context)

    def _note_loss(self, name: str, loss: Tensor) -> None:
        self._loss_sums[name] = self._loss_sums[name].to(loss.device) + loss
        self._loss_counts[name] += 1

    def _evaluate(self) -> Evaluation:
        start = time.perf_counter()
        self._make_room()
        start_png, self._start_png = self._start_png, None
        self.evaluations_done += 1
        samples = self._sample()
        finite = self.trainer.finite() & torch.isfinite(samples).flatten(1).all(1)
        scored = iter(self.evaluator.measure(samples[finite]))
        diagnostics = self._health(samples) | self._end_game()
        rows: list[dict[str, Any]] = []
        for index, seed in enumerate(self.config.seeds):
            row: dict[str, Any] = {
                "seed": seed,
                "evaluation": self.evaluations_done,
                "finite": bool(finite[index]),
            }
            row |= dict.fromkeys(MEASURES)
            row["histogram"] = None
            if row["finite"]:
                scores, histogram = next(scored)
                # Samples can be finite and yet so far away that their distance overflows.
                row["finite"] = all(
                    score is None or math.isfinite(score) for score in scores.values()
                )
                if row["finite"]:
                    row |= {**scores, "histogram": histogram}
            row |= {name: _finite_or_none(values[index]) for name, values in diagnostics.items()}
            rows.append(row | self._course(row))
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
            notes=[
                *self.trainer.fallbacks(),
                *(self._steps.notes() if isinstance(self._steps, CudaGraphStepper) else []),
            ],
        )

    def _make_room(self) -> None:
        """Gives up recorded steps where an evaluation may need their memory."""
        if isinstance(self._steps, CudaGraphStepper) and is_scarce(self.device):
            self._steps.forget()
            release()

    def _sample(self) -> Tensor:
        """Images [S, n, ...] of the fixed latents, a training batch at a time: what training has
        room for has too.
        """
        parts = self._fixed_latents.split(self.config.batch_size, dim=1)
        return torch.cat([self.trainer.sample(part) for part in parts], dim=1)

    def _grid(self, samples: Tensor) -> bytes:
        """The picture of samples [S, n, ...]."""
        shown = samples[:, :SHOWN].cpu()
        return draw_grid(
            self.dataset, [images if torch.isfinite(images).all() else None for images in shown]
        )

    def _health(self, samples: Tensor) -> dict[str, list[float]]:
        """Losses and the measures of the game, per seed."""
        batch = self.config.batch_size
        real = as_float(self._train[:batch])
        real = real.expand(len(self.config.seeds), *real.shape)
        means = {
            name: total / max(1, self._loss_counts[name]) for name, total in self._loss_sums.items()
        }
        return {
            name: v.tolist()
            for name, v in {**means, **self.trainer.diagnostics(real, samples[:, :batch])}.items()
        }

    def _end_game(self) -> dict[str, list[float]]:
        """What is measured once, at the end of the budget, since it costs training steps; per seed."""
        at_end = self.evaluations_done >= self.config.evaluations
        if (
            not at_end
            or not isinstance(self.trainer, GanTrainer)
            or not self.config.measures.game_steps
        ):
            return {}
        measured = end_game(self.trainer, self.dataset, self.config.measures.game_steps)
        return {name: values.tolist() for name, values in measured.items()}

    def _course(self, row: dict[str, Any]) -> dict[str, float | None]:
        """What only the course of a seed's evaluations shows, `row` being the latest."""
        rows = [*self._rows_of(row["seed"]), row]
        histograms = [r["histogram"] for r in rows if r["histogram"] is not None]
        window = window_length(self.config.evaluations)
        course = cycling(histograms if row["histogram"] is not None else [], window)
        return {
            **course,
            "mismatch": objective_mismatch([r["loss_g"] for r in rows], [r["fid"] for r in rows]),
        }

    def _rows_of(self, seed: int) -> list[dict[str, Any]]:
        return [row for row in self.history if row["seed"] == seed]

    def _verdict(self, row: dict[str, Any]) -> Verdict:
        rows = [*self._rows_of(row["seed"]), row]
        return verdict(rows, self.config.evaluations, self.evaluator.floor)

    def latest(self) -> Evaluation:
        """The last evaluation once more, without its picture."""
        rows = self.history[-len(self.config.seeds) :]
        return Evaluation(self.evaluations_done, self.counters, rows, self.evaluator.provenance)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint."""
        write_checkpoint(folder, self.counters.updates, self.tensors(), self.state())

    def restore(self, folder: Path) -> bool:
        """Goes on from the newest undamaged checkpoint in `folder`; False where there is none."""
        found = read_newest(folder)
        if found is not None:
            self.load(*found)
        return found is not None

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that training depends on, by name: [S, ...], or [] where all seeds share the
        value, and a picture's bytes."""
        state: dict[str, Tensor] = {}
        for player, ensemble in self.trainer.players.items():
            state |= {f"{player}.{name}": value for name, value in ensemble.state().items()}
            moments = self.trainer.optimisers[player].state_dict()["state"]
            state |= {
                f"{player}.optimiser.{i}.{name}": v
                for i, held in moments.items()
                for name, v in held.items()
            }
        for name, remedy in zip(self.config.remedies, self.trainer.remedies, strict=True):
            state |= {f"remedy.{name}.{key}": value for key, value in remedy.state().items()}
        state |= {f"sum.{name}": total for name, total in self._loss_sums.items()}
        state |= {
            f"norms.{player}": torch.stack(n, dim=1)
            for player, n in self.trainer.gradient_norms.items()
            if n
        }
        if self._start_png is not None:
            state[PICTURE] = torch.frombuffer(bytearray(self._start_png), dtype=torch.uint8)
        return state

    def state(self) -> dict[str, Any]:
        """The rest, as plain JSON: position on every axis and the history of evaluations."""
        counters = {
            name: value for name, value in self.counters.as_columns().items() if name != "updates"
        }
        return {
            "config": self.config.digest,
            "counters": counters,
            "evaluations_done": self.evaluations_done,
            "history": self.history,
            "loss_counts": self._loss_counts,
        }

    def load(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Goes on from `tensors` and `state`, to the same numbers as if never stopped."""
        if state["config"] != self.config.digest:
            raise ValueError(
                f"the checkpoint is of configuration {state['config']}, not {self.config.digest}"
            )
        self.counters = Counters(**state["counters"])
        self.evaluations_done, self.history = state["evaluations_done"], list(state["history"])
        for player, ensemble in self.trainer.players.items():
            ensemble.load_state(_below(tensors, f"{player}."))
            optimiser = self.trainer.optimisers[player]
            if f"norms.{player}" in tensors:
                self.trainer.gradient_norms[player] = list(
                    tensors[f"norms.{player}"].to(self.device).unbind(1)
                )
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(tensors, f"{player}.optimiser.").items():
                index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = value
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
        for name, remedy in zip(self.config.remedies, self.trainer.remedies, strict=True):
            remedy.load_state(_below(tensors, f"remedy.{name}."))
        self._loss_sums, self._loss_counts = _below(tensors, "sum."), dict(state["loss_counts"])
        self._start_png = tensors[PICTURE].numpy().tobytes() if PICTURE in tensors else None


def is_finished(config: TrialConfig, history: list[dict[str, Any]]) -> bool:
    """Whether the rows of all evaluations so far say that nothing is left to train."""
    latest = history[-len(config.seeds) :]
    return bool(latest) and (
        latest[0]["evaluation"] >= config.evaluations or not any(row["finite"] for row in latest)
    )


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _finite_or_none(value: float) -> float | None:
    return value if abs(value) < float("inf") else None

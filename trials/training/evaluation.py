"""The evaluation of a trial: samples of every seed, their scores, the state of the game, a verdict.

Nothing here changes what is trained: an evaluation more or less leaves all later numbers the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.ensemble.streams import fixed_latents
from ganstudy.trials.gan.end_of_training import end_of_training_measures
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.gan.trainer_protocol import Trainer
from ganstudy.trials.measures.base import Scores
from ganstudy.trials.measures.cycling import cycling
from ganstudy.trials.measures.discriminator_auc import discriminator_auc
from ganstudy.trials.measures.mismatch import objective_mismatch
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.measures.verdict import verdict, window_length
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import EvaluationRow, Verdict
from ganstudy.trials.training.sample_grid import draw_grid, shown_latents
from ganstudy.trials.training.training_loop import TrainingLoop

SHOWN = 1000
"""Samples per seed that may enter a picture; the points of a panel would merge into a blot."""


class TrialEvaluator:
    """Evaluates all lanes of a pack, with the study's `Evaluator` for the scores."""

    def __init__(self, config: TrialConfig, evaluator: Evaluator, device: torch.device) -> None:
        """config: what the lanes have in common, with the seeds of all."""
        self.config = config
        self.evaluator = evaluator
        model = config.model
        self.latents = fixed_latents(
            config.seeds,
            "latents/evaluation",
            evaluator.num_generated,
            model.latent_dim,
            model.latent,
        ).to(device)
        shown = shown_latents(model.latent_dim, model.latent)
        self.shown_latents = shown.expand(len(config.seeds), -1, -1).to(device)

    def sample(self, trainer: Trainer) -> Tensor:
        """Return images [S, n, ...] of latents that stay the same over the trial."""
        # A training batch at a time: what training has memory for, sampling has too.
        parts = self.latents.split(self.config.batch_size, dim=1)
        return torch.cat([trainer.sample(part) for part in parts], dim=1)

    def shown(self, trainer: Trainer, samples: Tensor) -> Tensor:
        """Return what a picture shows: some of the points, or images of latents that all share."""
        if not self.evaluator.dataset.is_images:
            return samples[:, :SHOWN]
        return trainer.sample(self.shown_latents)

    def nearest(self, shown: Tensor, index: int) -> Tensor | None:
        """Return the training image nearest to each of `shown`; None before the last evaluation."""
        if index < self.config.evaluations or not self.evaluator.dataset.is_images:
            return None
        return torch.stack([self.evaluator.nearest_training(images.cpu()) for images in shown])

    def draw(self, shown: Tensor) -> bytes:
        """Return the picture of `shown` [S, n, ...] as PNG."""
        shown = shown.cpu()
        finite = [images if torch.isfinite(images).all() else None for images in shown]
        return draw_grid(self.evaluator.dataset, finite)

    def rows(
        self,
        loop: TrainingLoop,
        samples: Tensor,
        index: int,
        histories: Sequence[Sequence[EvaluationRow]],
    ) -> list[EvaluationRow]:
        """Return one row per lane with every measure, without cost and verdict.

        samples: [S, n, ...]; index: of this evaluation, 1 is the first; histories: the rows of each
        lane before it.
        """
        finite = loop.trainer.finite() & torch.isfinite(samples).flatten(1).all(1)
        # Finite seeds only: one that is not would fail in the extractor, or in a nearest neighbour.
        scored = iter(self.evaluator.measure(samples[finite]))
        per_seed = self._diagnostics(loop, samples) | self.end_of_training(loop.trainer, index)
        return [
            evaluation_row(
                EvaluationRow(
                    seed,
                    index,
                    bool(finite[position]),
                    {name: values[position] for name, values in per_seed.items()},
                    None,
                ),
                next(scored) if finite[position] else None,
                histories[position],
                self.config.evaluations,
            )
            for position, seed in enumerate(self.config.seeds)
        ]

    def seed_verdict(self, row: EvaluationRow, history: Sequence[EvaluationRow]) -> Verdict:
        """Return the verdict on the lane of `row`, its latest; history: its rows before it."""
        return verdict([*history, row], self.config.evaluations, self.evaluator.floor)

    def _diagnostics(self, loop: TrainingLoop, samples: Tensor) -> dict[str, list[float]]:
        """Return losses and the state of the game by name, one value per seed."""
        batch_size, seeds = self.config.batch_size, self.config.seeds
        # The same images at every evaluation, so that a change is the players' own.
        real = as_float(loop.train[:batch_size].to(loop.device))
        real = real.expand(len(seeds), *real.shape)
        values = loop.mean_losses()
        if isinstance(loop.trainer, GanTrainer):
            values |= game_diagnostics(loop.trainer, real, samples[:, :batch_size])
        return {name: value.tolist() for name, value in values.items()}

    def end_of_training(self, trainer: Trainer, index: int) -> dict[str, list[float]]:
        """Return the measures of the last evaluation by name, one value per seed; empty before.

        Once, since they cost as much as training steps.
        """
        steps = self.config.measures.game_steps
        is_last = index >= self.config.evaluations
        if not (is_last and steps and isinstance(trainer, GanTrainer)):
            return {}
        measured = end_of_training_measures(trainer, self.evaluator.dataset, steps)
        return {name: values.tolist() for name, values in measured.items()}


def evaluation_row(
    bare: EvaluationRow,
    scored: tuple[Scores, list[int]] | None,
    history: Sequence[EvaluationRow],
    planned: int,
) -> EvaluationRow:
    """Return the row of one seed with every measure, without cost and verdict.

    bare: the row with what was measured beside the samples, finite or not. scored: scores and mode
    histogram of its samples, None where parameters or samples are not finite. history: the seed's
    rows before it; planned: evaluations of the whole trial.
    """
    measures: dict[str, float | None] = dict.fromkeys(MEASURES)
    histogram = None
    is_finite = scored is not None
    if scored is not None:
        scores, counts = scored
        # Samples can be finite and yet so far away that their distance overflows.
        is_finite = all(score is None or math.isfinite(score) for score in scores.values())
        if is_finite:
            measures |= scores
            histogram = counts
    for name, value in bare.measures.items():
        # JSON and MLflow have no infinity; a measure that is none is missing.
        measures[name] = value if value is not None and math.isfinite(value) else None
    row = replace(bare, finite=is_finite, measures=measures, histogram=histogram)
    over_time = trajectory_measures([*history, row], planned)
    return replace(row, measures=measures | over_time)


def game_diagnostics(trainer: GanTrainer, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Return the balance of the game by name, [S] each, on real and generated images [S, B, ...].

    The names are explained in results/catalogue.py.
    """
    outputs_real, outputs_fake = trainer.outputs(real), trainer.outputs(fake)
    values = {"d_auc": discriminator_auc(outputs_real, outputs_fake)}
    if trainer.loss.log_odds:
        values["d_real"] = outputs_real.sigmoid().mean(-1)
        values["d_fake"] = outputs_fake.sigmoid().mean(-1)
    for player, norms in trainer.gradient_norms.items():
        if norms:
            values[f"gradient_norm_{player[0]}"] = torch.stack(norms).mean(0)
    return values


def trajectory_measures(rows: Sequence[EvaluationRow], planned: int) -> dict[str, float | None]:
    """Return the measures that only the trajectory of a seed shows: cycling, objective mismatch.

    rows: of its evaluations so far; planned: evaluations of the whole trial.
    """
    histograms = [row.histogram for row in rows if row.histogram is not None]
    # A seed that has diverged moves no more: its past movement is no measure of now.
    is_measured = rows[-1].histogram is not None
    return {
        **cycling(histograms if is_measured else [], window_length(planned)),
        "mismatch": objective_mismatch(
            [row.measures["loss_g"] for row in rows], [row.measures["fid"] for row in rows]
        ),
    }

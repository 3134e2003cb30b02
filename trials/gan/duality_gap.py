"""The duality gap: what the players could still gain from one another.

    DG(u, v) = max_v' M(u, v') - min_u' M(u', v)                    (Grnarova et al. 2019), u generator, v discriminator

M is the value of the zero-sum game behind the loss in use: minus the discriminator's loss, which
the discriminator maximises and the generator minimises, whatever the generator's own loss is. For
both cross-entropy losses it is eq. 1 of Goodfellow et al. 2014, -2 ln 2 at the equilibrium
(Grnarova et al.: half of it). Terms that belong to the loss itself count as limits of what v may
be: the gradient penalty of wasserstein_gp is subtracted from M at the present u, the clipping of
wasserstein follows every step. What remedies add to the losses (penalties, smoothed targets, other
objectives) is left out, so that all remedies are measured in one game; what they change in the
networks, or in what the discriminator sees of an image, belongs to the players and stays.

M(u, v) on both sides splits the gap into two parts, neither of them negative for the best responses:

    DG = [max_v' M(u, v') - M(u, v)] + [M(u, v) - min_u' M(u', v)]       the discriminator's gain, the generator's gain

Each best response is sought by a copy of the player that starts from the present one and makes a
limited number of steps with the optimiser's settings but empty moments, while the other player
stands still, on one half of the held-out data. The three values are then taken on the other half,
all on the same images and fresh latents. So the gap found is on average at most the true one: a
longer search finds a larger gap, and a search that finds nothing better, or that holds for its own
half only, can even give a small negative one. Nothing is cut off. Compare gaps of equal steps, step
sizes and losses. M has no lower bound where the loss has none, so a strong discriminator alone can
make the generator's gain large.

Cost: `steps` training steps of either player without their remedies' terms, and forward passes of
about 2,000 images for each of the three values. Memory: two more copies of both players with their
optimisers' moments.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor

from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.ensemble import optimisers
from ganstudy.trials.ensemble.step_context import (
    Batch,
    DiscriminatorStep,
    Parameters,
    Player,
    StepContext,
)
from ganstudy.trials.ensemble.streams import Batches, Latents, generator
from ganstudy.trials.gan.trainer import GanTrainer

SCORED = 2048
"""Images per seed that the values are taken on, rounded up to whole batches."""


class Gains(NamedTuple):
    """Gain of either player's best response over the present player, in units of the loss."""

    discriminator: Tensor
    """[S]"""
    generator: Tensor
    """[S]"""


def duality_gap(trainer: GanTrainer, dataset: Dataset, steps: int) -> Tensor:
    """Estimate the duality gap [S] by searches of `steps` steps, in units of the loss."""
    gains = players_gains(trainer, dataset, steps)
    return gains.discriminator + gains.generator


def players_gains(trainer: GanTrainer, dataset: Dataset, steps: int) -> Gains:
    """Estimate the two parts of the gap.

    The trainer, its optimisers and the streams of training stay as they are.
    """
    searched, scored = _halves(dataset.held_out)
    against_generator = _best_response(trainer, "discriminator", searched, steps)
    against_discriminator = _best_response(trainer, "generator", searched, steps)
    present = against_discriminator.discriminator.frozen()
    better = against_generator.discriminator.frozen()
    batches = _HeldOutBatches(trainer, "discriminator", "scored", scored)
    num_batches = math.ceil(SCORED / trainer.config.batch_size)
    gain_d = gain_g = torch.zeros(len(trainer.config.seeds), device=trainer.device)
    for index in range(num_batches):
        batch = batches.at(steps + index)
        # The same images and latents for all three values: what they share cancels out.
        with torch.no_grad():
            fake = _fake(against_generator, batch)
            answered = _fake(against_discriminator, batch)
        at_present, step = _game_value(against_discriminator, batch, fake, present)
        at_better, better_step = _game_value(against_generator, batch, fake, better)
        at_answered, _ = _game_value(against_discriminator, batch, answered, present)
        of_terms = _own_terms(trainer, better_step) - _own_terms(trainer, step)
        gain_d = gain_d + (at_better - at_present - of_terms).detach()
        gain_g = gain_g + (at_present - at_answered).detach()
    return Gains(gain_d / num_batches, gain_g / num_batches)


def _halves(held_out: Tensor) -> tuple[Tensor, Tensor]:
    """Split the held-out data at random, in the same way for every configuration."""
    # At random, since files are often sorted by class.
    order = torch.randperm(len(held_out), generator=generator(0, "duality_gap/halves"))
    middle = (len(held_out) + 1) // 2
    return held_out[order[:middle]], held_out[order[middle:]]


class _HeldOutBatches:
    """Batches of one half of the held-out data with latents.

    Their random streams are ones that no step of training draws from.
    """

    def __init__(self, trainer: GanTrainer, player: Player, name: str, data: Tensor) -> None:
        config = trainer.config
        num = config.batch_size
        self._trainer = trainer
        self._player: Player = player
        self._data = data
        self._batches = Batches(
            config.seeds, f"duality_gap/{name}/batches", len(data), num, torch.device("cpu")
        )
        self._latents = Latents(
            config.seeds,
            f"duality_gap/{name}/latents",
            num,
            config.model.latent_dim,
            trainer.device,
            config.model.latent,
        )

    def at(self, step: int) -> Batch:
        """Return the batch of step `step`."""
        device = self._trainer.device
        real = as_float(self._data[self._batches.at(step)].to(device))
        # The remedies' random numbers are those of a step before the first, which no step of
        # training draws.
        context = StepContext(self._player, -1 - step, 1.0, self._trainer.config.seeds, device)
        return Batch(real, self._latents.at(step), context)


def _best_response(trainer: GanTrainer, player: Player, data: Tensor, steps: int) -> GanTrainer:
    """Return a copy of the trainer in which `player` has searched its best response."""
    rival = copy.deepcopy(trainer)
    config, ensemble = trainer.config, rival.players[player]
    values = list(ensemble.parameters.values())
    lr = config.lr_d if player == "discriminator" else config.lr_g
    numbers = optimisers.numbers_of_lanes(trainer.lanes, player)
    optimiser = optimisers.build(config, lr, values, numbers)
    batches = _HeldOutBatches(trainer, player, player, data)
    for step in range(steps):
        batch = batches.at(step)
        loss = _response_loss(rival, player, batch)
        gradients = torch.autograd.grad(
            loss.sum(), values, allow_unused=True, materialize_grads=True
        )
        for value, gradient in zip(values, gradients, strict=True):
            # The fused Adam reads memory, not strides; see GanTrainer.train_step.
            value.grad = gradient.contiguous()
        optimiser.step()
        # Clipped weights, the vectors of spectral_normalisation: what keeps the player in its
        # class.
        for remedy in [*rival.loss.terms(), *rival.remedies]:
            remedy.after_step(player, ensemble, batch.context)
    return rival


def _response_loss(rival: GanTrainer, player: Player, batch: Batch) -> Tensor:
    """Return what the searching player minimises, [S]."""
    if player == "generator":
        return _game_value(rival, batch, _fake(rival, batch), rival.discriminator.frozen())[0]
    with torch.no_grad():
        fake = _fake(rival, batch)
    # A view of a parameter claims to require gradients even here.
    value, step = _game_value(rival, batch, fake.detach(), rival.discriminator.parameters)
    return _own_terms(rival, step) - value


def _fake(trainer: GanTrainer, batch: Batch) -> Tensor:
    """Return generated images [S, B, ...], as in training."""
    trainer.generator.begin_step(batch.context.step)
    images: Tensor = trainer.generator(batch.latents)
    return images


def _own_terms(trainer: GanTrainer, step: DiscriminatorStep) -> Tensor:
    """Return the sum of the terms that belong to the loss itself, [S]."""
    terms = [
        term
        for remedy in trainer.loss.terms()
        if (term := remedy.discriminator_term(step)) is not None
    ]
    return torch.stack(terms).sum(0) if terms else torch.zeros_like(step.logits_real[:, 0])


def _game_value(
    trainer: GanTrainer, batch: Batch, fake: Tensor, critic: Parameters
) -> tuple[Tensor, DiscriminatorStep]:
    """Return M without the loss's own terms [S], and the outputs that those are formed on.

    critic: the discriminator's parameters. Running statistics follow; `trainer` is a copy.
    """
    real, context = batch.real, batch.context
    assert real is not None
    trainer.discriminator.begin_step(context.step)
    logits_real, _ = trainer.discriminate(real, "real", context, critic)
    logits_fake, _ = trainer.discriminate(fake, "fake", context, critic)
    step = DiscriminatorStep(
        real=real,
        fake=fake,
        logits_real=logits_real,
        logits_fake=logits_fake,
        discriminate=lambda images: trainer.discriminate(images, "between", context, critic),
        context=context,
    )
    return -trainer.loss.discriminator(logits_real, logits_fake), step

"""The duality gap: what the players could still gain from one another.

    DG(u, v) = max_v' M(u, v') - min_u' M(u', v)                    (Grnarova et al. 2019), u generator, v discriminator

M is the value of the zero-sum game behind the loss in use: minus the discriminator's loss, which the
discriminator maximises and the generator minimises, whatever the generator's own loss is. For both
cross-entropy losses it is eq. 1 of Goodfellow et al. 2014, -2 ln 2 at the equilibrium (Grnarova et al.: half of
it). Terms that belong to the loss itself count as limits of what v may be: the gradient penalty of wasserstein_gp
is subtracted from M at the present u, the clipping of wasserstein follows every step. What remedies add to the
losses (penalties, smoothed targets, other objectives) is left out, so that all remedies are measured in one game;
what they change in the networks, or in what the discriminator sees of an image, belongs to the players and stays.

M(u, v) on both sides splits the gap into two parts, neither of them negative for the best answers:

    DG = [max_v' M(u, v') - M(u, v)] + [M(u, v) - min_u' M(u', v)]       the discriminator's gain, the generator's gain

Each best answer is sought by a copy of the player that starts from the present one and makes a limited number of
steps with the optimiser's settings but empty moments, while the other player stands still, on one half of the
held-out data. The three values are then taken on the other half, all on the same images and fresh latents. So the
gap found is on average at most the true one: a longer search finds a larger gap, and a search that finds nothing
better, or that holds for its own half only, can even give a small negative one. Nothing is cut off. Compare gaps
of equal steps, step sizes and losses. M has no lower bound where the loss has none, so a strong discriminator
alone can make the generator's gain large.

Cost: `steps` training steps of either player without their remedies' terms, and forward passes of about 2,000
images for each of the three values. Memory: two more copies of both players with their optimisers' moments.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor

from trials import optimisers
from trials.data.dataset import Dataset, as_float
from trials.remedies.contract import Batch, DiscriminatorStep, Moment, Parameters, Player
from trials.step import Game
from trials.streams import Batches, Latents, generator

SCORED = 2048
"""Images per seed that the values are taken on, rounded up to whole batches."""


class Gains(NamedTuple):
    """What either player's answer gains over the present player, in units of the loss."""

    discriminator: Tensor
    """[S]"""
    generator: Tensor
    """[S]"""


def duality_gap(game: Game, dataset: Dataset, steps: int) -> Tensor:
    """[S]: the duality gap by searches of `steps` steps, in units of the loss; see the module."""
    gains = players_gains(game, dataset, steps)
    return gains.discriminator + gains.generator


def players_gains(game: Game, dataset: Dataset, steps: int) -> Gains:
    """The two parts of the gap. The game itself, its optimisers and the streams of training stay as they are."""
    searched, scored = _halves(dataset.held_out)
    against_generator = _answer(game, "discriminator", searched, steps)
    against_discriminator = _answer(game, "generator", searched, steps)
    present, better = against_discriminator.discriminator.frozen(), against_generator.discriminator.frozen()
    batches = _Supply(game, "discriminator", "scored", scored)
    num_batches = math.ceil(SCORED / game.config.batch_size)
    gain_d = gain_g = torch.zeros(len(game.config.seeds), device=game.device)
    for index in range(num_batches):
        batch = batches.at(steps + index)
        with torch.no_grad():
            fake = _fake(against_generator, batch)
            answered = _fake(against_discriminator, batch)
        gain_d = gain_d + _limited_value(against_generator, batch, fake, better).detach()
        gain_d = gain_d - _limited_value(against_discriminator, batch, fake, present).detach()
        with torch.no_grad():
            gain_g = gain_g + _value(against_discriminator, batch, fake, present)
            gain_g = gain_g - _value(against_discriminator, batch, answered, present)
    return Gains(gain_d / num_batches, gain_g / num_batches)


def _halves(held_out: Tensor) -> tuple[Tensor, Tensor]:
    """A random half, the same for every configuration, and the rest; files are often sorted by class."""
    order = torch.randperm(len(held_out), generator=generator(0, "duality_gap/halves"))
    middle = (len(held_out) + 1) // 2
    return held_out[order[:middle]], held_out[order[middle:]]


class _Supply:
    """Batches of one half of the held-out data with latents, in streams that no step of training draws from."""

    def __init__(self, game: Game, player: Player, name: str, data: Tensor) -> None:
        config = game.config
        num, dim, kind = config.batch_size, config.model.latent_dim, config.model.latent
        self._game, self._player, self._data = game, player, data
        self._batches = Batches(config.seeds, f"duality_gap/{name}/batches", len(data), num, torch.device("cpu"))
        self._latents = Latents(config.seeds, f"duality_gap/{name}/latents", num, dim, game.device, kind)

    def at(self, step: int) -> Batch:
        """What step `step` is made on; the remedies' random numbers are those of a step before the first."""
        real = as_float(self._data[self._batches.at(step)].to(self._game.device))
        moment = Moment(self._player, -1 - step, 1.0, self._game.config.seeds, self._game.device)
        return Batch(real, self._latents.at(step), moment)


def _answer(game: Game, player: Player, data: Tensor, steps: int) -> Game:
    """A copy of the game in which `player` has looked for its best answer to the other."""
    rival = copy.deepcopy(game)
    config, pack = game.config, rival.players[player]
    values = list(pack.parameters.values())
    lr = config.lr_d if player == "discriminator" else config.lr_g
    optimiser = optimisers.build(config, lr, values)
    batches = _Supply(game, player, player, data)
    for step in range(steps):
        batch = batches.at(step)
        loss = _loss(rival, player, batch)
        gradients = torch.autograd.grad(loss.sum(), values, allow_unused=True, materialize_grads=True)
        for value, gradient in zip(values, gradients, strict=True):
            value.grad = gradient.contiguous()  # the fused Adam reads memory, not strides; see trials/step.py
        optimiser.step()
        # Clipped weights, the vectors of spectral_normalisation: what keeps the player in its class.
        for remedy in [*rival.loss.terms(), *rival.remedies]:
            remedy.after_step(player, pack, batch.moment)
    return rival


def _loss(rival: Game, player: Player, batch: Batch) -> Tensor:
    """[S]: what the searching player minimises; the other one, its running statistics included, stands still."""
    if player == "generator":
        fake = _fake(rival, batch, moves=True)
        return _value(rival, batch, fake, rival.discriminator.frozen())
    with torch.no_grad():
        fake = _fake(rival, batch)
    return -_limited_value(rival, batch, fake.detach(), rival.discriminator.parameters, moves=True)


def _fake(game: Game, batch: Batch, moves: bool = False) -> Tensor:
    """Generated images [S, B, ...], as in training. moves: running statistics follow."""
    game.generator.begin(batch.moment.step)
    images: Tensor = game.generator(batch.latents, keep_buffers=not moves)
    return images


def _value(game: Game, batch: Batch, fake: Tensor, critic: Parameters) -> Tensor:
    """[S]: M without the loss's own terms."""
    return _judged(game, batch, fake, critic, moves=False)[0]


def _limited_value(game: Game, batch: Batch, fake: Tensor, critic: Parameters, moves: bool = False) -> Tensor:
    """[S]: M less the terms that belong to the loss. moves: the critic's running statistics follow."""
    value, step = _judged(game, batch, fake, critic, moves)
    for remedy in game.loss.terms():
        term = remedy.discriminator_term(step)
        value = value if term is None else value - term
    return value


def _judged(
    game: Game, batch: Batch, fake: Tensor, critic: Parameters, moves: bool
) -> tuple[Tensor, DiscriminatorStep]:
    """(M without the loss's own terms [S], what they are formed on)."""
    real, moment = batch.real, batch.moment
    assert real is not None
    game.discriminator.begin(moment.step)
    logits_real, _ = game.judge(real, "real", moment, critic, keep_buffers=not moves)
    logits_fake, _ = game.judge(fake, "fake", moment, critic, keep_buffers=not moves)

    def judge(images: Tensor) -> tuple[Tensor, Tensor]:
        return game.judge(images, "between", moment, critic, keep_buffers=not moves)

    step = DiscriminatorStep(real, fake, logits_real, logits_fake, judge, moment)
    return -game.loss.discriminator(logits_real, logits_fake), step

"""Measure the path angle: whether the game is pulled to where training ended or turns around it.

    omega_alpha = alpha omega_2 + (1 - alpha) omega_1          omega_1: both players at the start, omega_2: at the end
    v           = (grad L_G, grad L_D)                         each player's own whole loss, in its own parameters
    c(alpha)    = cos(omega_1 - omega_2, v(omega_alpha))                                      (Berard et al. 2020)

A step goes along -v. On the way to a point that attracts, -v points ahead, c > 0; beyond it, back,
c < 0:

    attraction = (mean of c over [0.9, 1) - mean of c over (1, 1.1]) / 2                      half the sign's switch

Where the game turns around the end, c is near 0 on both sides and has a bump where the path passes
beside the centre. Its height and sign depend on where beside the centre the training happened to
stop, and exactly at it there is none. So the bump is made on purpose, on either side:

    u        = direction of sum v(before the end) - sum v(beyond it), its part along the path taken out
    rotation = (c at omega_2 - h u  -  c at omega_2 + h u) / 2,     h = |omega_1 - omega_2| / 20

u is where the field leans as one moves along the path; where the game turns, the field beside the
path then leans back. In a game v = A (omega - omega*) that ends at or near omega*:

    A = a I + b (a turn by 90 degrees)     attraction a / sqrt(a^2 + b^2), rotation |b| / sqrt(a^2 + b^2)
    A symmetric (a single loss)            rotation <= 0
    A antisymmetric (bilinear zero-sum)    attraction 0, rotation > 0

In many dimensions both are small, since few directions lie along the path: compare them with one
another and between configurations, not with 1. Far from any equilibrium c keeps its sign and both
are near 0.

The parameters move along the path, all else is that of the end: running statistics (which
training-mode networks do not read), what remedies remember, the singular vectors of
spectral_normalisation (sigma is then off by second order in the distance). The gradient counts in
full where the weight clipping of wasserstein would undo it. Moving averages of the generator play
no part.

Cost: 10 gradients of either player on the given number of batches. Memory: one more copy of both
players with their optimisers' moments, and about eight of the parameters.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.ensemble.streams import Batches, Flips, Latents, mirrored
from ganstudy.trials.gan.trainer import GanTrainer

Vector = list[Tensor]
"""All parameters of both players, or one number for each of them; the tensors are [S, ...]."""
BESIDE = (0.0125, 0.0375, 0.0625, 0.0875)
"""|1 - alpha| on either side of the end: the midpoints of four equal parts of [0, 0.1]."""
SIDEWAYS = 0.05
"""h, as a share of the path's length: the mean distance of the points along the path."""
STRAIGHT = 1e-5
"""A lean below this share of the field's change is rounding: the game does not turn."""
PLAYERS: tuple[Player, Player] = ("generator", "discriminator")


class PathScores(NamedTuple):
    """Cosines between -1 and 1; NaN where a seed is not finite or has not moved."""

    attraction: Tensor
    """[S]"""
    rotation: Tensor
    """[S]"""


def path_scores(field: Callable[[Vector], Vector], start: Vector, end: Vector) -> PathScores:
    """Return attraction and rotation of the field v between omega_1 = start and omega_2 = end."""
    path = _plus(start, end, -1)
    length = _norm(path)
    direction = _times(path, 1 / length)
    switch = torch.zeros_like(length)
    change = [torch.zeros_like(value) for value in path]
    for distance in BESIDE:
        before = field(_plus(end, path, distance))
        beyond = field(_plus(end, path, -distance))
        switch = switch + _cosine(direction, before) - _cosine(direction, beyond)
        change = _plus(_plus(change, before), beyond, -1)
    lean = change
    # Twice: once leaves rounding along the path, which matters where hardly anything else is left.
    for _ in range(2):
        lean = _plus(lean, direction, -_dot(direction, lean))
    sideways = _times(lean, SIDEWAYS * length / _norm(lean))
    bumps = [_cosine(direction, field(_plus(end, sideways, side))) for side in (-1, 1)]
    straight = _norm(lean) <= STRAIGHT * _norm(change)
    rotation = torch.where(straight, torch.zeros_like(length), (bumps[0] - bumps[1]) / 2)
    return PathScores(switch / (2 * len(BESIDE)), rotation)


def path_angle(trainer: GanTrainer, dataset: Dataset, batches: int) -> PathScores:
    """Return the scores of the path from the trainer's initial point to its present one.

    batches: of training data, the same at every point. The trainer, its optimisers and the streams
    of training stay as they are.
    """
    start = GanTrainer(
        trainer.config, dataset.shape, dataset.bounded, trainer.device, trainer.lanes
    )
    return path_scores(_Field(trainer, dataset, batches), _position(start), _position(trainer))


class _Field:
    """The field v on a copy of the trainer, on the same batches at every point.

    Batches have the size of training's, whose images some discriminators compare, and gradients are
    averaged.
    """

    def __init__(self, trainer: GanTrainer, dataset: Dataset, batches: int) -> None:
        config = trainer.config
        num, dim, kind = config.batch_size, config.model.latent_dim, config.model.latent
        self._trainer = copy.deepcopy(trainer)
        self._train = dataset.train
        self._num_batches = batches
        self._present = _position(self._trainer)
        drawn = config.seeds, "path_angle/batches", len(dataset.train), num, torch.device("cpu")
        self._batches = Batches(*drawn)
        self._flips = Flips(*drawn) if dataset.mirror else None
        self._latents = Latents(config.seeds, "path_angle/latents", num, dim, trainer.device, kind)

    def __call__(self, point: Vector) -> Vector:
        torch._foreach_copy_(self._present, point)
        total = [torch.zeros_like(value) for value in point]
        for index in range(self._num_batches):
            for ensemble in self._trainer.players.values():
                ensemble.begin_step(-1 - index)
            gradients = [
                g
                for player in PLAYERS
                for g in self._trainer.gradients(player, self._batch(player, index))
            ]
            total = _plus(total, gradients)
        return [value / self._num_batches for value in total]

    def _batch(self, player: Player, index: int) -> Batch:
        # The remedies' random numbers are those of a step before the first, which no step of
        # training draws.
        device = self._trainer.device
        real = as_float(self._train[self._batches.at(index)].to(device))
        if self._flips is not None:
            real = mirrored(real, self._flips.at(index).to(device))
        context = StepContext(player, -1 - index, 1.0, self._trainer.config.seeds, device)
        return Batch(real, self._latents.at(index), context)


def _position(trainer: GanTrainer) -> Vector:
    """Return both players' parameters, without gradients."""
    return [
        value.detach()
        for player in PLAYERS
        for value in trainer.players[player].parameters.values()
    ]


def _times(vector: Vector, factor: Tensor) -> Vector:
    """Return factor * vector, each seed by its own factor [S]."""
    return [value * factor.reshape(-1, *[1] * (value.dim() - 1)) for value in vector]


def _plus(vector: Vector, other: Vector, factor: float | Tensor = 1.0) -> Vector:
    """Return vector + factor * other. factor: one number, or [S]."""
    scaled = (
        _times(other, factor) if isinstance(factor, Tensor) else [factor * value for value in other]
    )
    return [a + b for a, b in zip(vector, scaled, strict=True)]


def _dot(vector: Vector, other: Vector) -> Tensor:
    """Return the inner product of either seed's vectors, [S]."""
    # unsqueeze: a parameter without axes is [S] in the stack, which flatten(1) refuses.
    products = [(a * b).unsqueeze(-1).flatten(1).sum(1) for a, b in zip(vector, other, strict=True)]
    return torch.stack(products).sum(0)


def _norm(vector: Vector) -> Tensor:
    """Return the Euclidean norm, [S]."""
    return _dot(vector, vector).sqrt()


def _cosine(direction: Vector, vector: Vector) -> Tensor:
    """Return the cosine [S] of a unit vector and any other."""
    return _dot(direction, vector) / _norm(vector)

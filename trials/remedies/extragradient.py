"""Extragradient: the gradient is taken one step ahead, the step is made from here.

    omega' = omega_t - eta F(omega_t)                 both players look ahead
    omega_{t+1} = omega_t - eta F(omega')             (Korpelevich 1976; Gidel et al. 2019, sec. 3.2)

omega is both players' parameters and F their gradients. Here the players take turns: in either's
step both look ahead by one step of their own optimisers from the present point, on the step's own
batch, and the player whose turn it is takes its gradient there and steps from the saved point.

With Adam or rmsprop, the moments take in the gradients of the actual steps alone; Gidel et al.'s
ExtraAdam lets those of the look-ahead in as well. Running statistics take in what is seen at the
look-ahead point. Cost: a step takes the gradients of three.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ganstudy.trials.ensemble.optimisers import VirtualSteps
from ganstudy.trials.ensemble.step_context import Batch, GanView
from ganstudy.trials.remedies.base import Remedy


class Extragradient(Remedy):
    """See the module."""

    looks_at_both_players = True

    @contextmanager
    def lookahead(self, trainer: GanView, batch: Batch) -> Iterator[None]:
        """While it lasts, both players stand at omega'; afterwards, to the bit, where they stood."""
        values = [
            value.detach()
            for ensemble in trainer.players.values()
            for value in ensemble.parameters.values()
        ]
        statistics = [
            value for ensemble in trainer.players.values() for value in ensemble.buffers.values()
        ]
        saved, saved_statistics = [v.clone() for v in values], [v.clone() for v in statistics]
        ahead: list[Tensor] = []
        for player, optimiser in trainer.optimisers.items():
            own = [value.detach() for value in trainer.players[player].parameters.values()]
            ahead += VirtualSteps(optimiser).step(own, trainer.gradients(player, batch))
        for value, before in zip(statistics, saved_statistics, strict=True):
            value.copy_(before)
        torch._foreach_copy_(values, ahead)
        yield
        torch._foreach_copy_(values, saved)

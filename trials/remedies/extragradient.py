"""Extragradient: the gradient is taken one step ahead, the step is made from here.

    omega' = omega_t - eta F(omega_t)                 both players look ahead
    omega_{t+1} = omega_t - eta F(omega')             (Korpelevich 1976; Gidel et al. 2019, sec. 3.2)

omega is both players' parameters, F their gradients, eta the step size.

Here the players take turns: in either's step both look ahead by one step of their own optimisers
from the present point, on the step's own batch, and the player whose turn it is takes its gradient
there and steps from the saved point.

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
    """Gradients taken one step ahead of both players."""

    looks_at_both_players = True

    @contextmanager
    def lookahead(self, gan: GanView, batch: Batch) -> Iterator[None]:
        """Context manager in which both players are at omega'.

        Afterwards they are, to the bit, where they were.
        """
        values = [
            value.detach()
            for ensemble in gan.players.values()
            for value in ensemble.parameters.values()
        ]
        statistics = [
            value for ensemble in gan.players.values() for value in ensemble.buffers.values()
        ]
        saved = [value.clone() for value in values]
        saved_statistics = [value.clone() for value in statistics]
        # Both gradients are taken at the present point, so neither player moves before both are
        # known.
        ahead: list[Tensor] = []
        for player, optimiser in gan.optimisers.items():
            own = [value.detach() for value in gan.players[player].parameters.values()]
            ahead += VirtualSteps(optimiser).step(own, gan.gradients(player, batch))
        # The gradients above have moved the running statistics; those of the step itself count.
        for value, before in zip(statistics, saved_statistics, strict=True):
            value.copy_(before)
        # In place: the optimisers step from these tensors.
        torch._foreach_copy_(values, ahead)
        yield
        torch._foreach_copy_(values, saved)

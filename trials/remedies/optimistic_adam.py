"""Optimistic Adam: each player corrects its step by what the last one got wrong.

    theta_{t+1} = theta_t - 2 eta u_t + eta u_{t-1}, u_0 = 0          (Daskalakis et al. 2018, alg. 1)

u_t is the direction of the optimiser, eta its step size.

For Adam u_t is m / (sqrt(v) + eps), both bias-corrected, as published; for sgd the gradient, which
gives optimistic gradient descent; for rmsprop g / (sqrt(v) + eps). The first step is twice as long
as a plain one, as the equation says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ganstudy.trials.config.remedies import OptimisticAdamOptions
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Player
from ganstudy.trials.remedies.base import Remedy


class OptimisticAdam(Remedy):
    """Update that extrapolates from the last two directions of the optimiser.

    Memory: one more copy of both players' parameters.
    """

    recordable = True

    def __init__(self, options: OptimisticAdamOptions) -> None:
        super().__init__(options)
        self._last: dict[Player, list[Tensor]] = {}

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Set u_0 = 0."""
        self._last[player] = [torch.zeros_like(value) for value in ensemble.parameters.values()]

    @contextmanager
    def update(self, player: Player, ensemble: SeedEnsemble) -> Iterator[None]:
        """Context manager after which the player is where the module's equation puts it."""
        values = [value.detach() for value in ensemble.parameters.values()]
        before = [value.clone() for value in values]
        # From 0 the optimiser arrives at -eta u_t itself; the difference of two positions has few
        # of its digits.
        torch._foreach_zero_(values)
        yield
        moves = [value.clone() for value in values]
        last = self._last[player]
        torch._foreach_copy_(values, before)
        torch._foreach_add_(values, torch._foreach_sub(torch._foreach_mul(moves, 2.0), last))
        torch._foreach_copy_(last, moves)

    def state(self) -> dict[str, Tensor]:
        """Return the last moves, -eta u_{t-1}, of both players."""
        return {
            f"{player}.{index}": move
            for player, moves in self._last.items()
            for index, move in enumerate(moves)
        }

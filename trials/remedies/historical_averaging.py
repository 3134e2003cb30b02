"""Historical averaging: each player is drawn towards the average of its own past.

    L += lambda ||theta - (theta[1] + ... + theta[t]) / t||^2            (Salimans et al. 2016, sec. 3.3)

theta[t] are the player's parameters before its step t.

The average is a constant of the step. Being a term of the loss, it passes through Adam together
with the rest, as the equation says (an optimiser step of its own would make Adam rescale lambda
away).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.remedies import HistoricalAveragingOptions
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Parameters, Player, StepContext
from ganstudy.trials.remedies.base import Remedy


class HistoricalAveraging(Remedy):
    """Squared distance of each player from its average so far.

    Memory: one more copy of both players' parameters.
    """

    options: HistoricalAveragingOptions

    def __init__(self, options: HistoricalAveragingOptions) -> None:
        super().__init__(options)
        self._average: dict[Player, list[Tensor]] = {}
        self._count: dict[Player, Tensor] = {}

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Begin the history with the initial parameters."""
        self._average[player] = [value.detach().clone() for value in ensemble.parameters.values()]
        # A tensor, as checkpoints hold it; in double precision, which counts far beyond 2^24.
        self._count[player] = torch.ones((), dtype=torch.float64)

    def penalty(self, player: Player, parameters: Parameters) -> Tensor:
        """Return lambda times the squared distance to the average [S].

        The distance is over all parameters of a seed.
        """
        pairs = zip(parameters.values(), self._average[player], strict=True)
        # flatten(1) keeps the seeds apart: one penalty for each. It needs a second axis, which a
        # parameter that is one number lacks.
        squares = [
            (value - average).square().unsqueeze(-1).flatten(1).sum(1) for value, average in pairs
        ]
        return self.number("weight") * torch.stack(squares).sum(0)

    @torch.no_grad()
    def after_step(self, player: Player, ensemble: SeedEnsemble, context: StepContext) -> None:
        """Take the new parameters into the average."""
        self._count[player] += 1
        values = [value.detach() for value in ensemble.parameters.values()]
        # For all parameters at once: on a GPU, one kernel instead of one for each.
        torch._foreach_lerp_(self._average[player], values, 1.0 / float(self._count[player]))

    def state(self) -> dict[str, Tensor]:
        """Return averages and counts of both players."""
        state = {f"{player}.count": count for player, count in self._count.items()}
        for player, averages in self._average.items():
            state |= {f"{player}.{index}": average for index, average in enumerate(averages)}
        return state

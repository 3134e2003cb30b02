"""Average of the generator: samples come from a moving average of its parameters.

    theta_ema <- decay theta_ema + (1 - decay) theta           after every generator step
                                                                      (Yazici et al. 2019)

Up to generator step `start` the average is the present generator. Buffers of floating point (running
statistics) are averaged alike; others are the present ones. Training never sees the average: only
samples, and so all measures of samples, come from it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trials.pack import Pack
from trials.remedies.contract import Moment, Parameters, Player, Remedy


class GeneratorEMA(Remedy):
    """See the module. Memory: one more copy of the generator."""

    def start(self, player: Player, pack: Pack) -> None:
        """The average begins at the initial generator."""
        if player == "generator":
            self._average = {name: value.detach().clone() for name, value in _averaged(pack).items()}

    @torch.no_grad()
    def after_step(self, player: Player, pack: Pack, moment: Moment) -> None:
        """Takes the new generator into the average."""
        if player == "generator":
            kept = self.options.decay if moment.step >= self.options.start else 0.0
            present = [value.detach() for value in _averaged(pack).values()]
            torch._foreach_lerp_(list(self._average.values()), present, 1.0 - kept)

    def sampling_state(self, pack: Pack) -> tuple[Parameters, dict[str, Tensor]]:
        """The averages."""
        parameters = {name: self._average[name] for name in pack.parameters}
        buffers = {name: self._average.get(name, value) for name, value in pack.buffers.items()}
        return parameters, buffers

    def state(self) -> dict[str, Tensor]:
        """The averages by the names of what they average."""
        return self._average


def _averaged(pack: Pack) -> dict[str, Tensor]:
    return {name: value for name, value in pack.state().items() if value.is_floating_point()}

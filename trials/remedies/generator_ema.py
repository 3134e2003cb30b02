"""Generator EMA: samples come from a moving average of the generator's parameters.

    theta_ema <- decay theta_ema + (1 - decay) theta        after every generator step (Yazici et al. 2019)

A short training would be averaged with its own beginning: the half-life ln 0.5 / ln decay is
therefore at most `rampup` times the steps since `start` (Karras et al. 2020, "Training GANs with
limited data", and its released code). Up to generator step `start` the average is the present
generator. Buffers of floating point (running statistics) are averaged alike; others are the present
ones, and so is what never moves: frozen parameters, and buffers that hold an infinite number (a
mask). Training never sees the average: only samples, and so all measures of samples, come from it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganstudy.trials.config.remedies import GeneratorEMAOptions
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Parameters, Player, StepContext
from ganstudy.trials.remedies.base import Remedy


class GeneratorEMA(Remedy):
    """Moving average of the generator, from which samples come. Memory: one more copy of it."""

    options: GeneratorEMAOptions

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Begin the average at the initial generator."""
        if player == "generator":
            masks = {n for n, value in ensemble.buffers.items() if bool(value.isinf().any())}
            self._average = {
                name: value.detach().clone()
                for name, value in _averaged(ensemble).items()
                if name not in masks
            }

    @torch.no_grad()
    def after_step(self, player: Player, ensemble: SeedEnsemble, context: StepContext) -> None:
        """Take the new generator into the average."""
        if player == "generator":
            steps = context.step - self.options.start
            share = self.computed(lambda options: 1.0 - decay_after(options, steps))
            present = [ensemble.tensor(name).detach() for name in self._average]
            averages = list(self._average.values())
            if isinstance(share, Tensor):
                for average, value in zip(averages, present, strict=True):
                    average.lerp_(value, share.to(value).reshape(-1, *[1] * (value.dim() - 1)))
            else:
                torch._foreach_lerp_(averages, present, share)

    def sampling_state(self, ensemble: SeedEnsemble) -> tuple[Parameters, dict[str, Tensor]]:
        """Return the averages, and the present value of buffers that have none."""
        parameters = {name: self._average[name] for name in ensemble.parameters}
        buffers = {name: self._average.get(name, value) for name, value in ensemble.buffers.items()}
        return parameters, buffers

    def state(self) -> dict[str, Tensor]:
        """Return the averages by the names of what they average."""
        return self._average


def decay_after(options: GeneratorEMAOptions, steps: int) -> float:
    """Return the decay after `steps` averaged generator steps; below 0 the averaging has not begun."""
    decay = options.decay
    if steps < 0 or decay == 0:
        return 0.0
    if not options.rampup:
        return decay
    max_half_life = options.rampup * steps
    return min(decay, 0.5 ** (1 / max_half_life)) if max_half_life else 0.0


def _averaged(ensemble: SeedEnsemble) -> dict[str, Tensor]:
    # Batch normalisation counts its batches in whole numbers, which have no average.
    return {
        name: value
        for name, value in ensemble.state().items()
        if value.is_floating_point() and name not in ensemble.frozen_names
    }

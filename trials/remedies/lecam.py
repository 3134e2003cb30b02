"""LeCam: outputs are drawn towards past outputs on the other kind of image.

    L_D += lambda (E max(0, D(x) - a_fake)^2 + E max(0, a_real - D(G(z)))^2)
    a_kind <- decay a_kind + (1 - decay) E D(kind)                         (Tseng et al. 2021)

The averages are constants of the step, include its own batch and start from the first batch's
means. As printed, the term squares both differences whatever their sign; the released codes, which
this follows, only where the discriminator has the two kinds the right way round. Unlike theirs,
whose averages forget everything (decay 0) until the penalty sets in, the averages here run with
their decay from the beginning.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganstudy.trials.config.remedies import LeCamOptions
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import DiscriminatorStep, Player
from ganstudy.trials.remedies.base import Remedy


class LeCam(Remedy):
    """Penalty on outputs that are far from the moving average of those on the other kind."""

    options: LeCamOptions

    def __init__(self, options: LeCamOptions) -> None:
        super().__init__(options)
        self._average: dict[str, Tensor] = {}
        # A tensor, as checkpoints hold it; on the CPU, where reading it does not wait for a GPU.
        self._steps = torch.zeros((), dtype=torch.int64)

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Begin one average per seed and kind of image."""
        if player == "discriminator":
            some = next(iter(ensemble.parameters.values()))
            self._average = {kind: some.new_zeros(len(ensemble.seeds)) for kind in ("real", "fake")}

    def discriminator_term(self, step: DiscriminatorStep) -> Tensor | None:
        """Return the penalty [S], or None before it sets in."""
        if self._steps < self.options.start:
            return None
        # `observe` stores them only after the loss, but they include this batch already.
        averages = self._updated(step)
        too_real = F.relu(step.logits_real - averages["fake"][:, None]).square().mean(-1)
        too_fake = F.relu(averages["real"][:, None] - step.logits_fake).square().mean(-1)
        return self.number("weight") * (too_real + too_fake)

    def observe(self, step: DiscriminatorStep) -> None:
        """Take the step's outputs into the averages."""
        for kind, average in self._updated(step).items():
            self._average[kind].copy_(average)
        self._steps += 1

    @torch.no_grad()
    def _updated(self, step: DiscriminatorStep) -> dict[str, Tensor]:
        """Return the averages [S] with the outputs of `step` taken in."""
        # Before the first step the averages are zeros, which should not count.
        decay = self.number("decay") if self._steps else 0.0
        means = {"real": step.logits_real.mean(-1), "fake": step.logits_fake.mean(-1)}
        return {
            kind: decay * self._average[kind] + (1 - decay) * mean for kind, mean in means.items()
        }

    def state(self) -> dict[str, Tensor]:
        """Return the averages and the number of the discriminator's steps."""
        return {
            "steps": self._steps,
            **{f"average_{kind}": average for kind, average in self._average.items()},
        }

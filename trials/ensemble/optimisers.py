"""The players' optimisers, and steps that they would make, without making them.

The updates, with gradient g, step size lr and t counting from 1:

    sgd      theta - lr g
    rmsprop  v = beta2 v + (1 - beta2) g^2;  theta - lr g / (sqrt(v) + eps)          Hinton 2012, lecture 6e
    adam     m = beta1 m + (1 - beta1) g;  v as above;                               Kingma & Ba 2015, alg. 1
             theta - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig

EPS = 1e-8
"""The default of torch and of Kingma & Ba for Adam; of rmsprop too, so that both read alike."""
TINY = 1e-24
"""Below this, the square root of a second moment has no useful derivative (at 0 it is infinite)."""


def build(config: TrialConfig, lr: float, values: Sequence[Tensor]) -> torch.optim.Optimizer:
    """Return the optimiser of one player over the parameters [S, ...] of all seeds.

    All three work elementwise, so that the seeds stay apart.
    """
    if config.optimiser == "adam":
        # capturable: the step may be captured in a CUDA graph; the fused update is the same.
        capturable = values[0].is_cuda
        betas = (config.beta1, config.beta2)
        return torch.optim.Adam(
            values, lr=lr, betas=betas, eps=EPS, fused=True, capturable=capturable
        )
    if config.optimiser == "rmsprop":
        return torch.optim.RMSprop(values, lr=lr, alpha=config.beta2, eps=EPS, foreach=True)
    return torch.optim.SGD(values, lr=lr, foreach=True)


class VirtualSteps:
    """Steps that an optimiser would make from its present state, without making them.

    Functions of values and gradients, differentiable where the gradients are. Neither the
    optimiser's parameters nor its moments change.
    """

    def __init__(self, optimiser: torch.optim.Optimizer) -> None:
        group = optimiser.param_groups[0]
        self._kind = type(optimiser)
        self._lr = group["lr"]
        self._betas = (
            group["betas"] if self._kind is torch.optim.Adam else (0.0, group.get("alpha", 0.0))
        )
        # Before its first step an optimiser has no moments: they are zero.
        held = [optimiser.state.get(value, {}) for value in group["params"]]
        self._step = int(held[0]["step"]) if held[0] else 0
        second = "exp_avg_sq" if self._kind is torch.optim.Adam else "square_avg"
        zeros = [torch.zeros_like(value) for value in group["params"]]
        self._first = [state.get("exp_avg", zero) for state, zero in zip(held, zeros, strict=True)]
        self._second = [state.get(second, zero) for state, zero in zip(held, zeros, strict=True)]

    def step(self, values: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """Return the values after one more step on `gradients`."""
        if self._kind is torch.optim.SGD:
            return [
                value - self._lr * gradient
                for value, gradient in zip(values, gradients, strict=True)
            ]
        # New tensors at every step: the gradient of an unrolled step runs through the moments too.
        beta1, beta2 = self._betas
        self._step += 1
        self._second = [
            beta2 * v + (1 - beta2) * g.square()
            for v, g in zip(self._second, gradients, strict=True)
        ]
        if self._kind is torch.optim.RMSprop:
            directions = list(gradients)
            correction = 1.0
        else:
            self._first = [
                beta1 * m + (1 - beta1) * g for m, g in zip(self._first, gradients, strict=True)
            ]
            directions = [m / (1 - beta1**self._step) for m in self._first]
            correction = 1 - beta2**self._step
        return [
            value - self._lr * direction / ((v / correction).clamp_min(TINY).sqrt() + EPS)
            for value, direction, v in zip(values, directions, self._second, strict=True)
        ]

"""Adversarial losses on the discriminator's logits, one value per seed.

Shapes: S seeds, B images; logits are [S, B], losses [S]. The discriminator's probability is
sigmoid(logit).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """What each player minimises."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    """(logits on real, logits on generated) -> [S]"""
    generator: Callable[[Tensor], Tensor]
    """(logits on generated) -> [S]"""


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))): Goodfellow et al. 2014, eq. 1, as a minimisation. Nats; 2 ln 2 at D = 1/2."""
    return F.softplus(-real).mean(-1) + F.softplus(fake).mean(-1)


def minimax(fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))): Goodfellow et al. 2014, eq. 1. Its gradient fades where the discriminator wins."""
    return -F.softplus(fake).mean(-1)


def non_saturating(fake: Tensor) -> Tensor:
    """-E log D(G(z)): Goodfellow et al. 2014, sec. 3. Same fixed point, strong gradient where the generator loses."""
    return F.softplus(-fake).mean(-1)


LOSSES: dict[str, Loss] = {
    "non_saturating": Loss(cross_entropy, non_saturating),
    "minimax": Loss(cross_entropy, minimax),
}

"""Discriminator AUC: how well the discriminator separates real from generated images.

The area under the ROC curve (AUC): P(D(x) > D(G(z))) + P(D(x) = D(G(z))) / 2 for a random real and
a random generated image, Hanley and McNeil 1982; the Mann-Whitney U over the number of pairs. It
depends on the order of the logits alone, so it means the same for every loss, for losses without
probabilities too: 1/2 where the discriminator cannot separate them (the optimum of Goodfellow et
al. 2014), 1 where it always can, below 1/2 where the generator has overtaken it. On B real and B'
generated images its standard error at 1/2 is sqrt((B + B' + 1) / (12 B B')): 0.051 for 64 of each.
"""

from __future__ import annotations

import torch
from torch import Tensor


def discriminator_auc(real: Tensor, fake: Tensor) -> Tensor:
    """Return the AUC per seed [S], float64, from logits real [S, B] and fake [S, B'].

    NaN for a seed with a NaN among them.
    """
    # Sorting once makes it B log B' instead of the B x B' table of pairs.
    ordered = fake.sort(dim=1).values
    # torch.searchsorted warns of a slow copy otherwise.
    real = real.contiguous()
    below = torch.searchsorted(ordered, real, side="left")
    below_or_tied = torch.searchsorted(ordered, real, side="right")
    area = (below + below_or_tied).double().mean(dim=1) / (2 * fake.shape[1])
    # torch sorts NaN behind every number, so it would count as the surest of all logits.
    return area.masked_fill(real.isnan().any(dim=1) | fake.isnan().any(dim=1), torch.nan)

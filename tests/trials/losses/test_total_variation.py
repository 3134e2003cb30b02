"""The total variation loss at the optimum that follows from its equation."""

from __future__ import annotations

import numpy as np
import torch

from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.losses import build


def test_the_best_discriminator_gives_the_total_variation(conformance) -> None:
    """Two distributions on four values, each drawn as often as its probability says."""
    p, q = np.array([1, 2, 3, 4]), np.array([4, 4, 1, 1])
    loss = build(LOSSES["total_variation"]())
    index_p, index_q = (np.repeat(np.arange(4), counts) for counts in (p, q))
    distance = np.abs(p - q).sum() / 20

    def value(outputs: np.ndarray) -> float:
        table = torch.tensor(outputs)
        return float(loss.discriminator(table[None, index_p], table[None, index_q]).item())

    found = value(100.0 * np.sign(p - q))
    conformance("loss total_variation", "-TV", abs(found + distance), 1e-12)
    for outputs in np.random.default_rng(0).normal(size=(200, 4)) * 3:
        assert value(outputs) >= -distance

"""How many trials a machine holds at a time; free of Ray, for what is asked before it starts."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping

from ganstudy.study.spec.tables import Resources

Node = Mapping[str, float]
"""Resources by Ray's names, CPU and GPU among them."""
EPSILON = 1e-9
"""Added before rounding down, as 1 / 0.1 in floating point must count as 10."""


def trial_capacity(node: Node, resources: Resources) -> int:
    """Return how many trials a node holds at a time; a fraction of a GPU lies on one card."""
    trials = node.get("CPU", 0) / resources.cpus
    if resources.gpus >= 1:
        trials = min(trials, node.get("GPU", 0) / resources.gpus)
    elif resources.gpus:
        # Ray does not split a fraction over two cards: count per card, then the cards.
        per_card = math.floor(1 / resources.gpus + EPSILON)
        trials = min(trials, math.floor(node.get("GPU", 0) + EPSILON) * per_card)
    return math.floor(trials + EPSILON)


def slots_here(resources: Resources, gpus: int = 0) -> int:
    """Return how many trials this machine, with so many GPUs, trains at a time; 0 if none fits."""
    held = trial_capacity({"CPU": float(os.cpu_count() or 1), "GPU": gpus}, resources)
    return min(held, resources.max_concurrent or sys.maxsize)

"""Remedies that are on and never act, since they set in after the budget is spent."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trials.config import TrialConfig


def dormant(config: TrialConfig) -> list[str]:
    """One sentence per remedy that the budget ends before; none where the budget is in seconds."""
    if "lecam" not in config.remedies:
        return []
    start, steps = config.remedy_options["lecam"]["start"], _discriminator_steps(config)
    if steps is None or start < steps:
        return []
    return [f"lecam never acts: it sets in after {start} discriminator steps, and the budget has {steps} (lecam.start)"]


def _discriminator_steps(config: TrialConfig) -> int | None:
    unit, amount = config.budget.unit, config.budget.amount
    if unit == "generator_steps":
        return config.k.discriminator_steps_due(math.ceil(amount))
    if unit == "seconds":
        return None
    steps = math.ceil(amount / config.batch_size if unit == "images" else amount)
    if unit != "updates":
        return steps
    return bisect_left(range(steps + 1), steps, key=lambda d: math.floor(d + config.k.generator_steps_beside(d)))

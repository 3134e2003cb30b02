"""Measure what a training function of the user's own takes on this machine, by its first steps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ganstudy.trials.config.trial import TrialConfig

if TYPE_CHECKING:
    import torch

    from ganstudy.trials.data.dataset import Dataset
    from ganstudy.trials.measures.scoring.evaluator import Evaluator


def function_seconds(
    config: TrialConfig, dataset: Dataset, device: torch.device, seconds: float
) -> float:
    """Return the seconds that all seeds of a trial take for one unit of its budget."""
    from ganstudy.trials.training.functions.rehearsal import spent_by

    spent = spent_by(config, dataset, device, seconds)
    # A function that counts nothing in this unit so early on: as if each update counted one.
    amount = spent.on(config.budget.unit) or spent.updates
    return len(config.seeds) * spent.seconds / amount


def scoring_seconds(config: TrialConfig, evaluator: Evaluator) -> float:
    """Return the seconds in which samples of all seeds of a trial are scored."""
    from ganstudy.trials.data.dataset import as_float

    real = evaluator.dataset.train
    # Real ones, repeated where there are fewer: scoring looks at their number alone.
    times = -(-evaluator.num_generated // len(real))
    samples = as_float(real[: evaluator.num_generated].repeat(times, *[1] * (real.dim() - 1)))
    begun = time.perf_counter()
    evaluator.measure(samples[None, : evaluator.num_generated])
    return len(config.seeds) * (time.perf_counter() - begun)

"""The sections in the order of the report. A new one is a file beside this one and a line here."""

from __future__ import annotations

from ganstudy.analysis.report.blocks import Part
from ganstudy.analysis.report.sections import (
    all_trials,
    best_configuration,
    budget,
    caveats,
    confirm,
    convergence,
    failures,
    game,
    importance,
    interactions,
    k_ratio,
    learning_rates,
    modes_over_time,
    outcomes,
    pareto,
    provenance,
    remedies,
    sample_size,
    sampler,
    seeds,
)

PARTS: tuple[Part, ...] = (
    confirm,
    best_configuration,
    outcomes,
    k_ratio,
    learning_rates,
    remedies,
    interactions,
    importance,
    seeds,
    sample_size,
    sampler,
    convergence,
    failures,
    game,
    modes_over_time,
    budget,
    pareto,
    caveats,
    all_trials,
    provenance,
)

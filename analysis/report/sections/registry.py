"""The sections in the order of the report. A new one is a file beside this one and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from ganstudy.analysis.report.blocks import SectionModule

ORDER = (
    "claim",
    "looks",
    "budget_length",
    "confirm",
    "best_configuration",
    "outcomes",
    "k_ratio",
    "learning_rates",
    "remedies",
    "other_settings",
    "interactions",
    "importance",
    "seeds",
    "sample_size",
    "planned_and_found",
    "sampler",
    "convergence",
    "failures",
    "game",
    "cycling",
    "budget",
    "pareto",
    "own_metrics",
    "caveats",
    "all_trials",
    "provenance",
)

# By name, so that a section is one line and not an import and an entry. mypy cannot check a cast:
# a test compares every module with the protocol.
SECTIONS = tuple(cast(SectionModule, import_module(f"{__package__}.{name}")) for name in ORDER)

"""The sections in the order of the report. A new one is a file beside this one and a line here."""

from __future__ import annotations

from analysis.page import Part
from analysis.sections import (
    best,
    budget,
    convergence,
    every_trial,
    films,
    game,
    limits,
    making,
    outcomes,
    pareto,
    rates,
    ratio,
    remedies,
    sampling,
    survival,
)

PARTS: tuple[Part, ...] = (
    best,
    outcomes,
    ratio,
    rates,
    remedies,
    sampling,
    convergence,
    survival,
    game,
    films,
    budget,
    pareto,
    limits,
    every_trial,
    making,
)

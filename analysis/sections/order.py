"""The sections in the order of the report. A new one is a file beside this one and a line here."""

from __future__ import annotations

from analysis.page import Part
from analysis.sections import (
    best,
    budget,
    confirmed,
    convergence,
    every_trial,
    films,
    game,
    importance,
    interactions,
    limits,
    making,
    outcomes,
    pareto,
    rates,
    ratio,
    remedies,
    sampling,
    settle,
    spread,
    survival,
)

PARTS: tuple[Part, ...] = (
    confirmed,
    best,
    outcomes,
    ratio,
    rates,
    remedies,
    interactions,
    importance,
    spread,
    settle,
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

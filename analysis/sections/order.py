"""The sections in the order of the report. A new one is a file beside this one and a line here."""

from __future__ import annotations

from analysis.page import Part
from analysis.sections import (
    best,
    confirmed,
    convergence,
    every_trial,
    films,
    importance,
    interactions,
    limits,
    making,
    outcomes,
    rates,
    ratio,
    remedies,
    sampling,
    settle,
    spread,
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
    films,
    limits,
    every_trial,
    making,
)

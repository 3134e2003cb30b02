"""The sections in the order of the report. A new one is a file beside this one and a line here."""

from __future__ import annotations

from analysis.page import Part
from analysis.sections import (
    best,
    convergence,
    every_trial,
    films,
    limits,
    making,
    outcomes,
    rates,
    ratio,
    remedies,
    sampling,
)

PARTS: tuple[Part, ...] = (
    best,
    outcomes,
    ratio,
    rates,
    remedies,
    sampling,
    convergence,
    films,
    limits,
    every_trial,
    making,
)

"""The trials of a design: every combination of the factors at every point.

Points are a scrambled Sobol' sequence over everything that is no factor (Owen 1998), drawn from the
study's seed: those of a design with more points begin with the same ones. A setting that only some
combinations have is drawn for every point, so that all that have it share its value there.

Of a fraction (study/spec/fraction.py) each point has a part of the combinations, and all points together
have each of them equally often.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganstudy.study.spec.design import DEFAULT_POINTS
from ganstudy.study.spec.domains import Choices, Domain, Range
from ganstudy.study.spec.fraction import Fraction, find_fraction
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.study_spec import StudySpec

ORDER, PARTS = 1, 2
"""Streams of random numbers, beside that of the points: the order at a point, and its part of a fraction."""


@dataclass(frozen=True)
class DesignedTrial:
    """A combination of the factors at one of the points."""

    point: int
    """0 is the first."""
    params: Params


def planned_trials(spec: StudySpec) -> int:
    """Return the number of trials of the design; 0 without one."""
    if spec.design is None:
        return 0
    return num_combinations(spec) // spec.design.fraction * num_points(spec)


def num_combinations(spec: StudySpec) -> int:
    """Return the number of combinations of the factors, of which a fraction trains a part at each point."""
    return sum(1 for _ in _combinations(spec.space, factors(spec)))


def factors(spec: StudySpec) -> list[str]:
    """Return the settings that the design crosses."""
    assert spec.design is not None
    named = spec.design.factors
    return [*(lists(spec.space) if named is None else named)]


def num_points(spec: StudySpec) -> int:
    """Return the number of points."""
    assert spec.design is not None
    if spec.design.points is not None:
        return spec.design.points
    return DEFAULT_POINTS if varied_by_point(spec) else 1


def plan(spec: StudySpec) -> list[DesignedTrial]:
    """Return all trials of the design in the order of their training.

    Point by point, so that a study that is cut short has whole blocks; within a point the order of
    the combinations is random.
    """
    space, crossed = spec.space, factors(spec)
    every = list(_combinations(space, crossed))
    fraction = planned_fraction(spec)
    trials = []
    for point, values in enumerate(_points(spec)):
        combinations = every if fraction is None else _part(fraction, spec, every, point)
        rng = np.random.default_rng([spec.search.seed, ORDER, point])
        for index in rng.permutation(len(combinations)):
            params = space.with_fixed(combinations[index] | values)
            trials.append(DesignedTrial(point, params))
    return trials


def planned_fraction(spec: StudySpec) -> Fraction | None:
    """Return the fraction of the combinations that trains at a point; None where all of them do."""
    assert spec.design is not None
    return find_fraction(levels(spec), spec.design.fraction)


def levels(spec: StudySpec) -> list[int]:
    """Return the number of values of each factor."""
    domains = [spec.space.domains[key] for key in factors(spec)]
    return [len(domain.values) for domain in domains if isinstance(domain, Choices)]


def _part(fraction: Fraction, spec: StudySpec, every: list[Params], point: int) -> list[Params]:
    """Return the combinations that a point has."""
    part = fraction.part(point, spec.search.seed)
    chosen = {*fraction.combinations(part)}
    numbers = itertools.product(*map(range, fraction.levels))
    return [each for each, number in zip(every, numbers, strict=True) if number in chosen]


def lists(space: SearchSpace) -> list[str]:
    """Return the settings that are lists."""
    return [key for key, domain in space.domains.items() if isinstance(domain, Choices)]


def varied_by_point(spec: StudySpec) -> dict[str, Domain]:
    """Return the domains that vary from point to point."""
    crossed = factors(spec)
    return {
        key: domain
        for key, domain in spec.space.domains.items()
        if key not in crossed
        and (
            (isinstance(domain, Range) and domain.low < domain.high)
            or (isinstance(domain, Choices) and len(domain.values) > 1)
        )
    }


def _combinations(space: SearchSpace, crossed: list[str]) -> Iterator[Params]:
    """Iterate over the combinations of the factors, each once.

    A factor that belongs to a remedy or a loss has no value in combinations without that one.
    """
    domains = [space.domains[key] for key in crossed]
    values = [domain.values for domain in domains if isinstance(domain, Choices)]
    seen = set()
    for chosen in itertools.product(*values):
        combination = dict(zip(crossed, chosen, strict=True))
        active = space.with_fixed(combination)
        kept = {key: value for key, value in combination.items() if key in active}
        text = json.dumps(kept, sort_keys=True)
        if text not in seen:
            seen.add(text)
            yield kept


def _points(spec: StudySpec) -> list[Params]:
    """Return the values of all that is no factor, by point."""
    # scipy.stats takes a second to import, which a study without a design need not wait for.
    from scipy.stats import qmc

    varied, count = varied_by_point(spec), num_points(spec)
    constant = {
        key: domain.values[0] if isinstance(domain, Choices) else domain.low
        for key, domain in spec.space.domains.items()
        if key not in varied and key not in factors(spec) and isinstance(domain, Choices | Range)
    }
    if not varied:
        return [dict(constant) for _ in range(count)]
    sampler = qmc.Sobol(len(varied), scramble=True, rng=np.random.default_rng(spec.search.seed))
    with warnings.catch_warnings():
        # Of numbers that are no power of 2: the points fill the space less evenly, no more.
        warnings.simplefilter("ignore", UserWarning)
        units = sampler.random(count)
    return [
        constant
        | {
            key: _value(domain, float(unit))
            for (key, domain), unit in zip(varied.items(), row, strict=True)
        }
        for row in units
    ]


def _value(domain: Domain, unit: float) -> Any:
    """Return the value of a domain at `unit`, from 0 to 1."""
    if isinstance(domain, Choices):
        return domain.values[min(int(unit * len(domain.values)), len(domain.values) - 1)]
    assert isinstance(domain, Range)
    whole = isinstance(domain.low, int) and isinstance(domain.high, int)
    # Whole numbers have equal shares of the unit interval, and of the logarithm as Optuna draws.
    low, high = (domain.low - 0.5, domain.high + 0.5) if whole else (domain.low, domain.high)
    if domain.log:
        value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
    else:
        value = low + unit * (high - low)
    number = round(value) if whole else value
    return min(max(number, domain.low), domain.high)

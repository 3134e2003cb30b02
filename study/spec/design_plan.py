"""The trials of a design: every combination of the factors at every point.

Points are a scrambled Sobol' sequence over everything that is no factor (Owen 1998), drawn from the
study's seed: those of a design with more points begin with the same ones. A setting that only some
combinations have is drawn for every point, so that all that have it share its value there.
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

from ganstudy.study.spec.design import DEFAULT_POINTS, Design
from ganstudy.study.spec.domains import Choices, Domain, Range
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.messages import key_part
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.base import short_repr

ORDER = 1
"""Stream of random numbers, beside that of the points."""


@dataclass(frozen=True)
class DesignedTrial:
    """A combination of the factors at one of the points."""

    point: int
    """0 is the first."""
    params: Params


def design_problems(spec: StudySpec) -> list[str]:
    """Return what is wrong with [design], one sentence each."""
    design, space = spec.design, spec.space
    if design is None:
        return []
    problems = _factor_problems(design, space)
    try:
        design.evaluation(spec.train.evaluations)
    except ValueError as error:
        problems.append(f"design.at: {error}")
    return problems or _owner_problems(spec) or _size_problems(spec, design) or _repeated(spec)


def planned_trials(spec: StudySpec) -> int:
    """Return the number of trials of the design; 0 without one."""
    if spec.design is None:
        return 0
    combinations = sum(1 for _ in _combinations(spec.space, factors(spec)))
    return combinations * num_points(spec)


def factors(spec: StudySpec) -> list[str]:
    """Return the settings that the design crosses."""
    assert spec.design is not None
    named = spec.design.factors
    return [*(_lists(spec.space) if named is None else named)]


def num_points(spec: StudySpec) -> int:
    """Return the number of points."""
    assert spec.design is not None
    if spec.design.points is not None:
        return spec.design.points
    return DEFAULT_POINTS if _by_point(spec) else 1


def plan(spec: StudySpec) -> list[DesignedTrial]:
    """Return all trials of the design in the order of their training.

    Point by point, so that a study that is cut short has whole blocks; within a point the order of
    the combinations is random.
    """
    space, crossed = spec.space, factors(spec)
    combinations = list(_combinations(space, crossed))
    trials = []
    for point, values in enumerate(_points(spec)):
        rng = np.random.default_rng([spec.search.seed, ORDER, point])
        for index in rng.permutation(len(combinations)):
            params = space.with_fixed(combinations[index] | values)
            trials.append(DesignedTrial(point, params))
    return trials


def _lists(space: SearchSpace) -> list[str]:
    return [key for key, domain in space.domains.items() if isinstance(domain, Choices)]


def _by_point(spec: StudySpec) -> dict[str, Domain]:
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

    varied, count = _by_point(spec), num_points(spec)
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


def _factor_problems(design: Design, space: SearchSpace) -> list[str]:
    known = _lists(space)
    lists = ", ".join(known) or "none"
    if not known:
        return ["design: needs a factor, a setting of [search.space] that is a list, and has none"]
    if design.factors is None:
        return []
    return [
        f"design.factors: {key_part(name)} "
        + (
            "is no list of choices"
            if name in space.domains
            else f"is no setting of [search.space] (got {short_repr(name)})"
        )
        + f"; settings that are lists: {lists}"
        for name in design.factors
        if name not in known
    ]


def _owner_problems(spec: StudySpec) -> list[str]:
    """Return the factors that only some points would have."""
    varied = _by_point(spec)
    problems, keys = [], spec.space.template.keys
    for key in factors(spec):
        owner = key.split(".")[0]
        owners = {"method", "loss"} if key in keys.losses else {"method", "remedies", owner}
        by_point = sorted(owners & {*varied}) if key in keys.options else []
        if by_point:
            problems.append(
                f"design.factors: {key_part(key)} depends on {by_point[0]}, which varies from point "
                f"to point; name {by_point[0]} as a factor too"
            )
    return problems


def _size_problems(spec: StudySpec, design: Design) -> list[str]:
    points, trials = num_points(spec), planned_trials(spec)
    if points > 1 and not _by_point(spec):
        return [
            f"design.points: must be 1, got {points}: nothing varies from point to point (every "
            "setting of [search.space] is a factor), and the same settings on the same seeds give "
            "the same numbers; add seeds instead"
        ]
    if trials > design.most:
        combinations = trials // points
        fewer = design.most // combinations
        offer = f"take at most {fewer} points, or fewer" if fewer else "take fewer"
        return [
            f"design: {combinations} combinations of {', '.join(factors(spec))} at {points} "
            f"points are {trials} trials, and design.most allows {design.most}; {offer} choices of "
            "a factor, or raise design.most (a part of the combinations would leave settings "
            "without their twins)"
        ]
    if design.promote is not None and design.promote > trials:
        return [
            f"design.promote: must be <= {trials}, the trials of the design, got {design.promote}"
        ]
    return []


def _repeated(spec: StudySpec) -> list[str]:
    """Return the first two trials that are the same in everything, if there are any."""
    first: dict[str, DesignedTrial] = {}
    for trial in plan(spec):
        text = json.dumps(trial.params, sort_keys=True)
        earlier = first.setdefault(text, trial)
        if earlier is not trial:
            shown = ", ".join(
                f"{key} = {trial.params[key]}" for key in factors(spec) if key in trial.params
            )
            return [
                f"design.points: points {earlier.point} and {trial.point} are the same settings "
                f"where {shown}, and the same settings on the same seeds give the same numbers; "
                "take fewer points, or let a setting vary that every combination has"
            ]
    return []

"""The rules of a design: what its factors, points and fraction must be to answer anything."""

from __future__ import annotations

import json
import math

from ganstudy.study.spec.design import FEWEST_POINTS, Design
from ganstudy.study.spec.design_plan import (
    DesignedTrial,
    factors,
    levels,
    lists,
    num_combinations,
    num_points,
    plan,
    planned_fraction,
    planned_trials,
    varied_by_point,
)
from ganstudy.study.spec.fraction import MOST_FACTORS, SHORTEST_WORD, possible_shares
from ganstudy.study.spec.messages import key_part
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.base import short_repr


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
    return (
        problems
        or _owner_problems(spec)
        or _fraction_problems(spec, design)
        or _size_problems(spec, design)
        or _repeated(spec)
    )


def _factor_problems(design: Design, space: SearchSpace) -> list[str]:
    known = lists(space)
    named = ", ".join(known) or "none"
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
        + f"; settings that are lists: {named}"
        for name in design.factors
        if name not in known
    ]


def _owner_problems(spec: StudySpec) -> list[str]:
    """Return the factors that only some points would have."""
    varied = varied_by_point(spec)
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
    if points > 1 and not varied_by_point(spec):
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
            f"a factor, {_smaller_fraction(spec)}or raise design.most"
        ]
    if design.promote is not None and design.promote > trials:
        return [
            f"design.promote: must be <= {trials}, the trials of the design, got {design.promote}"
        ]
    return []


def _fraction_problems(spec: StudySpec, design: Design) -> list[str]:
    share, points, crossed = design.fraction, num_points(spec), factors(spec)
    if share == 1:
        return []
    names = ", ".join(crossed)
    if not _is_product(spec):
        return [
            f"design.fraction: must be 1, got {share}: of {names} some belong to a value of another, so that not "
            "every combination exists, and no part of them is balanced"
        ]
    if planned_fraction(spec) is None:
        known = ", ".join(map(str, _shares(spec)))
        instead = f"possible here: {known}" if known else "here there is none: leave it out"
        return [
            f"design.fraction: no balanced part of one in {share} combinations of {names} exists, got {share}: it "
            f"takes at least {SHORTEST_WORD} (and at most {MOST_FACTORS}) factors whose numbers of choices can be "
            f"divided by it, or by its prime factors; {instead}"
        ]
    switches = [key for key in crossed if key in spec.space.template.keys.flags]
    if switches:
        return [
            f"design.fraction: must be 1, got {share}: {switches[0]} switches a remedy, and remedies are compared as "
            "sets; make remedies the factor, a list of sets"
        ]
    if points < FEWEST_POINTS:
        return [
            f"design.points: must be >= {FEWEST_POINTS} with design.fraction = {share}, got {points}: settings "
            "have no twins within a point, and single ones cannot be compared"
        ]
    if points % share:
        near = sorted({max(share, points // share * share), -(-points // share) * share})
        return [
            f"design.points: must be a multiple of design.fraction = {share}, so that every combination is "
            f"trained equally often, got {points}; the nearest: {' or '.join(map(str, near))}"
        ]
    return []


def _is_product(spec: StudySpec) -> bool:
    """Return whether each factor has each of its values in combination with all those of the others."""
    return num_combinations(spec) == math.prod(levels(spec))


def _shares(spec: StudySpec) -> list[int]:
    return possible_shares(levels(spec)) if _is_product(spec) else []


def _smaller_fraction(spec: StudySpec) -> str:
    """Offer a fraction with which a design has no more trials than it may; "" where there is none."""
    design, points = spec.design, num_points(spec)
    assert design is not None
    for share in _shares(spec):
        most = design.most * share // num_combinations(spec) // share * share
        if share > design.fraction and most:
            return f"set design.fraction = {share} (and points to {min(most, -(-points // share) * share)}), "
    return ""


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

"""Rules of [claim] that span tables: what it decides by must be planned, and measured."""

from __future__ import annotations

from typing import Any

from ganstudy.study.spec.claim import Criterion
from ganstudy.study.spec.design_plan import factors
from ganstudy.study.spec.domains import Choices
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.base import short_repr
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.results.catalogue import GAME, MEASURES
from ganstudy.trials.results.records import remedy_label

MOST_VALUES = 8
"""Of a setting whose values are compared (MAX_GROUPS in analysis/frames/selection.py)."""


def claim_problems(spec: StudySpec) -> list[str]:
    """Return what is wrong with [claim], one sentence each."""
    if spec.claim is None:
        return []
    if spec.design is None:
        return [
            "claim: needs [design]: what a search draws follows the scores, and decides no claim"
        ]
    problems = []
    for number, criterion in enumerate(spec.claim.decided_by):
        place = f"claim.decided_by.{number}"
        found = [*_setting_problems(spec, criterion), *_measure_problems(spec, criterion)]
        problems += [f"{place}.{problem}" for problem in found]
    return problems


def _setting_problems(spec: StudySpec, criterion: Criterion) -> list[str]:
    if criterion.setting is None:
        return []
    name, crossed = criterion.setting, factors(spec)
    domain = spec.space.domains.get(name)
    if name not in crossed or not isinstance(domain, Choices):
        return [
            f"setting: {short_repr(name)} is no factor of the design; its factors: "
            f"{', '.join(crossed)}"
        ]
    if len(domain.values) > MOST_VALUES:
        return [
            f"setting: {name} has {len(domain.values)} values, and at most {MOST_VALUES} are "
            "compared"
        ]
    known = [_plain(name, value) for value in domain.values]
    stated = {
        key: getattr(criterion, key)
        for key in ("value", "against")
        if getattr(criterion, key) is not None
    }
    problems = [
        f"{key}: {short_repr(value)} is not among the values of {name}: "
        f"{', '.join(map(_as_written, domain.values))}"
        for key, value in stated.items()
        if _plain(name, value) not in known
    ]
    if problems or not criterion.is_contrast:
        return problems
    one, other = (_plain(name, value) for value in stated.values())
    return [f"against: must be another value of {name} than value"] if one == other else []


def _plain(name: str, value: Any) -> Any:
    """Return a value of a setting in the one form in which equal ones are equal."""
    if name == "remedies":
        is_set = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        return remedy_label(value) if is_set else value
    if name == "k":
        try:
            return str(as_schedule(value))
        except (TypeError, ValueError):
            return repr(value)
    # True and 1 are equal, and no such setting takes both.
    return (isinstance(value, bool), value) if isinstance(value, int | float | str) else repr(value)


def _as_written(value: Any) -> str:
    return str(value)


def _measure_problems(spec: StudySpec, criterion: Criterion) -> list[str]:
    name = criterion.measure
    if name is None:
        return []
    measure, problems = MEASURES[name], []
    assert spec.design is not None
    if measure.at_end and spec.design.at < 1:
        problems.append(
            f"measure: {name} is measured at the end of the budget alone, and the design compares "
            f"its trials at {spec.design.at:g} of it; take design.at = 1"
        )
    if measure.at_end and measure.group == GAME and spec.measures.game_steps == 0:
        problems.append(f"measure: {name} is not measured with measures.game_steps = 0")
    if criterion.margin is not None and criterion.is_contrast and name == spec.measure:
        problems.append(
            f"margin: {name} is the objective; its margin stands in [objective], in one place"
        )
    return problems

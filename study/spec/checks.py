"""Rules that span several tables of a study file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ganstudy.study.spec.domains import Domain, Range, parse_domain
from ganstudy.study.spec.keys import CROSSED, KEYS, MODEL_KEYS, OPTION_KEYS, TRIAL_KEYS
from ganstudy.study.spec.messages import key_part, message_of
from ganstudy.study.spec.search_space import MOST_POINTS, SearchSpace
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.base import StrictModel, one_of, short_repr
from ganstudy.trials.config.compatibility import IncompatibleError
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.remedies import REMEDIES

OWNERS_AS_KEYS = ("REMEDY = [false, true]", '"REMEDY.OPTION"', '"LOSS.OPTION"')
"""How the keys that belong to remedies and losses look; there are too many to list."""


def space_problems(spec: StudySpec, values: dict[str, Any]) -> list[str]:
    """Every domain parsed, and its extreme values tried against the rules of TrialConfig."""
    problems = []
    stated = dict.fromkeys(values["train"], "train") | dict.fromkeys(
        values.get("model", {}), "model"
    )
    for table, owners in (("remedies", spec.remedies), ("losses", spec.losses)):
        stated |= {
            f"{name}.{option}": f"{table}.{name}" for name, o in owners.items() for option in o
        }
    stated |= dict.fromkeys(spec.train.remedies, "train")
    for key, value in spec.search.space.items():
        place = f"search.space.{key_part(key)}"
        try:
            if key not in KEYS:
                one_of("hyperparameter", key, (*TRIAL_KEYS, *MODEL_KEYS, *OWNERS_AS_KEYS))
            parse_domain(key, value)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if key in stated:
            problems.append(f"{place}: stands in [{stated[key]}] too; name it in one place")
    problems += [
        f"search.space.{key}: {spec.model.name} has no option {key!r}; known: {', '.join(_options(spec.model))}"
        for key in spec.search.space
        if key in MODEL_KEYS and key not in _options(spec.model)
    ]
    if problems:
        return problems
    # Options of remedies and losses are judged by option_problems, which knows their place in the
    # file.
    base = spec.base() | {"remedy_options": {}, "loss_options": {}}
    problems = _rule_problems(SearchSpace({}, base), [{}], "train")
    for key, domain in spec.space.domains.items():
        if not problems and key not in OPTION_KEYS:
            space = SearchSpace({key: domain}, base)
            for value in space.extremes(key):
                found = _rule_problems(space, [{key: value}], "search.space")
                problems += [f"{problem}{_inside(domain, value)}" for problem in found]
                if found:
                    break
    return problems


def _inside(domain: Domain, value: Any) -> str:
    inside = isinstance(domain, Range) and value not in (domain.low, domain.high)
    return ", which is inside the range; list the choices instead" if inside else ""


def _options(model: StrictModel) -> list[str]:
    return [name for name in type(model).model_fields if name not in ("name", "digest", "options")]


def _rule_problems(space: SearchSpace, candidates: list[dict[str, Any]], table: str) -> list[str]:
    for params in candidates:
        try:
            space.trial_config(params)
        except ValidationError as error:
            if not _incompatible(
                error
            ):  # which is judged in all combinations by combination_problems
                return [
                    f"{table}.{next(iter(params), e['loc'][0])}: {message_of(e)}"
                    for e in error.errors()
                ]
    return []


def _incompatible(error: ValidationError) -> str | None:
    """What does not go together, if that is all that is wrong with a configuration."""
    causes = [e.get("ctx", {}).get("error") for e in error.errors()]
    return str(causes[0]) if all(isinstance(cause, IncompatibleError) for cause in causes) else None


def combination_problems(spec: StudySpec) -> list[str]:
    """The first combination of values whose parts do not go together."""
    space = spec.space
    for params in space.combinations():
        try:
            space.trial_config(params)
        except ValidationError as error:
            chosen = ", ".join(
                f"{key} = {value}" for key, value in params.items() if key in CROSSED
            )
            return [f"{_incompatible(error)}" + (f" (where {chosen})" if chosen else "")]
    return []


def grid_problems(spec: StudySpec) -> list[str]:
    """A grid search has lists of choices alone, and no more trials than the grid has points."""
    if spec.search.sampler != "grid":
        return []
    try:
        points = math.prod(len(values) for values in spec.space.grid().values())
    except ValueError as error:
        return [f"search.space: {error}"]
    if points > MOST_POINTS:
        return [
            f"search.space: a grid has at most {MOST_POINTS} configurations, and this has {points}; "
            "take sampler 'random' or 'tpe'"
        ]
    if spec.search.trials <= points:
        return []
    return [
        f"search.trials: must be <= {points}, the configurations of this grid, got {spec.search.trials}"
    ]


def option_problems(spec: StudySpec) -> list[str]:
    """Options of losses and remedies: known, in range, and of one that some configuration uses."""
    losses = _Owners("loss", "losses", LOSSES, spec.losses, spec.space.losses_somewhere_on)
    remedies = _Owners(
        "remedy", "remedies", REMEDIES, spec.remedies, spec.space.remedies_somewhere_on
    )
    return [problem for owners in (losses, remedies) for problem in owners.problems(spec.space)]


@dataclass(frozen=True)
class _Owners:
    """What has options of its own: losses or remedies."""

    kind: str
    table: str
    models: Mapping[str, type[StrictModel]]
    stated: dict[str, dict[str, Any]]
    in_use: set[str]

    def problems(self, space: SearchSpace) -> list[str]:
        """Every stated or searched option that breaks a rule."""
        problems = []
        for name in self.stated:
            if name not in self.models:
                rule = f"unknown {self.kind} {short_repr(name)}; known: {', '.join(self.models)}"
                problems.append(f"{self.table}.{key_part(name)}: {rule}")
        for place, name, option, candidates in self._places(space):
            problem = self._problem(name, option, candidates)
            if problem:
                problems.append(f"{place}: {problem}")
        return problems

    def _places(self, space: SearchSpace) -> list[tuple[str, str, str, list[Any]]]:
        stated = [
            (f"{self.table}.{name}.{key_part(option)}", name, option, [value])
            for name, options in self.stated.items()
            if name in self.models
            for option, value in options.items()
        ]
        dotted = [(key, *key.split(".")) for key in space.domains if key in OPTION_KEYS]
        searched = [
            (f"search.space.{k}", n, o, space.extremes(k)) for k, n, o in dotted if n in self.models
        ]
        return [*stated, *searched]

    def _problem(self, name: str, option: str, candidates: list[Any]) -> str | None:
        try:
            one_of(f"option of {name}", option, self.models[name].model_fields)
        except ValueError as error:
            return str(error)
        if name not in self.in_use:
            on = ", ".join(sorted(self.in_use)) or "none"
            return (
                f"a parameter of {name}, which is nowhere switched on ({self.table} in use: {on})"
            )
        for value in candidates:
            try:
                self.models[name].model_validate_json(json.dumps({option: value}), strict=True)
            except ValidationError as error:
                return message_of(error.errors()[0])
        return None

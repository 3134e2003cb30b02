"""Reads a study file: every rule is tried, and whatever breaks one becomes one clear message.

The rules about single values stand with the models (study/spec.py, trials/config.py); here are those
across tables, and the words in which a finding is told: the place, the rule, the value, what is known.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from study.errors import UserError
from study.space import KEYS, REMEDY_KEYS, SearchSpace, parse_domain
from study.spec import StudySpec
from trials.config import REMEDIES, known


def read_study(path: Path) -> tuple[StudySpec, str]:
    """(validated study, text of the file). UserError for anything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such study file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    return parse_study(text, str(path)), text


def parse_study(text: str, where: str) -> StudySpec:
    """The study in `text`; errors start with `where`."""
    try:
        values = tomllib.loads(text)
        # As JSON, pydantic can be strict (neither true nor "1" is a number) and still take a list for a tuple.
        document = json.dumps(values, default=str)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: numbers too long, nesting too deep
        raise UserError(f"{where}: not valid TOML: {error}") from None
    try:
        spec = StudySpec.model_validate_json(document, strict=True)
    except ValidationError as error:
        raise UserError(_explain(error, where)) from None
    problems = _space_problems(spec, values) or _remedy_problems(spec)
    if problems:
        raise UserError("\n".join(f"{where}: {problem}" for problem in problems))
    return spec


def _space_problems(spec: StudySpec, values: dict[str, Any]) -> list[str]:
    """Every domain parsed, and its extreme values tried against the rules of TrialConfig."""
    problems = []
    stated = dict.fromkeys(values["train"], "train") | dict.fromkeys(values.get("model", {}), "model")
    stated |= {f"{name}.{option}": f"remedies.{name}" for name, o in spec.remedies.items() for option in o}
    for key, value in spec.search.space.items():
        place = f"search.space.{key}"
        try:
            known("hyperparameter", key, KEYS)
            parse_domain(key, value)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if key in stated:
            problems.append(f"{place}: stands in [{stated[key]}] too; name it in one place")
    if problems:
        return problems
    # Options of remedies are judged by _remedy_problems, which knows their place in the file.
    base = spec.base() | {"remedy_options": {}}
    problems = _rule_problems(SearchSpace({}, base), [{}], "train")
    for key, domain in spec.space.domains.items():
        if not problems and key not in REMEDY_KEYS:
            space = SearchSpace({key: domain}, base)
            problems += _rule_problems(space, [{key: value} for value in space.extremes(key)], "search.space")
    return problems


def _rule_problems(space: SearchSpace, candidates: list[dict[str, Any]], table: str) -> list[str]:
    for params in candidates:
        try:
            space.trial_config(params)
        except ValidationError as error:
            return [f"{table}.{next(iter(params), e['loc'][0])}: {_message(e)}" for e in error.errors()]
    return []


def _remedy_problems(spec: StudySpec) -> list[str]:
    """Options of remedies: known, in range, and of a remedy that some configuration switches on."""
    switched_on = spec.space.remedies_somewhere_on
    unknown = [name for name in spec.remedies if name not in REMEDIES]
    problems = [f"remedies.{name}: unknown remedy {name!r}; known: {', '.join(REMEDIES)}" for name in unknown]
    stated = [
        (f"remedies.{name}.{option}", name, option, [value])
        for name, options in spec.remedies.items()
        if name in REMEDIES
        for option, value in options.items()
    ]
    for key in spec.search.space:
        if key in REMEDY_KEYS:
            name, option = key.split(".")
            stated.append((f"search.space.{key}", name, option, spec.space.extremes(key)))
    for place, name, option, candidates in stated:
        try:
            known(f"option of {name}", option, REMEDIES[name].model_fields)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if name not in switched_on:
            on = ", ".join(sorted(switched_on)) or "none"
            problems.append(f"{place}: a parameter of {name}, which is nowhere switched on (remedies in use: {on})")
            continue
        for value in candidates:
            try:
                REMEDIES[name].model_validate({option: value}, strict=True)
            except ValidationError as error:
                problems.append(f"{place}: {_message(error.errors()[0])}")
                break
    return problems


def _explain(error: ValidationError, where: str) -> str:
    return "\n".join(f"{where}: {_place(e)}{_message(e)}" for e in error.errors())


def _place(error: Any) -> str:
    # The file says budget = { UNIT = AMOUNT }; `unit` and `amount` are our words.
    location = ".".join(str(part) for part in error["loc"]).replace("train.budget.unit", "train.budget")
    location = location.replace("train.budget.amount", "train.budget")
    return f"{location}: " if location else ""


def _message(error: Any) -> str:
    """pydantic's finding in our words: the rule, then the value, then what is known."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in ("model_type", "dict_type"):
        return f"must be a table, got {value!r}"
    if kind == "missing":
        return "is required and missing"
    if kind == "extra_forbidden":
        return f"unknown key {error['loc'][-1]!r}; known: {', '.join(_known_keys(error['loc'][:-1]))}"
    bounds = {"greater_than": (">", "gt"), "greater_than_equal": (">=", "ge"), "less_than": ("<", "lt")}
    if kind in bounds:
        sign, key = bounds[kind]
        return f"must be {sign} {context[key]:g}, got {value}"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, got {value!r}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """Field names of the table at `location`."""
    model: Any = StudySpec
    for part in location:
        model = model.model_fields[part].annotation
    return list(model.model_fields)

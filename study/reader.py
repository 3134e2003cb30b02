"""Reads a study file: every rule is tried, and whatever breaks one becomes one clear message.

The rules about single values stand with the models (study/spec.py, trials/config.py); here are those
across tables, and the words in which a finding is told: the place, the rule, the value, what is known.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from study.errors import UserError
from study.space import (
    CROSSED,
    KEYS,
    MODEL_KEYS,
    MOST_POINTS,
    OPTION_KEYS,
    TRIAL_KEYS,
    Domain,
    Range,
    SearchSpace,
    parse_domain,
)
from study.spec import NOT_TOLD, StudySpec
from trials import plugins
from trials.options.base import PLUGIN, Frozen, is_plugin, known, shown
from trials.options.compatible import IncompatibleError
from trials.options.data import DATA, PATH_FIELDS, PluginData
from trials.options.losses import LOSSES
from trials.options.models import MODELS, OwnModel
from trials.options.remedies import REMEDIES

OWNERS_AS_KEYS = ("REMEDY = [false, true]", '"REMEDY.OPTION"', '"LOSS.OPTION"')
"""How the keys that belong to remedies and losses look; there are too many to list."""
MOST_CHARACTERS = 200_000
"""Of a study file."""
LONGEST_PATH = 1000
TOO_DEEP = "tables or lists are nested too deep"
MOST_PROBLEMS = 20
"""Told at once."""
BOUNDS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""", re.ASCII)
"""A key of more than 100 parts."""
PLAIN_KEY = re.compile(r"[\w.-]{1,80}", re.ASCII)


def read_study(path: Path) -> tuple[StudySpec, str]:
    """(validated study, text of the file). UserError for anything that is wrong with it."""
    try:
        with path.open(encoding="utf-8-sig") as file:  # some editors mark UTF-8 by its first three bytes
            text = file.read(MOST_CHARACTERS + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such study file") from None
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path that no system takes
        raise UserError(f"{path}: cannot be read: {error}") from None
    if len(text) > MOST_CHARACTERS:
        raise UserError(f"{path}: a study file must have at most {MOST_CHARACTERS} characters, and this has more")
    return parse_study(text, str(path), path.parent), text


def parse_study(text: str, where: str, folder: Path | None = None) -> StudySpec:
    """The study in `text`; errors start with `where`. folder: what relative paths in it count from."""
    try:
        # tomllib takes time with the square of the depth of a key.
        if DEEP_KEY.search(text):
            raise UserError(f"not valid TOML: {TOO_DEEP}")
        values = tomllib.loads(text)
        _resolve(values, folder or Path())
        # As JSON, pydantic can be strict (neither true nor "1" is a number) and still take a list for a tuple.
        document = json.dumps(values, default=str)
    except UserError as error:
        raise _told(where, [str(error)]) from None
    except ValueError as error:  # beside TOMLDecodeError: numbers too long
        raise _told(where, [f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise _told(where, [f"not valid TOML: {TOO_DEEP}"]) from None
    return parse_document(document, where)


def parse_document(document: str, where: str) -> StudySpec:
    """The study in the JSON text that `parse_study` made of a file; errors start with `where`."""
    try:
        spec = StudySpec.model_validate_json(document, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [f"{_place(e)}{_message(e)}" for e in found[:MOST_PROBLEMS]]
        raise _told(where, told, len(found) - len(told)) from None
    problems = (
        _space_problems(spec, json.loads(document))
        or _option_problems(spec)
        or _combination_problems(spec)
        or _grid_problems(spec)
    )
    if problems:
        raise _told(where, problems[:MOST_PROBLEMS], len(problems[MOST_PROBLEMS:]))
    return spec.model_copy(update={"document": document})


def _told(where: str, problems: list[str], more: int = 0) -> UserError:
    """One line per problem, nothing in it that a terminal would act on; more: problems that are not told."""
    lines = [*problems, f"and {more} mistakes more"] if more else problems
    return UserError("\n".join(f"{where}: {_printable(line)}" for line in lines))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _resolve(values: dict[str, Any], folder: Path) -> None:
    """Makes paths absolute, and adds to every reference to a user's own file the digest of that file."""
    for table in ("data", "model", "measures"):
        held = values.get(table)
        if not isinstance(held, dict):
            continue
        for key in (*PATH_FIELDS, "weights"):
            path = held.get(key)
            if isinstance(path, str) and path:
                held[key] = str(_joined(f"{table}.{key}", path, folder).resolve())
        name = held.get("name")
        if table != "measures" and isinstance(name, str) and is_plugin(name):
            try:
                file, attribute = plugins.split(name)
                held["digest"] = plugins.register(_joined(f"{table}.name", file, folder))
            except ValueError as error:
                raise UserError(f"{table}.name: {error}") from None
            except OSError as error:
                raise UserError(f"{table}.name: {shown(name)} cannot be read: {error.strerror}") from None
            held["name"] = f"{Path(file).name}:{attribute}"


def _joined(place: str, path: str, folder: Path) -> Path:
    """`path` counted from `folder`; UserError where no file can have it."""
    if len(path) > LONGEST_PATH or "\0" in path:
        raise UserError(f"{place}: a path has at most {LONGEST_PATH} characters, none of them null, got {shown(path)}")
    try:
        joined = folder / Path(path).expanduser()
        joined.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links; ~ of an unknown user
        raise UserError(f"{place}: {shown(path)} is no usable path: {error}") from None
    return joined


def _space_problems(spec: StudySpec, values: dict[str, Any]) -> list[str]:
    """Every domain parsed, and its extreme values tried against the rules of TrialConfig."""
    problems = []
    stated = dict.fromkeys(values["train"], "train") | dict.fromkeys(values.get("model", {}), "model")
    for table, owners in (("remedies", spec.remedies), ("losses", spec.losses)):
        stated |= {f"{name}.{option}": f"{table}.{name}" for name, o in owners.items() for option in o}
    stated |= dict.fromkeys(spec.train.remedies, "train")
    for key, value in spec.search.space.items():
        place = f"search.space.{_part(key)}"
        try:
            if key not in KEYS:
                known("hyperparameter", key, (*TRIAL_KEYS, *MODEL_KEYS, *OWNERS_AS_KEYS))
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
    # Options of remedies and losses are judged by _option_problems, which knows their place in the file.
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


def _options(model: Frozen) -> list[str]:
    return [name for name in type(model).model_fields if name not in ("name", "digest", "options")]


def _rule_problems(space: SearchSpace, candidates: list[dict[str, Any]], table: str) -> list[str]:
    for params in candidates:
        try:
            space.trial_config(params)
        except ValidationError as error:
            if not _incompatible(error):  # which is judged in all combinations by _combination_problems
                return [f"{table}.{next(iter(params), e['loc'][0])}: {_message(e)}" for e in error.errors()]
    return []


def _incompatible(error: ValidationError) -> str | None:
    """What does not go together, if that is all that is wrong with a configuration."""
    causes = [e.get("ctx", {}).get("error") for e in error.errors()]
    return str(causes[0]) if all(isinstance(cause, IncompatibleError) for cause in causes) else None


def _combination_problems(spec: StudySpec) -> list[str]:
    """The first combination of values whose parts do not go together."""
    space = spec.space
    for params in space.combinations():
        try:
            space.trial_config(params)
        except ValidationError as error:
            chosen = ", ".join(f"{key} = {value}" for key, value in params.items() if key in CROSSED)
            return [f"{_incompatible(error)}" + (f" (where {chosen})" if chosen else "")]
    return []


def _grid_problems(spec: StudySpec) -> list[str]:
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
    return [f"search.trials: must be <= {points}, the configurations of this grid, got {spec.search.trials}"]


def _option_problems(spec: StudySpec) -> list[str]:
    """Options of losses and remedies: known, in range, and of one that some configuration uses."""
    losses = _Owners("loss", "losses", LOSSES, spec.losses, spec.space.losses_somewhere_on)
    remedies = _Owners("remedy", "remedies", REMEDIES, spec.remedies, spec.space.remedies_somewhere_on)
    return [problem for owners in (losses, remedies) for problem in owners.problems(spec.space)]


@dataclass(frozen=True)
class _Owners:
    """What has options of its own: losses or remedies."""

    kind: str
    table: str
    models: Mapping[str, type[Frozen]]
    stated: dict[str, dict[str, Any]]
    in_use: set[str]

    def problems(self, space: SearchSpace) -> list[str]:
        """Every stated or searched option that breaks a rule."""
        problems = []
        for name in self.stated:
            if name not in self.models:
                rule = f"unknown {self.kind} {shown(name)}; known: {', '.join(self.models)}"
                problems.append(f"{self.table}.{_part(name)}: {rule}")
        for place, name, option, candidates in self._places(space):
            problem = self._problem(name, option, candidates)
            if problem:
                problems.append(f"{place}: {problem}")
        return problems

    def _places(self, space: SearchSpace) -> list[tuple[str, str, str, list[Any]]]:
        stated = [
            (f"{self.table}.{name}.{_part(option)}", name, option, [value])
            for name, options in self.stated.items()
            if name in self.models
            for option, value in options.items()
        ]
        dotted = [(key, *key.split(".")) for key in space.domains if key in OPTION_KEYS]
        searched = [(f"search.space.{k}", n, o, space.extremes(k)) for k, n, o in dotted if n in self.models]
        return [*stated, *searched]

    def _problem(self, name: str, option: str, candidates: list[Any]) -> str | None:
        try:
            known(f"option of {name}", option, self.models[name].model_fields)
        except ValueError as error:
            return str(error)
        if name not in self.in_use:
            on = ", ".join(sorted(self.in_use)) or "none"
            return f"a parameter of {name}, which is nowhere switched on ({self.table} in use: {on})"
        for value in candidates:
            try:
                self.models[name].model_validate_json(json.dumps({option: value}), strict=True)
            except ValidationError as error:
                return _message(error.errors()[0])
        return None


def _place(error: Any) -> str:
    # The file says budget = { UNIT = AMOUNT }; `unit` and `amount` are our words, as are the tags of the unions.
    location = ".".join(_part(part) for part in _untagged(error["loc"])).replace("train.budget.unit", "train.budget")
    location = location.replace("train.budget.amount", "train.budget")
    if location in ("data", "model") and str(error.get("ctx", {}).get("error", "")).startswith("unknown"):
        location += ".name"
    return f"{location}: " if location else ""


def _part(key: int | str) -> str:
    return str(key) if isinstance(key, int) or PLAIN_KEY.fullmatch(key) else shown(key)


def _untagged(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the name of the data or model that pydantic puts behind its table."""
    return (location[0], *location[2:]) if location[:1] in (("data",), ("model",)) else location


def _message(error: Any) -> str:
    """pydantic's finding in our words: the rule, then the value, then what is known."""
    kind, value, context = error["type"], error.get("input"), error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    # An address with a password in it must not stand on the terminal, wherever in this table it was put.
    got = f"; {NOT_TOLD}" if error["loc"][:1] == ("tracking",) else f", got {shown(value)}"
    if kind in ("model_type", "dict_type"):
        return f"must be a table{got}"
    if kind == "json_invalid":
        return TOO_DEEP if "recursion" in error["msg"] else f"{error['msg']}"
    if kind == "missing":
        return "is required and missing"
    if kind == "extra_forbidden":
        return f"unknown key {shown(error['loc'][-1])}; known: {', '.join(_known_keys(error['loc'][:-1]))}"
    if kind in BOUNDS:
        sign, key = BOUNDS[kind]
        bound = context[key]
        return f"must be {sign} {bound if isinstance(bound, int) else f'{bound:g}'}, got {shown(value)}"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}{got}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """Field names of the table at `location`."""
    tables: dict[str, Mapping[str, type[Frozen]]] = {
        "data": {**DATA, PLUGIN: PluginData},
        "model": {**MODELS, PLUGIN: OwnModel},
    }
    if location and location[0] in tables:
        return list(tables[location[0]][location[1]].model_fields)
    model: Any = StudySpec
    for part in location:
        annotation = model.model_fields[part].annotation
        model = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    return [name for name in model.model_fields if name != "document"]

"""The study file: TOML in, a validated StudySpec out, or one clear error.

Strict at the door: unknown keys, unknown names and rules across tables are all refused here, before
anything is written or reserved. docs/study-file.md describes every key.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from study.errors import UserError
from study.home import NAME_RULE
from study.space import KEYS, REMEDY_KEYS, TRIAL_KEYS, SearchSpace, parse_domain
from trials.config import (
    REMEDIES,
    Budget,
    DataConfig,
    Frozen,
    ModelConfig,
    distinct_seeds,
    known,
)
from trials.records import MEASURES, Verdict

SAMPLERS = ("tpe", "random")
SCHEDULES = ("asha", "fifo")
RUNGS_BELOW_BUDGET = 2
"""Comparisons before the end of the budget, unless [schedule] grace says otherwise."""
CONSTRAINTS = (Verdict.COLLAPSED.value, Verdict.CYCLING.value, Verdict.DIVERGED.value)


class Train(Frozen):
    """[train]: what all trials have in common."""

    loss: str = "non_saturating"
    k: Any = 1
    lr_d: float = 2e-4
    lr_g: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    batch_size: int = 64
    remedies: list[str] = []
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: Budget
    evaluations: int = Field(10, ge=1)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return distinct_seeds(value)

    @field_validator("budget", mode="before")
    @classmethod
    def _one_unit(cls, value: Any) -> Any:
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(f"budget must name one unit, such as {{ generator_steps = 3000 }}, got {value!r}")
        ((unit, amount),) = value.items()
        return {"unit": unit, "amount": amount}

    @model_validator(mode="after")
    def _evaluations_fit(self) -> Train:
        if self.budget.unit != "seconds" and self.evaluations > self.budget.amount:
            raise ValueError(
                f"evaluations <= budget must hold, got evaluations={self.evaluations}, "
                f"budget={self.budget.amount:g} {self.budget.unit}"
            )
        return self


class Search(Frozen):
    """[search]: how configurations are proposed, and how many."""

    sampler: str = "tpe"
    trials: int = Field(24, ge=1)
    seed: int = Field(0, ge=0)
    space: dict[str, Any] = {}

    @field_validator("sampler")
    @classmethod
    def _known(cls, value: str) -> str:
        return known("sampler", value, SAMPLERS)


class Objective(Frozen):
    """[objective]: what wins. The median over seeds at the last evaluation; require limits seeds per verdict."""

    minimize: str | None = None
    maximize: str | None = None
    require: dict[str, int] = dict.fromkeys(CONSTRAINTS, 0)

    @field_validator("minimize", "maximize")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        judged = [name for name, measure in MEASURES.items() if measure.direction != "none"]
        return None if value is None else known("measure", value, judged)

    @field_validator("require")
    @classmethod
    def _known_verdicts(cls, value: dict[str, int]) -> dict[str, int]:
        for name, limit in value.items():
            known("verdict to limit", name, CONSTRAINTS)
            if limit < 0:
                raise ValueError(f"the number of {name} seeds allowed must be >= 0, got {limit}")
        return dict.fromkeys(CONSTRAINTS, 0) | value

    @model_validator(mode="after")
    def _one_direction(self) -> Objective:
        if self.minimize and self.maximize:
            raise ValueError(f"name one of minimize and maximize, got {self.minimize!r} and {self.maximize!r}")
        direction = "down" if self.maximize is None else "up"
        if MEASURES[self.measure].direction != direction:
            better = "smaller" if MEASURES[self.measure].direction == "down" else "larger"
            raise ValueError(
                f"{self.measure} is better {better}; say {'minimize' if better == 'smaller' else 'maximize'}"
            )
        return self

    @property
    def measure(self) -> str:
        """Name of the measure, FID unless stated."""
        return self.minimize or self.maximize or "fid"

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """In Optuna's words."""
        return "maximize" if self.maximize else "minimize"


class Schedule(Frozen):
    """[schedule]: whether bad trials are stopped early. grace is in the budget's own unit."""

    name: str = "asha"
    reduction_factor: float = Field(3, ge=1.1, allow_inf_nan=False)
    grace: float | None = Field(None, gt=0)

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return known("schedule", value, SCHEDULES)


class Resources(Frozen):
    """[resources]: per trial. Fractions of a GPU pack several trials on it."""

    cpus: float = Field(1, gt=0, allow_inf_nan=False)
    gpus: float = Field(0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _countable(self) -> Resources:
        for kind, number in (("cpus", self.cpus), ("gpus", self.gpus)):
            if number > 1 and number != int(number):
                raise ValueError(f"{kind} above 1 must be whole, got {number}")
        return self


class Tracking(Frozen):
    """[tracking]: the MLflow server; without it, an embedded SQLite store under the home folder."""

    uri: str | None = None


class StudySpec(Frozen):
    """A whole study file, defaults filled in."""

    name: str
    question: str = ""
    data: DataConfig
    model: ModelConfig = ModelConfig()
    train: Train
    remedies: dict[str, dict[str, Any]] = {}
    search: Search = Search()
    objective: Objective = Objective()
    schedule: Schedule = Schedule()
    resources: Resources = Resources()
    tracking: Tracking = Tracking()

    @field_validator("name")
    @classmethod
    def _usable_as_folder(cls, value: str) -> str:
        if not NAME_RULE.fullmatch(value):
            raise ValueError(
                f"a name has 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit, got {value!r}"
            )
        return value

    @model_validator(mode="after")
    def _grace_within_budget(self) -> StudySpec:
        grace, budget = self.schedule.grace, self.train.budget
        if grace is not None and grace > budget.amount:
            raise ValueError(f"schedule.grace <= budget must hold, got {grace:g} > {budget.amount:g} {budget.unit}")
        return self

    @property
    def space(self) -> SearchSpace:
        """The search space over the fixed part of the file."""
        domains = {key: parse_domain(key, value) for key, value in self.search.space.items()}
        return SearchSpace(domains, self.base())

    def base(self) -> dict[str, Any]:
        """What the file fixes, in the form of a TrialConfig."""
        shared = {key: getattr(self.train, key) for key in (*TRIAL_KEYS, "seeds", "budget", "evaluations")}
        return {"data": self.data, "model": self.model.model_dump(), **shared, "remedy_options": self.remedies}

    @property
    def grace(self) -> float:
        """Budget before a trial may be stopped early; unless stated, the budget over reduction_factor squared."""
        return self.schedule.grace or self.train.budget.amount / self.schedule.reduction_factor**RUNGS_BELOW_BUDGET

    def rungs(self) -> list[float]:
        """Where on the budget's axis trials are compared and the worse ones stopped, in order."""
        rungs, rung = [], self.grace
        while rung < self.train.budget.amount * (1 - 1e-9):
            rungs.append(rung)
            rung *= self.schedule.reduction_factor
        return rungs

    def identity(self) -> dict[str, Any]:
        """What must stay the same for results to belong to one study: flat keys and values.

        The number of trials, the machine and the tracking server may change between two runs.
        """
        whole = self.model_dump(mode="json", exclude={"question", "resources", "tracking"})
        del whole["search"]["trials"]
        return dict(_flatten(whole))


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [item for key, inner in value.items() for item in _flatten(inner, f"{path}.{key}" if path else key)]
    return [(path, value)]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line per key on which two identities differ."""
    absent = object()
    keys = [*old, *(key for key in new if key not in old)]
    show = {key: (old.get(key, absent), new.get(key, absent)) for key in keys}
    words = {key: tuple("absent" if v is absent else json.dumps(v) for v in pair) for key, pair in show.items()}
    return [f"{key}: {before} -> {after}" for key, (before, after) in words.items() if before != after]


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
    location = ".".join(str(part) for part in error["loc"])
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

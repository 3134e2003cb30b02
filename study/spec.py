"""What a study file may say: its tables and keys, their defaults, and the rules of each.

study/reader.py reads a file into a StudySpec; behind that door a spec is trusted. docs/study-file.md
describes every key.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, Protocol

from pydantic import Field, field_validator, model_validator

from study.home import NAME_RULE
from study.space import TRIAL_KEYS, SearchSpace, parse_domain
from trials.catalogue import MEASURES
from trials.config import LARGEST_SEED, Budget, TrialConfig, distinct_seeds, measurable
from trials.options.base import Frozen, known, shown
from trials.options.data import DataConfig
from trials.options.measures import MeasuresConfig
from trials.options.models import MLP, ModelConfig
from trials.records import Verdict

SAMPLERS = ("tpe", "random", "grid")
SCHEDULES = ("asha", "fifo")
RUNGS_BELOW_BUDGET = 2
"""Comparisons before the end of the budget, unless [schedule] grace says otherwise."""
MOST_BUILT = 64
"""Kinds of networks that are built on trial before a study starts."""
TRACKING_URI = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w.~%/+-]*)?", re.ASCII)
CREDENTIALS = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
NOT_TOLD = "what was given is not repeated, as it may hold a secret"
CONSTRAINTS = (Verdict.COLLAPSED.value, Verdict.CYCLING.value, Verdict.DIVERGED.value)


class Train(Frozen):
    """[train]: what all trials have in common."""

    method: str = "gan"
    loss: str = "non_saturating"
    k: Any = 1
    optimiser: str = "adam"
    lr_d: float = 2e-4
    lr_g: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    batch_size: int = 64
    remedies: list[str] = []
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: Budget
    evaluations: int = Field(10, ge=1, le=10_000)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return distinct_seeds(value)

    @field_validator("budget", mode="before")
    @classmethod
    def _one_unit(cls, value: Any) -> Any:
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(f"budget must name one unit, such as {{ generator_steps = 3000 }}, got {shown(value)}")
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
    trials: int = Field(24, ge=1, le=1_000_000)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
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
                raise ValueError(f"the number of {name} seeds allowed must be >= 0, got {shown(limit)}")
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
    reduction_factor: float = Field(3, ge=1.1, le=1000, allow_inf_nan=False)
    grace: float | None = Field(None, gt=0)

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return known("schedule", value, SCHEDULES)

    @field_validator("grace")
    @classmethod
    def _measurable(cls, value: float | None) -> float | None:
        return None if value is None else measurable("grace", value)


class Resources(Frozen):
    """[resources]: per trial. Fractions of a GPU pack several trials on it."""

    cpus: float = Field(1, gt=0, allow_inf_nan=False)
    gpus: float = Field(0, ge=0, allow_inf_nan=False)
    retries: int = Field(1, ge=0, le=100)
    """How often a trial that failed is tried again from its checkpoint before it counts as failed."""
    silent_seconds: float = Field(1800, ge=5, allow_inf_nan=False)
    """How long a trial may train, evaluate or load without a sign before it is ended and tried again."""

    @model_validator(mode="after")
    def _countable(self) -> Resources:
        for kind, number in (("cpus", self.cpus), ("gpus", self.gpus)):
            if number > 1 and number != int(number):
                raise ValueError(f"{kind} above 1 must be whole, got {number}")
        return self


class Tracking(Frozen):
    """[tracking]: the MLflow server; without it, an embedded SQLite store under the home folder."""

    uri: str | None = None

    @field_validator("uri")
    @classmethod
    def _address_alone(cls, value: str | None) -> str | None:
        # The value goes to command lines, logs, MLflow and reports; it is not told, since it may hold a secret.
        if value is None:
            return None
        if "@" in value:
            raise ValueError(
                "must hold no user name or password, which would end up in logs and reports; "
                "MLflow takes them from the environment: " + CREDENTIALS
            )
        if "?" in value or "#" in value:
            raise ValueError("must have no query (?) and no fragment (#); for credentials, set " + CREDENTIALS)
        if not TRACKING_URI.fullmatch(value):
            raise ValueError(f"must be an MLflow server's http://HOST[:PORT][/PATH], or https://; {NOT_TOLD}")
        return value


class Published(Protocol):
    """What publishing and reporting need to know of a study, whether it was trained here or imported."""

    @property
    def name(self) -> str:
        """Of the study."""

    @property
    def tracking(self) -> Tracking:
        """[tracking]"""


class StudySpec(Frozen):
    """A whole study file, defaults filled in."""

    name: str
    question: str = ""
    data: DataConfig
    model: ModelConfig = MLP()
    train: Train
    losses: dict[str, dict[str, Any]] = {}
    remedies: dict[str, dict[str, Any]] = {}
    measures: MeasuresConfig = MeasuresConfig()
    search: Search = Search()
    objective: Objective = Objective()
    schedule: Schedule = Schedule()
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    document: str = Field("", exclude=True, repr=False)
    """The file as JSON, with absolute paths and the digests of the user's own files; set by study/reader.py."""

    @field_validator("name")
    @classmethod
    def _usable_as_folder(cls, value: str) -> str:
        if not NAME_RULE.fullmatch(value):
            raise ValueError(
                "a name has 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit, "
                f"got {shown(value)}"
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
        """What the file fixes, in the form of a TrialConfig; options of losses still by loss."""
        shared = {key: getattr(self.train, key) for key in (*TRIAL_KEYS, "seeds", "budget", "evaluations")}
        options = {"loss_options": self.losses, "remedy_options": self.remedies}
        whole = {"data": self.data, "model": self.model.model_dump(), "measures": self.measures}
        return {**whole, **shared, **options}

    @property
    def plugin_digests(self) -> list[str]:
        """Of the user's own files that the study refers to."""
        return [digest for part in (self.data, self.model) if (digest := getattr(part, "digest", ""))]

    @property
    def has_own_parts(self) -> bool:
        """Whether the data or networks are the user's own: then only loading them shows whether they will do."""
        return bool(self.plugin_digests) or hasattr(self.data, "path") or self.measures.weights is not None

    def structures(self) -> list[TrialConfig]:
        """One configuration per kind of networks, loss and remedies that the search may build, at most MOST_BUILT."""
        kinds: dict[str, TrialConfig] = {}
        for params in self.space.combinations():
            config = self.space.trial_config(params)
            kind = config.model_dump(include={"model", "method", "loss", "remedies"})
            kinds.setdefault(json.dumps(kind, sort_keys=True), config)
            if len(kinds) == MOST_BUILT:
                break
        return list(kinds.values())

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

        The number of trials and the machine may change between two runs.
        """
        whole = self.model_dump(mode="json", exclude={"question", "resources"})
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

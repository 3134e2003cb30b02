"""What a study file may say: its tables and keys, their defaults, and the rules of each.

study/spec/reader.py reads a file into a StudySpec; behind that door a spec is trusted.
docs/study-file.md describes every key.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from ganstudy.study.spec.samplers.registry import SAMPLERS
from ganstudy.trials.config.base import (
    FILLED_IN,
    FilledInText,
    StrictModel,
    one_of,
    short_repr,
)
from ganstudy.trials.config.command import Watch
from ganstudy.trials.config.trial import LARGEST_SEED, TrainingSettings, distinct_seeds, measurable
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURE_VERDICTS
from ganstudy.trials.results.samplers import DEFAULT_SAMPLER

SCHEDULES = ("asha", "fifo")
RUNGS_BELOW_BUDGET = 2
"""Comparisons before the end of the budget, unless [schedule] grace says otherwise."""
NUM_FRESH_SEEDS = 8
"""Of which an exact test can tell one of six comparisons (fewest_seeds in
trials/results/paired_seeds.py), twice as many as there are twins by default.
"""
FIRST_FRESH_SEED = 100
MOST_BUILT = 64
"""Architectures that are built before a study starts, to see whether they can be."""
# A guess: each is called once, and may take a second.
MOST_REHEARSED = 16
"""Configurations with which a training function is tried before a study starts."""
# No user or password before the host: the address is shown, and kept with the study.
TRACKING_URI = re.compile(
    r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[\w.~%/+-]*)?", re.ASCII
)
CREDENTIALS = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
NOT_SHOWN = "what was given is not repeated, as it may hold a secret"
LARGEST_FACTOR_MARGIN, LARGEST_SHARE_MARGIN = 1.0, 0.5
"""Of scores compared as ratios (a factor of two), and of shares: beyond these nothing is nearly alike."""
CONSTRAINTS = tuple(verdict.value for verdict in FAILURE_VERDICTS)


def fresh_seeds(known: Iterable[int]) -> tuple[int, ...]:
    """Return the seeds of the confirm stage where a file does not state them.

    They are the first that the search does not use.
    """
    candidates = (seed for seed in itertools.count(FIRST_FRESH_SEED) if seed not in {*known})
    return tuple(itertools.islice(candidates, NUM_FRESH_SEEDS))


class Code(StrictModel):
    """[code]: a folder of the user's own Python files, which import one another."""

    folder: str
    include: tuple[str, ...] = ()
    """Patterns of further files, or folders, that travel with them."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and folders that stay out."""
    digest: FilledInText = ""
    """Of all files; filled in when the study file is read, as is what follows."""
    files: Annotated[dict[str, str], FILLED_IN] = {}
    """Digests by path in the folder."""


class Train(TrainingSettings):
    """[train]: what all trials have in common."""

    k: Any = 1
    """As the file has it, number or text, which is what users meet again."""
    digest: FilledInText = ""
    """Of a training function's file; filled in when the study file is read."""
    params: dict[str, Any] = {}
    """[train.params]: every parameter of a training function, with its value where the search varies
    it not."""
    command: tuple[str, ...] = ()
    """A training script's command line, in place of a function; empty where there is none."""
    resume: tuple[str, ...] = ()
    """Arguments that go on from a snapshot of the script."""
    dry_run: tuple[str, ...] = ()
    """Arguments with which the script trains nothing, so that `check` can try it."""
    watch: Watch = Watch()
    home: FilledInText = Field("", exclude=True)
    """The study file's folder; filled in when the file is read. A study may be moved."""
    code: FilledInText = Field("", exclude=True)
    """The folder of [code], where the command's script lies in it; filled in as `home` is."""

    @field_validator("budget", mode="before")
    @classmethod
    def _one_unit(cls, value: Any) -> Any:
        if not isinstance(value, dict) or len(value) != 1:
            raise ValueError(
                f"budget must name one unit, such as {{ generator_steps = 3000 }}, got {short_repr(value)}"
            )
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


class Search(StrictModel):
    """[search]: how configurations are proposed, and how many."""

    sampler: str = DEFAULT_SAMPLER
    # 0 beside [design] alone (study/spec/checks.py). Numbers from 1,000,000 on are those of confirm
    # trials (FIRST_CONFIRM).
    trials: int = Field(24, ge=0, le=1_000_000)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    space: dict[str, Any] = {}

    @field_validator("sampler")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of("sampler", value, SAMPLERS)


class Objective(StrictModel):
    """[objective]: which configuration is best, by the median over seeds at the last evaluation.

    require: the most seeds that a feasible trial may have per verdict. margin: how far apart scores
    may be to be practically equal.
    """

    minimize: str | None = None
    maximize: str | None = None
    margin: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Of scores compared as ratios a factor within [1 / (1 + margin), 1 + margin], else a difference in
    the measure's own units. None: nothing is ever called practically equal.
    """
    require: dict[str, int] = dict.fromkeys(CONSTRAINTS, 0)

    @field_validator("minimize", "maximize")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        judged = [name for name, measure in MEASURES.items() if measure.direction != "none"]
        return None if value is None else one_of("measure", value, judged)

    @field_validator("require")
    @classmethod
    def _known_verdicts(cls, value: dict[str, int]) -> dict[str, int]:
        for name, limit in value.items():
            one_of("verdict to limit", name, CONSTRAINTS)
            if limit < 0:
                raise ValueError(
                    f"the number of {name} seeds allowed must be >= 0, got {short_repr(limit)}"
                )
        return dict.fromkeys(CONSTRAINTS, 0) | value

    @model_validator(mode="after")
    def _one_direction(self) -> Objective:
        if self.minimize and self.maximize:
            raise ValueError(
                f"name one of minimize and maximize, got {self.minimize!r} and {self.maximize!r}"
            )
        direction = "down" if self.maximize is None else "up"
        if MEASURES[self.measure].direction != direction:
            better = "smaller" if MEASURES[self.measure].direction == "down" else "larger"
            raise ValueError(
                f"{self.measure} is better {better}; "
                f"say {'minimize' if better == 'smaller' else 'maximize'}"
            )
        return self

    @model_validator(mode="after")
    def _margin_is_small(self) -> Objective:
        measure = MEASURES[self.measure]
        if self.margin is None:
            return self
        if measure.is_ratio and self.margin > LARGEST_FACTOR_MARGIN:
            raise ValueError(
                f"margin must be <= {LARGEST_FACTOR_MARGIN:g} for {measure.name}, which is compared "
                "by ratios (0.15: within a factor of 1.15 scores are practically equal), "
                f"got {self.margin:g}"
            )
        if measure.is_share and self.margin > LARGEST_SHARE_MARGIN:
            raise ValueError(
                f"margin must be <= {LARGEST_SHARE_MARGIN:g} for {measure.name}, a share between 0 "
                "and 1 (0.02: scores at most 2 percentage points apart are practically equal), "
                f"got {self.margin:g}"
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


class Confirm(StrictModel):
    """[confirm]: what is trained again after the search, on seeds that the search never saw."""

    top: int = Field(3, ge=1, le=1000)
    """Configurations with the best objective."""
    remedy_sets: int = Field(8, ge=0, le=1000)
    """Sets of remedies confirmed by their best configuration, at most."""
    baseline: bool = True
    """Whether the best configuration without remedies is confirmed; where the search drew none, the
    twin of the best one.
    """
    twins: int = Field(3, ge=0, le=1000)
    """Configurations that are trained with their remedies off as well, at most: the first choice,
    then the best of each set.
    """
    seeds: tuple[int, ...] = fresh_seeds(())
    """Where they are not stated, none of [train]'s is among them."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return distinct_seeds(value)


class Schedule(StrictModel):
    """[schedule]: whether bad trials are stopped early. grace is in the budget's own unit."""

    name: str = "asha"
    # Close to 1 and with a small grace, the rungs would be countless.
    reduction_factor: float = Field(3, ge=1.1, le=1000, allow_inf_nan=False)
    grace: float | None = Field(None, gt=0)

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of("schedule", value, SCHEDULES)

    @field_validator("grace")
    @classmethod
    def _measurable(cls, value: float | None) -> float | None:
        return None if value is None else measurable("grace", value)


class Resources(StrictModel):
    """[resources], per trial.

    A fraction of a GPU lets several trials share it; for more than one see `resource_problems` in
    study/spec/checks.py.
    """

    cpus: float = Field(1, gt=0, allow_inf_nan=False)
    gpus: float = Field(0, ge=0, allow_inf_nan=False)
    max_concurrent: int | None = Field(None, ge=1)
    """Trials in training at a time, at most; unless stated, as many as the cluster has room for."""
    lanes: int | None = Field(None, ge=1, le=100_000)
    """Lanes of a pack, at most: configurations that differ in numbers alone are trained together,
    each on all its seeds, which are a lane each. Where trials are stopped early or drawn by the
    scores before them, and where this is below twice the number of seeds, every configuration is
    a pack of its own. Unless stated, chosen as the study begins (study/ledger/packing.py)."""
    retries: int = Field(1, ge=0, le=100)
    """How often a trial that failed is tried again, from its checkpoint."""
    silent_seconds: float = Field(1800, ge=5, allow_inf_nan=False)
    """How long a trial may train, evaluate or load without a sign of life before it is ended and
    tried again.
    """

    @model_validator(mode="after")
    def _countable(self) -> Resources:
        # Ray schedules fractions of one core, and whole cores beyond that.
        if self.cpus > 1 and self.cpus != int(self.cpus):
            raise ValueError(f"cpus above 1 must be whole, got {self.cpus}")
        return self


class Tracking(StrictModel):
    """[tracking]: the MLflow server; without it, an embedded SQLite store under the home folder."""

    uri: str | None = None

    @field_validator("uri")
    @classmethod
    def _address_alone(cls, value: str | None) -> str | None:
        # An accepted value goes to command lines, logs, MLflow and reports. A refused one is not
        # even repeated in the message, since it may hold a secret.
        if value is None:
            return None
        if "@" in value:
            raise ValueError(
                "must hold no user name or password, which would end up in logs and reports; "
                "MLflow takes them from the environment: " + CREDENTIALS
            )
        if "?" in value or "#" in value:
            raise ValueError(
                "must have no query (?) and no fragment (#); for credentials, set " + CREDENTIALS
            )
        if not TRACKING_URI.fullmatch(value):
            raise ValueError(
                f"must be an MLflow server's http://HOST[:PORT][/PATH], or https://; {NOT_SHOWN}"
            )
        return value

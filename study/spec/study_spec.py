"""A whole study file as one validated model, and what follows from it: structures, space, published
facts.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from pydantic import Field, field_validator, model_validator

from ganstudy.study.home import NAME_RULE
from ganstudy.study.spec.domains import parse_domain
from ganstudy.study.spec.keys import TRIAL_KEYS
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.tables import (
    MOST_BUILT,
    RUNGS_BELOW_BUDGET,
    Confirm,
    Objective,
    Resources,
    Schedule,
    Search,
    Tracking,
    Train,
)
from ganstudy.trials.config.base import StrictModel, short_repr
from ganstudy.trials.config.data import DataConfig
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import MLP, ModelConfig
from ganstudy.trials.config.trial import TrialConfig


class Published(Protocol):
    """What publishing and reporting need to know of a study, whether it was trained here or
    imported.
    """

    @property
    def name(self) -> str:
        """Of the study."""

    @property
    def tracking(self) -> Tracking:
        """[tracking]"""

    @property
    def measure(self) -> str:
        """What decides."""


class StudySpec(StrictModel):
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
    confirm: Confirm | None = None
    """None: no confirm stage, which costs as much as the search or more, and so is asked for."""
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    document: str = Field("", exclude=True, repr=False)
    """The file as JSON, with absolute paths and the digests of the user's own files; set by
    study/spec/reader.py.
    """

    @field_validator("name")
    @classmethod
    def _usable_as_folder(cls, value: str) -> str:
        if not NAME_RULE.fullmatch(value):
            raise ValueError(
                "a name has 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or digit, "
                f"got {short_repr(value)}"
            )
        return value

    @model_validator(mode="after")
    def _grace_within_budget(self) -> StudySpec:
        grace, budget = self.schedule.grace, self.train.budget
        if grace is not None and grace > budget.amount:
            raise ValueError(
                f"schedule.grace <= budget must hold, got {grace:g} > {budget.amount:g} {budget.unit}"
            )
        return self

    @model_validator(mode="after")
    def _fresh_seeds(self) -> StudySpec:
        known = sorted({*self.train.seeds} & {*(self.confirm.seeds if self.confirm else ())})
        if known:
            raise ValueError(
                f"confirm.seeds must be other seeds than train.seeds, and {short_repr(known)} stand in both: "
                "what the search chose for its scores on a seed is not confirmed by that seed"
            )
        return self

    @property
    def measure(self) -> str:
        """Of the objective."""
        return self.objective.measure

    @property
    def space(self) -> SearchSpace:
        """The search space over the fixed part of the file."""
        domains = {key: parse_domain(key, value) for key, value in self.search.space.items()}
        return SearchSpace(domains, self.base())

    def base(self) -> dict[str, Any]:
        """What the file fixes, in the form of a TrialConfig; options of losses still by loss."""
        shared = {
            key: getattr(self.train, key) for key in (*TRIAL_KEYS, "seeds", "budget", "evaluations")
        }
        options = {"loss_options": self.losses, "remedy_options": self.remedies}
        whole = {"data": self.data, "model": self.model.model_dump(), "measures": self.measures}
        return {**whole, **shared, **options}

    @property
    def plugin_digests(self) -> list[str]:
        """Of the user's own files that the study refers to."""
        return [
            digest for part in (self.data, self.model) if (digest := getattr(part, "digest", ""))
        ]

    @property
    def has_own_parts(self) -> bool:
        """Whether the data or networks are the user's own: then only loading them shows whether
        they will do.
        """
        return (
            bool(self.plugin_digests)
            or hasattr(self.data, "path")
            or self.measures.weights is not None
        )

    def structures(self) -> list[TrialConfig]:
        """One configuration per kind of networks, loss and remedies that the search may build, at
        most MOST_BUILT.
        """
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
        """Budget before a trial may be stopped early; unless stated, the budget over
        reduction_factor squared.
        """
        return (
            self.schedule.grace
            or self.train.budget.amount / self.schedule.reduction_factor**RUNGS_BELOW_BUDGET
        )

    def rungs(self) -> list[float]:
        """Where on the budget's axis trials are compared and the worse ones stopped, in order."""
        rungs, rung = [], self.grace
        while rung < self.train.budget.amount * (1 - 1e-9):
            rungs.append(rung)
            rung *= self.schedule.reduction_factor
        return rungs

    def identity(self) -> dict[str, Any]:
        """What must stay the same for results to belong to one study: flat keys and values.

        The number of trials and the machine may change between two runs; of [confirm], what
        study/ledger/ledger.py says.
        """
        whole = self.model_dump(mode="json", exclude={"question", "resources", "confirm"})
        del whole["search"]["trials"]
        return dict(_flatten(whole))


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            item
            for key, inner in value.items()
            for item in _flatten(inner, f"{path}.{key}" if path else key)
        ]
    return [(path, value)]


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line per key on which two identities differ."""
    absent = object()
    keys = [*old, *(key for key in new if key not in old)]
    show = {key: (old.get(key, absent), new.get(key, absent)) for key in keys}
    words = {
        key: tuple("absent" if v is absent else json.dumps(v) for v in pair)
        for key, pair in show.items()
    }
    return [
        f"{key}: {before} -> {after}" for key, (before, after) in words.items() if before != after
    ]

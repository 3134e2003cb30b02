"""A whole study file as one validated model, and what follows from it.

That is the search space, the rungs of the scheduler and the study's identity.
"""

from __future__ import annotations

import itertools
import json
from functools import cached_property
from typing import Any, Protocol

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ganstudy.study.home import NAME_RULE
from ganstudy.study.spec.claim import Claim
from ganstudy.study.spec.design import Design
from ganstudy.study.spec.domains import ParsedDomains, parse_domains
from ganstudy.study.spec.keys import TRIAL_KEYS
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.tables import (
    MOST_BUILT,
    MOST_REHEARSED,
    RUNGS_BELOW_BUDGET,
    Code,
    Confirm,
    Objective,
    Resources,
    Schedule,
    Search,
    Tracking,
    Train,
    fresh_seeds,
)
from ganstudy.study.spec.trial_template import TrialTemplate
from ganstudy.trials.config.base import FilledInText, StrictModel, short_repr
from ganstudy.trials.config.code_folder import changed_files
from ganstudy.trials.config.command import METHOD, Command
from ganstudy.trials.config.data import DataConfig
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import MLP, ModelConfig
from ganstudy.trials.config.training_function import is_own_training
from ganstudy.trials.config.trial import TrialConfig


class Published(Protocol):
    """A study as publishing and reporting see it, whether it was trained here or imported."""

    @property
    def name(self) -> str:
        """Name of the study."""

    @property
    def tracking(self) -> Tracking:
        """[tracking]"""

    @property
    def measure(self) -> str:
        """The measure of the objective."""


CODE = "[code]"
"""Begins the names of files of the user's own folder in an identity."""


class StudySpec(StrictModel):
    """A whole study file, defaults filled in."""

    name: str
    question: str = ""
    data: DataConfig
    model: ModelConfig = MLP()
    code: Code | None = None
    """None: each file of the user's own travels alone."""
    train: Train
    losses: dict[str, dict[str, Any]] = {}
    remedies: dict[str, dict[str, Any]] = {}
    measures: MeasuresConfig = MeasuresConfig()
    design: Design | None = None
    """None: no designed stage before the search."""
    search: Search = Search()
    objective: Objective = Objective()
    schedule: Schedule = Schedule()
    confirm: Confirm | None = None
    """None: no confirm stage. It costs as much as the search or more, so it must be asked for."""
    resources: Resources = Resources()
    tracking: Tracking = Tracking()
    claim: Claim | None = None
    """None: the study decides no stated sentence."""
    document: FilledInText = Field("", exclude=True, repr=False)
    """The file as JSON, with absolute paths and the digests of the user's own files; set by
    study/spec/reader.py.
    """

    @field_validator("name")
    @classmethod
    def _usable_as_folder(cls, value: str) -> str:
        if not NAME_RULE.fullmatch(value):
            raise ValueError(
                "a name has 1 to 80 letters, digits, '.', '_' or '-', starting with a letter or "
                f"digit, got {short_repr(value)}"
            )
        return value

    @model_validator(mode="after")
    def _grace_within_budget(self) -> StudySpec:
        grace, budget = self.schedule.grace, self.train.budget
        if grace is not None and grace > budget.amount:
            raise ValueError(
                f"schedule.grace <= budget must hold, got {grace:g} > {budget.amount:g} "
                f"{budget.unit}"
            )
        return self

    @field_validator("design")
    @classmethod
    def _at_an_evaluation(cls, value: Design | None, info: ValidationInfo) -> Design | None:
        # A third is 0.33 in a file; steps are reported, and counted, at the evaluation itself.
        if value is None or "train" not in info.data:
            return value
        return value.at_evaluation(info.data["train"].evaluations)

    @field_validator("confirm")
    @classmethod
    def _seeds_unless_stated(cls, value: Confirm | None, info: ValidationInfo) -> Confirm | None:
        # Without [train], of which the reader hears by itself, there is nothing to keep clear of.
        if value is None or "train" not in info.data or "seeds" in value.model_fields_set:
            return value
        return value.model_copy(update={"seeds": fresh_seeds(info.data["train"].seeds)})

    @model_validator(mode="after")
    def _fresh_seeds(self) -> StudySpec:
        known = sorted({*self.train.seeds} & {*(self.confirm.seeds if self.confirm else ())})
        if known:
            raise ValueError(
                "confirm.seeds must be other seeds than train.seeds, and "
                f"{short_repr(known)} stand in both: what the search chose for its scores on a "
                "seed is not confirmed by that seed"
            )
        return self

    @property
    def measure(self) -> str:
        """The measure of the objective."""
        return self.objective.measure

    # Both are cached, as every check reads them. pydantic keeps what is cached out of dumps and
    # comparisons, but model_copy takes it along: never copy with another [search.space].
    @cached_property
    def parsed_space(self) -> ParsedDomains:
        """The table [search.space], parsed."""
        return parse_domains(
            self.search.space,
            self.train.params if self.has_training_function else None,
            self.train.own,
        )

    @cached_property
    def space(self) -> SearchSpace:
        """The search space over the fixed part of the file; ValueError if a key has no domain."""
        for problem in self.parsed_space.problems.values():
            raise ValueError(problem)
        return SearchSpace(self.parsed_space.domains, TrialTemplate(self.base()))

    def states(self, table: str, key: str) -> bool:
        """Return whether the file itself has a key in a table, rather than its default."""
        stated = json.loads(self.document or "{}").get(table, {})
        return key in stated

    def base(self) -> dict[str, Any]:
        """Return what the file fixes, in the form of a TrialConfig; options of losses by loss."""
        shared = {
            key: getattr(self.train, key)
            for key in ("own", *TRIAL_KEYS, "seeds", "budget", "evaluations")
        }
        options = {"loss_options": self.losses, "remedy_options": self.remedies}
        whole = {"data": self.data, "model": self.model.model_dump(), "measures": self.measures}
        if self.has_training_function:
            function: dict[str, Any] = {"digest": self.train.digest, "params": self.train.params}
            if self.has_command:
                names = Command.model_fields
                function["command"] = {name: getattr(self.train, name) for name in names}
            whole["function"] = function
        return {**whole, **shared, **options}

    @property
    def has_training_function(self) -> bool:
        """Whether a function or a command of the user's own trains, rather than ganstudy."""
        return is_own_training(self.train.method)

    @property
    def has_command(self) -> bool:
        """Whether a command of the user's own trains."""
        return self.train.method == METHOD

    @property
    def plugin_digests(self) -> list[str]:
        """Digests of the user's own files that the study refers to."""
        # A command's script is run where it lies, and does not travel but with its folder.
        train = () if self.has_command and not self.train.code else (self.train,)
        parts = (
            self.data,
            self.model,
            *train,
            *self.train.own.values(),
            *self.measures.own.values(),
        )
        # Once each: a file may hold a loss, a remedy and a measure.
        digests = dict.fromkeys(getattr(part, "digest", "") for part in parts)
        return [digest for digest in digests if digest]

    @property
    def has_own_parts(self) -> bool:
        """Whether data, networks or extractor are the user's own, which only loading can check."""
        return (
            bool(self.plugin_digests)
            or self.has_command
            or hasattr(self.data, "path")
            or self.measures.weights is not None
        )

    def distinct_architectures(self) -> list[TrialConfig]:
        """Return one configuration per choice of networks, loss and remedies in the search space.

        At most MOST_BUILT of them. Of a training function: one per end of each parameter, as any may
        decide what it builds.
        """
        if self.has_training_function:
            tried = itertools.islice(self.space.one_at_a_time(), MOST_REHEARSED)
            return [self.space.trial_config(params) for params in tried]
        found: dict[str, TrialConfig] = {}
        # Options of the user's own networks first: any may decide what is built.
        space = self.space
        first = itertools.islice(space.combinations(), 1)
        for params in itertools.chain(first, space.varied_networks(), space.combinations()):
            config = self.space.trial_config(params)
            architecture = config.model_dump(
                include={"model", "method", "loss", "remedies", "optimiser"}
            )
            # The first configuration of each: the others differ in numbers that build nothing.
            found.setdefault(json.dumps(architecture, sort_keys=True), config)
            if len(found) == MOST_BUILT:
                break
        return list(found.values())

    @property
    def grace(self) -> float:
        """Budget that every trial has before it may be stopped early."""
        return (
            self.schedule.grace
            or self.train.budget.amount / self.schedule.reduction_factor**RUNGS_BELOW_BUDGET
        )

    def rungs(self) -> list[float]:
        """Return where on the budget's axis trials are compared and the worse ones stopped."""
        rungs, rung = [], self.grace
        # A rung at the end itself would stop nothing; rounding may put it just below.
        while rung < self.train.budget.amount * (1 - 1e-9):
            rungs.append(rung)
            rung *= self.schedule.reduction_factor
        return rungs

    def identity(self) -> dict[str, Any]:
        """Return what must stay the same for results to belong to one study: flat keys, values.

        The number of trials and the resources may change between two runs; for [confirm], [claim] and
        the margin, see Ledger.check_same.
        """
        whole = self.model_dump(mode="json", exclude={"question", "resources", "confirm", "claim"})
        del whole["search"]["trials"], whole["objective"]["margin"]
        if not self.train.own:  # as it was before there were any
            del whole["train"]["own"]
        if not self.measures.own:
            del whole["measures"]["own"]
        del whole["code"]
        if self.code is None:
            return dict(_flatten(whole))
        # Its files one by one, which say more than the digest of them all.
        flat = {k: CODE if v == self.code.digest else v for k, v in _flatten(whole)}
        return {**flat, **{f"{CODE} {name}": digest for name, digest in self.code.files.items()}}


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [
            item
            for key, inner in value.items()
            for item in _flatten(inner, f"{path}.{key}" if path else key)
        ]
    return [(path, value)]


def _code_of(identity: dict[str, Any]) -> dict[str, str]:
    return {k.removeprefix(f"{CODE} "): v for k, v in identity.items() if k.startswith(CODE)}


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return one line per key on which two identities differ."""
    lines = [f"{CODE} {line}" for line in changed_files(_code_of(old), _code_of(new))]
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = (json.dumps(i[key]) if key in i else "absent" for i in (old, new))
        if before != after and not key.startswith(CODE):
            lines.append(f"{key}: {before} -> {after}")
    return lines

"""Rules that span several tables of a study file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ganstudy.study.spec.claim_rules import claim_problems
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.design_rules import design_problems
from ganstudy.study.spec.domains import Range, boundary_values
from ganstudy.study.spec.function_checks import function_problems
from ganstudy.study.spec.keys import MODEL_KEYS, NETWORK_OPTION, Params, is_network_option
from ganstudy.study.spec.messages import key_part, message_of
from ganstudy.study.spec.own_parts import own_options
from ganstudy.study.spec.samplers.registry import SAMPLERS
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.spec.trial_template import TrialTemplate
from ganstudy.trials.config.base import StrictModel, alternatives, one_of, short_repr
from ganstudy.trials.config.compatibility import IncompatibleError
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.results.records import FIRST_CONFIRM


def problems_across_tables(spec: StudySpec, values: dict[str, Any]) -> list[str]:
    """Return the rules across tables that a study breaks; values: the file as plain JSON.

    The later rules take the earlier ones for granted, so only the first group that finds anything
    is reported.
    """
    return (
        function_problems(spec, values)
        or domain_problems(spec, values)
        or value_problems(spec)
        or option_problems(spec)
        or combination_problems(spec)
        or design_problems(spec)
        or search_problems(spec)
        or claim_problems(spec)
    )


def search_problems(spec: StudySpec) -> list[str]:
    """Return what is wrong with the number of trials that the search draws, and with its sampler."""
    trials, designed = spec.search.trials, planned_trials(spec)
    if not trials and not designed:
        return ["search.trials: must be >= 1, got 0 (a study with [design] may do without)"]
    if trials + designed > FIRST_CONFIRM:
        return [
            f"search.trials: must be <= {FIRST_CONFIRM - designed} beside the {designed} trials of "
            f"[design], got {trials}"
        ]
    if trials and designed and spec.search.sampler == "grid":
        return [
            "search.sampler: 'grid' goes through combinations that [design] has trained already; "
            "take 'tpe' or 'random', or search.trials = 0"
        ]
    return SAMPLERS[spec.search.sampler].problems(spec.space, trials) if trials else []


def resource_problems(spec: StudySpec) -> list[str]:
    """Return what a trial could not use of the resources that it would be given.

    Apart from the other rules: studies that began before this one can still be read.
    """
    # Groups of seeds train one after the other, on one device (trials/training/sharded_trial.py).
    if spec.resources.gpus <= 1:
        return []
    return [
        f"resources.gpus: must be <= 1, got {spec.resources.gpus:g}: a trial trains on one GPU, and "
        "more would be held idle; several trials train at a time where there are several GPUs, and "
        "a fraction lets them share one"
    ]


def domain_problems(spec: StudySpec, values: dict[str, Any]) -> list[str]:
    """Return what is wrong with single keys of [search.space], one sentence each.

    A key may be no domain, be in another table too, or belong to another model.
    """
    problems = []
    tables = _tables_of_keys(spec, values)
    for key in spec.search.space:
        place = f"search.space.{key_part(key)}"
        if key in spec.parsed_space.problems:
            problems.append(f"{place}: {spec.parsed_space.problems[key]}")
        elif key in tables:
            problems.append(f"{place}: stands in [{tables[key]}] too; name it in one place")
    options = [
        name for name in type(spec.model).model_fields if name not in ("name", "digest", "options")
    ]
    problems += [
        f"search.space.{key}: {spec.model.name} has no option {key!r}{alternatives(key, options)}"
        for key in spec.search.space
        if key in MODEL_KEYS and key not in options
    ]
    if not isinstance(spec.model, OwnModel):
        problems += [
            f"search.space.{key_part(key)}: an option of networks of your own, and [model] has "
            f"{spec.model.name}, whose options are searched by their names: {', '.join(options)}"
            for key in spec.search.space
            if is_network_option(key) and not spec.has_training_function
        ]
    return problems


def _tables_of_keys(spec: StudySpec, values: dict[str, Any]) -> dict[str, str]:
    """Return the table in which the file fixes a key of the search space, by key."""
    # From the file as it is written, since the spec has defaults for all that it leaves out.
    tables = dict.fromkeys(values["train"], "train")
    model = values.get("model", {})
    tables |= dict.fromkeys(model, "model")
    tables |= {f"{NETWORK_OPTION}{option}": "model.options" for option in model.get("options", {})}
    for table, owners in (("remedies", spec.remedies), ("losses", spec.losses)):
        for name, options in owners.items():
            tables |= {f"{name}.{option}": f"{table}.{name}" for option in options}
    return tables | dict.fromkeys(spec.train.remedies, "train")


def value_problems(spec: StudySpec) -> list[str]:
    """Return the fixed values and boundary values of the space that TrialConfig refuses."""
    # Options of losses and remedies are judged by option_problems, which knows their place in the
    # file.
    template = spec.space.template.without_options()
    problems = _rule_problems(template, {}, "train")
    for key, domain in spec.space.domains.items():
        if problems:
            break
        if key in template.keys.options:
            continue
        for value in boundary_values(key, domain):
            found = _rule_problems(template, {key: value}, "search.space")
            if found:
                inside = isinstance(domain, Range) and value not in (domain.low, domain.high)
                advice = ", which is inside the range; list the choices instead" if inside else ""
                problems += [f"{problem}{advice}" for problem in found]
                break
    return problems


def _rule_problems(template: TrialTemplate, params: Params, table: str) -> list[str]:
    try:
        template.trial_config(params)
    except ValidationError as error:
        # A value that does not go together with the fixed ones may do so with searched ones, so
        # what does not go together is left to combination_problems.
        if _incompatible(error) is None:
            return [
                f"{table}.{next(iter(params), e['loc'][0])}: {message_of(e)}"
                for e in error.errors()
            ]
    return []


def _incompatible(error: ValidationError) -> str | None:
    """Return what does not go together, if that is all that is wrong with a configuration."""
    causes = [e.get("ctx", {}).get("error") for e in error.errors()]
    return str(causes[0]) if all(isinstance(cause, IncompatibleError) for cause in causes) else None


def combination_problems(spec: StudySpec) -> list[str]:
    """Return the first combination of values whose parts do not go together."""
    # The first alone: one wrong pair of parts shows in many combinations.
    for params in spec.space.combinations():
        try:
            spec.space.trial_config(params)
        except ValidationError as error:
            chosen = ", ".join(
                f"{key} = {value}"
                for key, value in params.items()
                if key in spec.space.template.keys.crossed
            )
            return [f"{_incompatible(error)}" + (f" (where {chosen})" if chosen else "")]
    return []


def option_problems(spec: StudySpec) -> list[str]:
    """Return what is wrong with options of losses and remedies, one sentence each.

    An option may be unknown, out of range, or of a loss or remedy that no configuration uses.
    """
    losses = OptionGroup(
        kind="loss",
        table="losses",
        models=LOSSES | own_options(spec, "loss"),
        stated=spec.losses,
        in_use=spec.space.losses_in_use,
    )
    remedies = OptionGroup(
        kind="remedy",
        table="remedies",
        models=REMEDIES | own_options(spec, "remedy"),
        stated=spec.remedies,
        in_use=spec.space.remedies_in_use,
    )
    return [*losses.problems(spec.space), *remedies.problems(spec.space)]


@dataclass(frozen=True)
class OptionGroup:
    """Losses or remedies: each has options of its own."""

    kind: str
    table: str
    models: Mapping[str, type[StrictModel]]
    stated: dict[str, dict[str, Any]]
    """Options that the file fixes, by name."""
    in_use: set[str]
    """Names that some configuration of the space uses."""

    def problems(self, space: SearchSpace) -> list[str]:
        """Return every stated or searched option that breaks a rule."""
        problems = []
        for name, options in self.stated.items():
            if name not in self.models:
                rule = f"unknown {self.kind} {short_repr(name)}{alternatives(name, self.models)}"
                problems.append(f"{self.table}.{key_part(name)}: {rule}")
                continue
            for option, value in options.items():
                problem = self._problem(name, option, [value])
                if problem:
                    problems.append(f"{self.table}.{name}.{key_part(option)}: {problem}")
        for key in space.domains:
            name, _, option = key.partition(".")
            if key in space.template.keys.options and name in self.models:
                problem = self._problem(name, option, space.boundary_values(key))
                if problem:
                    problems.append(f"search.space.{key}: {problem}")
        return problems

    def _problem(self, name: str, option: str, candidates: list[Any]) -> str | None:
        """Return the first rule that one of the candidate values breaks."""
        try:
            one_of(f"option of {name}", option, self.models[name].model_fields)
        except ValueError as error:
            return str(error)
        if name not in self.in_use:
            on = ", ".join(sorted(self.in_use)) or "none"
            return (
                f"a parameter of {name}, which no configuration switches on ({self.table} in use: "
                f"{on})"
            )
        for value in candidates:
            try:
                # As JSON, so that pydantic is as strict as with the rest of the file.
                self.models[name].model_validate_json(json.dumps({option: value}), strict=True)
            except ValidationError as error:
                return message_of(error.errors()[0])
        return None

"""The search space: which hyperparameters vary, and how Optuna is asked for them.

A remedy's own parameters are asked only where that remedy is on. Choices are plain JSON values, since
Optuna stores them as such.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import optuna

from trials.config import REMEDIES, ModelConfig, TrialConfig, as_ratio, known

MODEL_KEYS = tuple(name for name in ModelConfig.model_fields if name != "name")
TRIAL_KEYS = ("k", "lr_d", "lr_g", "beta1", "beta2", "batch_size", "loss", "remedies")
REMEDY_KEYS = tuple(f"{name}.{option}" for name, options in REMEDIES.items() for option in options.model_fields)
KEYS = (*TRIAL_KEYS, *MODEL_KEYS, *REMEDY_KEYS)
TYPES = {
    **{key: TrialConfig.model_fields[key].annotation for key in TRIAL_KEYS},
    **{key: ModelConfig.model_fields[key].annotation for key in MODEL_KEYS},
    **{f"{name}.{key}": f.annotation for name, options in REMEDIES.items() for key, f in options.model_fields.items()},
}
NONE = "none"
"""Label of the empty set of remedies."""


@dataclass(frozen=True)
class Fixed:
    """One value."""

    value: Any

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Choices:
    """One of several values, without order."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Range:
    """low <= value <= high; whole numbers where both ends are."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        kind = "whole numbers" if isinstance(self.low, int) else "real"
        return f"{self.low:g} to {self.high:g}" + (", log scale" if self.log else f", {kind}")


Domain = Fixed | Choices | Range


def parse_domain(key: str, value: Any) -> Domain:
    """What stands for `key` in [search.space]; ValueError names the rule that it breaks."""
    if key == "remedies":
        return _parse_remedy_sets(value)
    if isinstance(value, dict):
        return _parse_range(key, value)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("at least one choice is needed, got an empty list")
    for choice in values:
        if isinstance(choice, bool) or not isinstance(choice, int | float | str):
            raise ValueError(f"must be a number or text, or a list of them, got {choice!r}")
        if isinstance(choice, str) and TYPES[key] in (int, float):
            raise ValueError(f"must be a number, got {choice!r}")
    distinct = [as_ratio(v) for v in values] if key == "k" else values
    repeated = [v for i, v in enumerate(values) if distinct[i] in distinct[:i]]
    if repeated:
        raise ValueError(f"choices must be distinct, but {repeated[0]!r} stands more than once")
    return Choices(tuple(values)) if isinstance(value, list) else Fixed(value)


def _parse_range(key: str, value: dict[str, Any]) -> Range:
    unknown = sorted(set(value) - {"low", "high", "log"})
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r} of a range; known: low, high, log")
    for end in ("low", "high"):
        number = value.get(end)
        finite = isinstance(number, int | float) and -sys.float_info.max <= number <= sys.float_info.max
        if isinstance(number, bool) or not finite:
            raise ValueError(f"a range needs a finite number `{end}`, got {number!r}")
    low, high, log = value["low"], value["high"], value.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"log must be true or false, got {log!r}")
    if low > high:
        raise ValueError(f"low <= high must hold, got low={low}, high={high}")
    if log and low <= 0:
        raise ValueError(f"a log range needs low > 0, got low={low}")
    if TYPES[key] is int and not (isinstance(low, int) and isinstance(high, int)):
        raise ValueError(f"a range of whole numbers needs whole ends, got low={low}, high={high}")
    if TYPES[key] is not int:
        low, high = float(low), float(high)
    return Range(low, high, log)


def _parse_remedy_sets(value: Any) -> Choices:
    rule = "remedies must be a list of lists of remedy names, such as [[], ['feature_matching']]"
    if not isinstance(value, list) or not all(isinstance(s, list) for s in value):
        raise ValueError(f"{rule}, got {value!r}")
    if not value:
        raise ValueError("at least one choice is needed, got an empty list")
    for name in (name for names in value for name in names):
        known("remedy", name, REMEDIES)
    labels = tuple(remedy_label(names) for names in value)
    repeated = [label for i, label in enumerate(labels) if label in labels[:i]]
    if repeated:
        raise ValueError(f"choices must be distinct, but {repeated[0]!r} stands more than once")
    return Choices(labels)


def remedy_label(names: list[str] | tuple[str, ...]) -> str:
    """'feature_matching+minibatch_discrimination', in alphabetical order, or 'none'."""
    return "+".join(sorted(names)) or NONE


def remedies_of(label: str) -> list[str]:
    """The inverse of `remedy_label`."""
    return [] if label == NONE else label.split("+")


@dataclass(frozen=True)
class SearchSpace:
    """Domains by key, over a base configuration that supplies everything else."""

    domains: dict[str, Domain]
    base: dict[str, Any]
    """A TrialConfig as plain JSON, without what the domains supply."""

    @property
    def remedies_somewhere_on(self) -> set[str]:
        """Remedies that at least one configuration of the space switches on."""
        domain = self.domains.get("remedies")
        labels = domain.values if isinstance(domain, Choices) else (remedy_label(self.base.get("remedies", ())),)
        return {name for label in labels for name in remedies_of(label)}

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Asks for every key that matters to this trial, remedies before their parameters."""
        params: dict[str, Any] = {}
        for key in sorted(self.domains, key=lambda key: key in REMEDY_KEYS):
            if key in REMEDY_KEYS and key.split(".")[0] not in self._remedies(params):
                continue
            params[key] = _ask(trial, key, self.domains[key])
        return params

    def complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What `suggest` returned, from what Optuna kept of it: fixed values are not asked, so not kept."""
        fixed = {key: domain.value for key, domain in self.domains.items() if isinstance(domain, Fixed)}
        kept = {key: fixed[key] if key in fixed else asked[key] for key in self.domains if key in {**fixed, **asked}}
        on = self._remedies(kept)
        return {key: value for key, value in kept.items() if key not in REMEDY_KEYS or key.split(".")[0] in on}

    def _remedies(self, params: dict[str, Any]) -> list[str]:
        return remedies_of(params["remedies"]) if "remedies" in params else list(self.base.get("remedies", ()))

    def trial_config(self, params: dict[str, Any]) -> TrialConfig:
        """The complete configuration for `params`, as `suggest` returned or the ledger kept them."""
        values: dict[str, Any] = {**self.base, "model": dict(self.base["model"])}
        values["remedies"] = self._remedies(params)
        options = {name: dict(self.base.get("remedy_options", {}).get(name, {})) for name in values["remedies"]}
        for key, value in params.items():
            if key in REMEDY_KEYS:
                name, option = key.split(".")
                if name in options:
                    options[name][option] = value
            elif key in MODEL_KEYS:
                values["model"][key] = value
            elif key != "remedies":
                values[key] = value
        values["remedy_options"] = options
        return TrialConfig(**values)

    def extremes(self, key: str) -> list[Any]:
        """The values at which a rule about `key` would break first: every choice, or both ends."""
        domain = self.domains[key]
        if isinstance(domain, Range):
            return [domain.low, domain.high]
        return list(domain.values) if isinstance(domain, Choices) else [domain.value]


def _ask(trial: optuna.Trial, key: str, domain: Domain) -> Any:
    if isinstance(domain, Fixed):
        return domain.value
    if isinstance(domain, Choices):
        return trial.suggest_categorical(key, list(domain.values))
    if isinstance(domain.low, int) and isinstance(domain.high, int):
        return trial.suggest_int(key, domain.low, domain.high, log=domain.log)
    return trial.suggest_float(key, domain.low, domain.high, log=domain.log)

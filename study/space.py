"""The search space: which hyperparameters vary, and how Optuna is asked for them.

A remedy's own parameters are asked only where that remedy is on. Choices are plain JSON values, since
Optuna stores them as such.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from trials.config import TrialConfig
from trials.options.base import Frozen, known, shown
from trials.options.losses import LOSSES
from trials.options.models import MODELS
from trials.options.ratio import as_schedule
from trials.options.remedies import REMEDIES


def _fields(models: Mapping[str, type[Frozen]], dotted: bool) -> dict[str, Any]:
    """Annotations of the options of all `models` by key, "NAME.OPTION" where dotted."""
    return {
        f"{name}.{key}" if dotted else key: field.annotation
        for name, model in models.items()
        for key, field in model.model_fields.items()
        if key != "name"
    }


TRIAL_KEYS = (
    *("k", "lr_d", "lr_g", "beta1", "beta2", "batch_size"),
    *("loss", "remedies", "optimiser", "method"),
)
MODEL_KEYS = tuple(_fields(MODELS, dotted=False))
REMEDY_KEYS = tuple(_fields(REMEDIES, dotted=True))
LOSS_KEYS = tuple(_fields(LOSSES, dotted=True))
SWITCHES = tuple(REMEDIES)
"""A remedy's own name as a key: [false, true] lets the search switch it on and off by itself."""
OPTION_KEYS = frozenset({*REMEDY_KEYS, *LOSS_KEYS})
KEYS = (*TRIAL_KEYS, *SWITCHES, *MODEL_KEYS, *REMEDY_KEYS, *LOSS_KEYS)
BASELINE_KEYS = frozenset({"method", "optimiser", "lr_g", "beta1", "beta2", "batch_size", *MODEL_KEYS})
"""What matters to a method other than a GAN."""
TYPES: dict[str, Any] = {
    **{key: TrialConfig.model_fields[key].annotation for key in TRIAL_KEYS},
    **dict.fromkeys(SWITCHES, bool),
    **_fields(MODELS, dotted=False),
    **_fields(REMEDIES, dotted=True),
    **_fields(LOSSES, dotted=True),
}
CROSSED = frozenset({"method", "loss", "remedies", *SWITCHES, "batch_size", "batch_norm", "latent", "packing.m"})
"""Keys that the rules of trials/options/compatible.py read: tried in every combination."""
DEFAULT_LOSS = TrialConfig.model_fields["loss"].default
MOST_COMBINATIONS = 5000
MOST_CHOICES = 1000
"""In one list. Each is tried against the rules when the file is read."""
MOST_POINTS = 10_000
"""Of a grid: Optuna lists them all whenever a trial is drawn."""
WIDEST, WIDEST_WHOLE = 1e100, 2**31
"""Ends of a range: far beyond them the sampler's floats overflow, or skip whole numbers."""
NARROWEST = 1e-9
"""Difference of the ends of a range, relative to them: far below it the sampler finds no float between them."""
MOST_PACKED = 64
"""Of packing's m: the values of a range of it that are tried one by one."""
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
        if key in SWITCHES:
            example = shown(f"{key}.{next(iter(value), 'option')}").replace("'", '"')
            raise ValueError(f"{key!r} switches a remedy on and off; its options are keys in quotes: {example} = ...")
        return _parse_range(key, value)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("at least one choice is needed, got an empty list")
    _check_number_of(values)
    for choice in values:
        _check_type(key, choice)
    distinct = [as_schedule(v) for v in values] if key == "k" else values
    first = {choice: i for i, choice in reversed([*enumerate(distinct)])}
    repeated = [v for i, v in enumerate(values) if first[distinct[i]] != i]
    if repeated:
        raise ValueError(f"choices must be distinct, but {shown(repeated[0])} stands more than once")
    return Choices(tuple(values)) if isinstance(value, list) else Fixed(value)


def _check_number_of(choices: list[Any]) -> None:
    if len(choices) > MOST_CHOICES:
        raise ValueError(f"at most {MOST_CHOICES} choices can be tried, got {len(choices)}")


def _check_type(key: str, choice: Any) -> None:
    if TYPES[key] is bool:
        if not isinstance(choice, bool):
            raise ValueError(f"must be true or false, or a list of them, got {shown(choice)}")
        return
    if isinstance(choice, bool) or not isinstance(choice, int | float | str):
        raise ValueError(f"must be a number or text, or a list of them, got {shown(choice)}")
    if isinstance(choice, str) and TYPES[key] in (int, float):
        raise ValueError(f"must be a number, got {shown(choice)}")


def _parse_range(key: str, value: dict[str, Any]) -> Range:
    unknown = sorted(set(value) - {"low", "high", "log"})
    if unknown:
        raise ValueError(f"unknown key {shown(unknown[0])} of a range; known: low, high, log")
    for end in ("low", "high"):
        number = value.get(end)
        finite = isinstance(number, int | float) and -sys.float_info.max <= number <= sys.float_info.max
        if isinstance(number, bool) or not finite:
            raise ValueError(f"a range needs a finite number `{end}`, got {shown(number)}")
    low, high, log = value["low"], value["high"], value.get("log", False)
    if TYPES[key] not in (int, float) and key != "k":
        raise ValueError(f"{key} is no number, so it cannot have a range; list its choices, got {shown(value)}")
    if not isinstance(log, bool):
        raise ValueError(f"log must be true or false, got {shown(log)}")
    if low > high:
        raise ValueError(f"low <= high must hold, got low={shown(low)}, high={shown(high)}")
    if 0 < high - low < NARROWEST * max(abs(low), abs(high)):
        raise ValueError(f"low and high must be equal or clearly apart, got low={shown(low)}, high={shown(high)}")
    if log and low <= 0:
        raise ValueError(f"a log range needs low > 0, got low={shown(low)}")
    if TYPES[key] is int and not (isinstance(low, int) and isinstance(high, int)):
        raise ValueError(f"a range of whole numbers needs whole ends, got low={shown(low)}, high={shown(high)}")
    widest = WIDEST_WHOLE if TYPES[key] is int else WIDEST
    if low < -widest or high > widest:
        raise ValueError(f"a range of this kind ends within +-{widest}, got low={shown(low)}, high={shown(high)}")
    if TYPES[key] is not int:
        low, high = float(low), float(high)
    return Range(low, high, log)


def _parse_remedy_sets(value: Any) -> Choices:
    rule = "remedies must be a list of lists of remedy names, such as [[], ['feature_matching']]"
    if not isinstance(value, list) or not all(isinstance(s, list) for s in value):
        raise ValueError(f"{rule}, got {shown(value)}")
    if not value:
        raise ValueError("at least one choice is needed, got an empty list")
    _check_number_of(value)
    for name in (name for names in value for name in names):
        known("remedy", name, REMEDIES)
    twice = next((names for names in value if len(set(names)) != len(names)), None)
    if twice is not None:
        raise ValueError(f"a remedy may be named once, got {shown(twice)}")
    labels = tuple(remedy_label(names) for names in value)
    repeated = [label for i, label in enumerate(labels) if label in labels[:i]]
    if repeated:
        raise ValueError(f"choices must be distinct, but {shown(repeated[0])} stands more than once")
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
        switched = {name for name in SWITCHES if name in self.domains and True in self.extremes(name)}
        return {name for label in self._remedy_labels() for name in remedies_of(label)} | switched

    @property
    def losses_somewhere_on(self) -> set[str]:
        """Losses that at least one configuration of the space uses."""
        return set(self.extremes("loss")) if "loss" in self.domains else {self.base.get("loss", DEFAULT_LOSS)}

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Asks for every key that matters to this trial: the method, then what is on, then its parameters."""
        params: dict[str, Any] = {}
        for key in self._in_order():
            if self._matters(key, params):
                params[key] = _ask(trial, key, self.domains[key])
        return params

    def complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What `suggest` returned, from what Optuna kept of it: fixed values are not asked, so not kept."""
        params: dict[str, Any] = {}
        for key in self._in_order():
            domain = self.domains[key]
            if self._matters(key, params) and (isinstance(domain, Fixed) or key in asked):
                params[key] = domain.value if isinstance(domain, Fixed) else asked[key]
        return params

    def _in_order(self) -> list[str]:
        return sorted(self.domains, key=lambda key: 0 if key == "method" else 2 if key in OPTION_KEYS else 1)

    def _matters(self, key: str, params: dict[str, Any]) -> bool:
        """Whether a trial with `params` so far depends on `key`."""
        if params.get("method", self.base.get("method", "gan")) != "gan":
            return key in BASELINE_KEYS
        owner = key.split(".")[0]
        if key in REMEDY_KEYS:
            return owner in self._remedies(params)
        return key not in LOSS_KEYS or owner == params.get("loss", self.base.get("loss", DEFAULT_LOSS))

    def _remedies(self, params: dict[str, Any]) -> list[str]:
        if params.get("method", self.base.get("method", "gan")) != "gan":
            return []
        named = remedies_of(params["remedies"]) if "remedies" in params else list(self.base.get("remedies", ()))
        return [*named, *(name for name in SWITCHES if params.get(name) and name not in named)]

    def label(self, params: dict[str, Any]) -> str:
        """The remedies of a configuration as one label, NONE without; the method where that is no GAN."""
        method = str(params.get("method", self.base.get("method", "gan")))
        return remedy_label(tuple({*self._remedies(params)})) if method == "gan" else method

    def labels(self) -> int:
        """How many labels the configurations of this space can have, at most."""
        methods = self._methods()
        sets = len(self._remedy_labels())
        for name in SWITCHES:
            sets *= len(self.extremes(name)) if name in self.domains else 1
        return len(methods - {"gan"}) + (sets if "gan" in methods else 0)

    @property
    def may_be_plain(self) -> bool:
        """Whether some configuration of the space is a GAN without remedies."""
        off = all(False in self.extremes(name) for name in SWITCHES if name in self.domains)
        return "gan" in self._methods() and NONE in self._remedy_labels() and off

    def without_remedies(self, params: dict[str, Any]) -> dict[str, Any] | None:
        """The same configuration with its remedies switched off; None where it is no GAN."""
        if params.get("method", self.base.get("method", "gan")) != "gan":
            return None
        off = {key: value for key, value in params.items() if key not in REMEDY_KEYS and key not in SWITCHES}
        return {**off, "remedies": NONE, **{name: False for name in SWITCHES if name in params}}

    def _methods(self) -> set[str]:
        return set(self.extremes("method")) if "method" in self.domains else {str(self.base.get("method", "gan"))}

    def _remedy_labels(self) -> list[str]:
        domain = self.domains.get("remedies")
        return list(domain.values) if isinstance(domain, Choices) else [remedy_label(self.base.get("remedies", ()))]

    def trial_config(self, params: dict[str, Any]) -> TrialConfig:
        """The complete configuration for `params`, as `suggest` returned or the ledger kept them."""
        values: dict[str, Any] = {**self.base, "model": dict(self.base["model"])}
        values["remedies"] = self._remedies(params)
        values["loss"] = loss = params.get("loss", self.base.get("loss", DEFAULT_LOSS))
        options = {name: dict(self.base.get("remedy_options", {}).get(name, {})) for name in values["remedies"]}
        loss_options = dict(self.base.get("loss_options", {}).get(loss, {}))
        for key, value in params.items():
            if key in OPTION_KEYS:
                name, option = key.split(".")
                if key in LOSS_KEYS and name == loss:
                    loss_options[option] = value
                elif name in options:
                    options[name][option] = value
            elif key in MODEL_KEYS:
                values["model"][key] = value
            elif key not in ("remedies", *SWITCHES):
                values[key] = value
        return TrialConfig(**{**values, "remedy_options": options, "loss_options": loss_options})

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Parameters at which a rule about several keys would break first: the CROSSED keys in every combination,
        ranges at their extremes; the other keys at one value.

        At most MOST_COMBINATIONS of them, first those that differ in few keys from the first, since a rule reads
        few; keys that do not matter to a combination are left out.
        """
        for chosen in itertools.islice(self._crossed(), MOST_COMBINATIONS):
            params: dict[str, Any] = {}
            for key, value in chosen.items():
                if self._matters(key, params):
                    params[key] = value
            yield params

    def _crossed(self) -> Iterator[dict[str, Any]]:
        values = {key: self.extremes(key) for key in self._in_order()}
        first = {key: held[0] for key, held in values.items()}
        crossed = [key for key in values if key in CROSSED and len(values[key]) > 1]
        for number in range(len(crossed) + 1):
            for keys in itertools.combinations(crossed, number):
                for others in itertools.product(*(values[key][1:] for key in keys)):
                    yield first | dict(zip(keys, others, strict=True))

    def grid(self) -> dict[str, list[Any]]:
        """The choices by key whose product a grid search goes through; ValueError where there is a range."""
        ranges = [key for key, domain in self.domains.items() if isinstance(domain, Range)]
        if ranges:
            raise ValueError(
                f"a grid needs lists of choices, and {ranges[0]} is a range; take sampler 'random' or 'tpe'"
            )
        conditional = [key for key in self.domains if key in OPTION_KEYS and isinstance(self.domains[key], Choices)]
        if conditional:
            raise ValueError(f"a grid cannot hold {conditional[0]}, which matters to some configurations only")
        return {key: list(domain.values) for key, domain in self.domains.items() if isinstance(domain, Choices)}

    def extremes(self, key: str) -> list[Any]:
        """The values at which a rule about `key` would break first: every choice, or both ends of a range.

        Of a range of whole numbers also the second, which a rule about multiples refuses.
        """
        domain = self.domains[key]
        if isinstance(domain, Range):
            if isinstance(domain.low, int) and isinstance(domain.high, int):
                inside = range(domain.low, domain.high + 1)[: MOST_PACKED if key == "packing.m" else 2]
                return sorted({*inside, domain.high})
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

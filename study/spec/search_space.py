"""The search space: which hyperparameters vary, and how Optuna is asked for them.

A remedy's own parameters are asked only where that remedy is on. Choices are plain JSON values,
since Optuna stores them as such.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import optuna

from ganstudy.study.spec.domains import Choices, Domain, Fixed, Range, remedies_of, remedy_label
from ganstudy.study.spec.keys import (
    BASELINE_KEYS,
    CROSSED,
    DEFAULT_LOSS,
    LOSS_KEYS,
    MODEL_KEYS,
    NONE,
    OPTION_KEYS,
    REMEDY_KEYS,
    SWITCHES,
)
from ganstudy.trials.config.trial import TrialConfig

MOST_COMBINATIONS = 5000
MOST_POINTS = 10_000
"""Of a grid: Optuna lists them all whenever a trial is drawn."""
MOST_PACKED = 64
"""Of packing's m: the values of a range of it that are tried one by one."""


@dataclass(frozen=True)
class SearchSpace:
    """Domains by key, over a base configuration that supplies everything else."""

    domains: dict[str, Domain]
    base: dict[str, Any]
    """A TrialConfig as plain JSON, without what the domains supply."""

    @property
    def remedies_somewhere_on(self) -> set[str]:
        """Remedies that at least one configuration of the space switches on."""
        switched = {
            name for name in SWITCHES if name in self.domains and True in self.extremes(name)
        }
        return {name for label in self._remedy_labels() for name in remedies_of(label)} | switched

    @property
    def losses_somewhere_on(self) -> set[str]:
        """Losses that at least one configuration of the space uses."""
        return (
            set(self.extremes("loss"))
            if "loss" in self.domains
            else {self.base.get("loss", DEFAULT_LOSS)}
        )

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """Asks for every key that matters to this trial: the method, then what is on, then its
        parameters.
        """
        params: dict[str, Any] = {}
        for key in self._in_order():
            if self._matters(key, params):
                params[key] = _ask(trial, key, self.domains[key])
        return params

    def complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What `suggest` returned, from what Optuna kept of it: fixed values are not asked, so not
        kept.
        """
        params: dict[str, Any] = {}
        for key in self._in_order():
            domain = self.domains[key]
            if self._matters(key, params) and (isinstance(domain, Fixed) or key in asked):
                params[key] = domain.value if isinstance(domain, Fixed) else asked[key]
        return params

    def _in_order(self) -> list[str]:
        return sorted(
            self.domains, key=lambda key: 0 if key == "method" else 2 if key in OPTION_KEYS else 1
        )

    def _matters(self, key: str, params: dict[str, Any]) -> bool:
        """Whether a trial with `params` so far depends on `key`."""
        if params.get("method", self.base.get("method", "gan")) != "gan":
            return key in BASELINE_KEYS
        owner = key.split(".")[0]
        if key in REMEDY_KEYS:
            return owner in self._remedies(params)
        return key not in LOSS_KEYS or owner == params.get(
            "loss", self.base.get("loss", DEFAULT_LOSS)
        )

    def _remedies(self, params: dict[str, Any]) -> list[str]:
        if params.get("method", self.base.get("method", "gan")) != "gan":
            return []
        named = (
            remedies_of(params["remedies"])
            if "remedies" in params
            else list(self.base.get("remedies", ()))
        )
        return [*named, *(name for name in SWITCHES if params.get(name) and name not in named)]

    def label(self, params: dict[str, Any]) -> str:
        """The remedies of a configuration as one label, NONE without; the method where that is no
        GAN.
        """
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
        off = {
            key: value
            for key, value in params.items()
            if key not in REMEDY_KEYS and key not in SWITCHES
        }
        return {**off, "remedies": NONE, **{name: False for name in SWITCHES if name in params}}

    def _methods(self) -> set[str]:
        return (
            set(self.extremes("method"))
            if "method" in self.domains
            else {str(self.base.get("method", "gan"))}
        )

    def _remedy_labels(self) -> list[str]:
        domain = self.domains.get("remedies")
        return (
            list(domain.values)
            if isinstance(domain, Choices)
            else [remedy_label(self.base.get("remedies", ()))]
        )

    def trial_config(self, params: dict[str, Any]) -> TrialConfig:
        """The complete configuration for `params`, as `suggest` returned or the ledger kept them."""
        values: dict[str, Any] = {**self.base, "model": dict(self.base["model"])}
        values["remedies"] = self._remedies(params)
        values["loss"] = loss = params.get("loss", self.base.get("loss", DEFAULT_LOSS))
        options = {
            name: dict(self.base.get("remedy_options", {}).get(name, {}))
            for name in values["remedies"]
        }
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
        """Parameters at which a rule about several keys would break first: the CROSSED keys in
        every combination, ranges at their extremes; the other keys at one value.

        At most MOST_COMBINATIONS of them, first those that differ in few keys from the first, since
        a rule reads few; keys that do not matter to a combination are left out.
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
        """The choices by key whose product a grid search goes through; ValueError where there is a
        range.
        """
        ranges = [key for key, domain in self.domains.items() if isinstance(domain, Range)]
        if ranges:
            raise ValueError(
                f"a grid needs lists of choices, and {ranges[0]} is a range; take sampler 'random' or 'tpe'"
            )
        conditional = [
            key
            for key in self.domains
            if key in OPTION_KEYS and isinstance(self.domains[key], Choices)
        ]
        if conditional:
            raise ValueError(
                f"a grid cannot hold {conditional[0]}, which matters to some configurations only"
            )
        return {
            key: list(domain.values)
            for key, domain in self.domains.items()
            if isinstance(domain, Choices)
        }

    def extremes(self, key: str) -> list[Any]:
        """The values at which a rule about `key` would break first: every choice, or both ends of a
        range.

        Of a range of whole numbers also the second, which a rule about multiples refuses.
        """
        domain = self.domains[key]
        if isinstance(domain, Range):
            if isinstance(domain.low, int) and isinstance(domain.high, int):
                inside = range(domain.low, domain.high + 1)[
                    : MOST_PACKED if key == "packing.m" else 2
                ]
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

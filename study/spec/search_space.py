"""The search space: which hyperparameters vary, and how Optuna is asked for them.

A remedy's own parameters are asked only for trials in which that remedy is on. Choices are plain
JSON values, since Optuna stores them as such.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import optuna

from ganstudy.study.spec.domains import Choices, Domain, Fixed, Range, boundary_values
from ganstudy.study.spec.keys import Params, is_network_option
from ganstudy.study.spec.trial_template import TrialTemplate
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import NO_REMEDIES, remedies_of, remedy_label

# A guess: pydantic validates each of them, and `ganstudy check` should answer at once.
MOST_COMBINATIONS = 5000


@dataclass(frozen=True)
class SearchSpace:
    """Domains by key, over a template that supplies everything else."""

    domains: dict[str, Domain]
    template: TrialTemplate

    def suggest(self, trial: optuna.Trial) -> Params:
        """Ask Optuna for every key that is active in this trial, and return its parameters."""
        params: Params = {}
        # In order, as whether a key is active depends on those before it.
        for key in self._in_order():
            if self.template.is_active(key, params):
                params[key] = _ask(trial, key, self.domains[key])
        return params

    def with_fixed(self, asked: Params) -> Params:
        """Return what `suggest` returned, from what Optuna kept of it.

        Fixed values are not asked, so Optuna does not know them.
        """
        params: Params = {}
        for key in self._in_order():
            domain = self.domains[key]
            if not self.template.is_active(key, params):
                continue
            if isinstance(domain, Fixed):
                params[key] = domain.value
            # A trial may have been killed between two draws.
            elif key in asked:
                params[key] = asked[key]
        return params

    def distributions(self, params: Params) -> dict[str, optuna.distributions.BaseDistribution]:
        """Return what Optuna is asked for in `suggest`, by key, for a trial with `params`."""
        return {
            key: _distribution(domain)
            for key, domain in self.domains.items()
            if key in params and not isinstance(domain, Fixed)
        }

    def trial_config(self, params: Params) -> TrialConfig:
        """Return the complete configuration for parameters that `suggest` returned."""
        return self.template.trial_config(params)

    def boundary_values(self, key: str) -> list[Any]:
        """Return the values of a searched key at which a rule about it would break first."""
        return boundary_values(key, self.domains[key])

    @property
    def remedies_in_use(self) -> set[str]:
        """Remedies that at least one configuration of the space switches on."""
        named = {name for label in self._remedy_labels() for name in remedies_of(label)}
        return named | {name for name, values in self._flags().items() if True in values}

    @property
    def losses_in_use(self) -> set[str]:
        """Losses that at least one configuration of the space uses."""
        return self._values("loss")

    def num_remedy_sets(self) -> int:
        """Return how many different `TrialTemplate.remedy_set` the space can have, at most."""
        baselines = 0 if self.template.is_function else len(self._values("method") - {"gan"})
        return baselines + self.num_gan_remedy_sets()

    def num_gan_remedy_sets(self) -> int:
        """Return how many different sets of remedies, none included, its GANs can have, at most."""
        sets = len(self._remedy_labels())
        for values in self._flags().values():
            sets *= len(values)
        return sets if self._trains_gans else 0

    @property
    def includes_plain_gan(self) -> bool:
        """Whether some configuration of the space is a GAN without remedies."""
        return (
            self._trains_gans
            and NO_REMEDIES in self._remedy_labels()
            and all(False in values for values in self._flags().values())
        )

    def combinations(self) -> Iterator[Params]:
        """Iterate over parameters at which a rule about several keys would break first.

        The keys that rules across parts read in every combination, ranges at their boundary values, the other keys at
        one value each; at most MOST_COMBINATIONS, first those that differ from the first in few
        keys, since a rule reads few. Keys that are not active in a combination are left out.
        """
        for chosen in itertools.islice(self._crossed(), MOST_COMBINATIONS):
            params: Params = {}
            for key, value in chosen.items():
                if self.template.is_active(key, params):
                    params[key] = value
            yield params

    def one_at_a_time(self) -> Iterator[Params]:
        """Iterate over the first value of every key, then each boundary value of one key beside it."""
        values = {key: self.boundary_values(key) for key in self._in_order()}
        first = {key: candidates[0] for key, candidates in values.items()}
        yield first
        for key, candidates in values.items():
            for value in candidates[1:]:
                yield first | {key: value}

    def varied_networks(self) -> Iterator[Params]:
        """Iterate over the first combination with each further value of one option of own networks."""
        first = next(self.combinations())
        for key in self._in_order():
            if is_network_option(key):
                for value in self.boundary_values(key)[1:]:
                    yield first | {key: value}

    def _crossed(self) -> Iterator[Params]:
        values = {key: self.boundary_values(key) for key in self._in_order()}
        first = {key: candidates[0] for key, candidates in values.items()}
        crossing = self.template.keys.crossed
        crossed = [key for key in values if key in crossing and len(values[key]) > 1]
        # By the number of keys that differ from the first values: 0, 1, 2, ...
        for number in range(len(crossed) + 1):
            for keys in itertools.combinations(crossed, number):
                for others in itertools.product(*(values[key][1:] for key in keys)):
                    yield first | dict(zip(keys, others, strict=True))

    def _in_order(self) -> list[str]:
        """Return the keys so that each comes after those that decide whether it is active."""
        options = self.template.keys.options
        return sorted(
            self.domains, key=lambda key: 0 if key == "method" else 2 if key in options else 1
        )

    @property
    def _trains_gans(self) -> bool:
        return self.template.is_function or "gan" in self._values("method")

    def _values(self, key: str) -> set[Any]:
        return {*self.boundary_values(key)} if key in self.domains else {self.template.fixed(key)}

    def _flags(self) -> dict[str, list[bool]]:
        """Return the values of each remedy that the search switches on and off by itself."""
        flags = self.template.keys.flags
        return {name: self.boundary_values(name) for name in flags if name in self.domains}

    def _remedy_labels(self) -> list[str]:
        domain = self.domains.get(self.template.remedies_key)
        return (
            list(domain.values)
            if isinstance(domain, Choices)
            else [remedy_label(self.template.fixed_remedies)]
        )


def _ask(trial: optuna.Trial, key: str, domain: Domain) -> Any:
    if isinstance(domain, Fixed):
        return domain.value
    if isinstance(domain, Choices):
        # In one order and with all values: Optuna refuses other choices under a name it knows.
        return trial.suggest_categorical(key, list(domain.values))
    if isinstance(domain.low, int) and isinstance(domain.high, int):
        return trial.suggest_int(key, domain.low, domain.high, log=domain.log)
    return trial.suggest_float(key, domain.low, domain.high, log=domain.log)


def _distribution(domain: Choices | Range) -> optuna.distributions.BaseDistribution:
    """Return the distribution that `_ask` draws from."""
    if isinstance(domain, Choices):
        return optuna.distributions.CategoricalDistribution(domain.values)
    if isinstance(domain.low, int) and isinstance(domain.high, int):
        return optuna.distributions.IntDistribution(domain.low, domain.high, log=domain.log)
    return optuna.distributions.FloatDistribution(domain.low, domain.high, log=domain.log)

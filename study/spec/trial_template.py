"""From the parameters of one trial to its complete configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ganstudy.study.spec.keys import (
    BASELINE_KEYS,
    MODEL_KEYS,
    NETWORK_OPTION,
    Keys,
    Params,
    is_network_option,
    keys_of,
)
from ganstudy.trials.config.training_function import is_own_training, name_of
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.function_params import PREFIX
from ganstudy.trials.results.records import NO_REMEDIES, remedies_of, remedy_label


@dataclass(frozen=True)
class TrialTemplate:
    """A configuration as the study file fixes it; the parameters of a trial complete it.

    Parameters are plain JSON values by the keys of a search space; the set of remedies is a label.
    """

    values: dict[str, Any]
    """A TrialConfig as plain JSON, with options of every loss and remedy that the file names."""

    def fixed(self, key: str) -> Any:
        """Return the value of a field of TrialConfig that no parameter changes."""
        return self.values.get(key, TrialConfig.model_fields[key].default)

    @cached_property
    def keys(self) -> Keys:
        """The study's keys."""
        return keys_of(self.values.get("own", {}))

    @property
    def is_function(self) -> bool:
        """Whether a training function of the user's own trains."""
        return is_own_training(str(self.fixed("method")))

    def key_of(self, setting: str) -> str:
        """Return the key under which a setting of the report is searched."""
        return f"{PREFIX}{setting}" if self.is_function else setting

    @property
    def remedies_key(self) -> str:
        """Key under which sets of remedies are searched."""
        return self.key_of("remedies")

    @property
    def fixed_remedies(self) -> list[str]:
        """Remedies of a trial whose parameters name none."""
        if not self.is_function:
            return list(self.fixed("remedies"))
        return list(self.values["function"]["params"].get("remedies", []))

    def is_gan(self, params: Params) -> bool:
        """Return whether a trial trains a GAN rather than an autoencoder or VAE."""
        return self.is_function or self._method(params) == "gan"

    def is_active(self, key: str, params: Params) -> bool:
        """Return whether a trial with `params` so far depends on `key`."""
        if not self.is_gan(params):
            return key in BASELINE_KEYS or is_network_option(key)
        owner = key.split(".")[0]
        if key in self.keys.remedies:
            return owner in self._remedies(params)
        return key not in self.keys.losses or owner == self._loss(params)

    def remedy_set(self, params: Params) -> str:
        """Return the label of a trial's remedies; of an autoencoder or VAE, its method."""
        return (
            remedy_label({*self._remedies(params)}) if self.is_gan(params) else self._method(params)
        )

    def without_remedies(self, params: Params) -> Params | None:
        """Return the same parameters with all remedies switched off; None unless it is a GAN."""
        if not self.is_gan(params):
            return None
        if self.is_function and "remedies" not in self.values["function"]["params"]:
            return dict(params)
        kept = {
            key: value
            for key, value in params.items()
            if key not in self.keys.remedies and key not in self.keys.flags
        }
        # Switched off rather than left out, so that the params have the keys of every other trial.
        off = {name: False for name in self.keys.flags if name in params}
        return {**kept, self.remedies_key: NO_REMEDIES, **off}

    def without_options(self) -> TrialTemplate:
        """Return the template without options of losses and remedies."""
        return TrialTemplate({**self.values, "remedy_options": {}, "loss_options": {}})

    def trial_config(self, params: Params) -> TrialConfig:
        """Return the complete configuration of a trial, with options of what it uses alone."""
        if self.is_function:
            return TrialConfig(**{**self.values, "function": self._function(params)})
        remedies = self._remedies(params)
        loss = self._loss(params)
        # Copies: the template is shared by all trials.
        model = dict(self.values["model"])
        stated = self.values.get("remedy_options", {})
        remedy_options = {name: dict(stated.get(name, {})) for name in remedies}
        loss_options = dict(self.values.get("loss_options", {}).get(loss, {}))
        values = {**self.values, "remedies": remedies, "loss": loss}
        for key, value in params.items():
            if key in self.keys.options:
                owner, option = key.split(".")
                if key in self.keys.losses and owner == loss:
                    loss_options[option] = value
                elif owner in remedy_options:
                    remedy_options[owner][option] = value
            elif key in MODEL_KEYS:
                model[key] = value
            elif is_network_option(key):
                option = key.removeprefix(NETWORK_OPTION)
                model["options"] = {**model.get("options", {}), option: value}
            elif key != "remedies" and key not in self.keys.flags:
                values[key] = value
        options = {"remedy_options": remedy_options, "loss_options": loss_options}
        return TrialConfig(**{**values, **options, "model": model})

    def _function(self, params: Params) -> dict[str, Any]:
        """Return what a training function is given, completed by the parameters of a trial."""
        given: dict[str, Any] = {name_of(key): value for key, value in params.items()}
        if "remedies" in given:
            given["remedies"] = remedies_of(str(given["remedies"]))
        function = self.values["function"]
        return {**function, "params": {**function["params"], **given}}

    def _method(self, params: Params) -> str:
        return str(params.get("method", self.fixed("method")))

    def _loss(self, params: Params) -> str:
        return str(params.get("loss", self.fixed("loss")))

    def _remedies(self, params: Params) -> list[str]:
        if not self.is_gan(params):
            return []
        key = self.remedies_key
        named = remedies_of(str(params[key])) if key in params else self.fixed_remedies
        return [
            *named,
            *(name for name in self.keys.flags if params.get(name) and name not in named),
        ]

"""Names that a search space may use, each with the type of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.networks import MODELS
from ganstudy.trials.config.own_parts import Own, losses_of, remedies_of
from ganstudy.trials.config.trial import TrialConfig


def _option_types(models: Mapping[str, type[StrictModel]], dotted: bool) -> dict[str, object]:
    """Return the annotations of all options by key: "NAME.OPTION" if dotted, else "OPTION"."""
    return {
        f"{name}.{option}" if dotted else option: field.annotation
        for name, model in models.items()
        for option, field in model.model_fields.items()
        if option != "name"
    }


TRIAL_KEYS = (
    "k",
    "lr_d",
    "lr_g",
    "beta1",
    "beta2",
    "batch_size",
    "loss",
    "remedies",
    "optimiser",
    "method",
)
# Dotted, since remedies share names of options (several have a `weight`); a study has one model.
MODEL_TYPES = _option_types(MODELS, dotted=False)
MODEL_KEYS = tuple(MODEL_TYPES)
NETWORK_OPTION = "model.options."
"""Begins the key of an option of the user's own networks: "model.options.width"."""
BASELINE_KEYS = frozenset({*TRIAL_KEYS, *MODEL_KEYS} - {"k", "lr_d", "loss", "remedies"})
"""Keys that an autoencoder or VAE, which have no discriminator, read; the others have no effect."""


def is_network_option(key: str) -> bool:
    """Return whether a key is an option of the user's own networks."""
    return key.startswith(NETWORK_OPTION)


@dataclass(frozen=True)
class Keys:
    """All keys of a study, those of its own losses and remedies included."""

    flags: tuple[str, ...]
    """A remedy's own name as a key: [false, true] lets the search switch it on and off by itself."""
    remedies: Mapping[str, object]
    """Types of the remedies' options, by key."""
    losses: Mapping[str, object]
    """Types of the losses' options, by key."""
    batch_divisors: tuple[str, ...]
    """Options of remedies that must divide batch_size."""

    @cached_property
    def options(self) -> frozenset[str]:
        """Options of losses and remedies."""
        return frozenset({*self.remedies, *self.losses})

    @cached_property
    def types(self) -> dict[str, object]:
        """Types of the values by key, of all keys."""
        return {
            **{key: TrialConfig.model_fields[key].annotation for key in TRIAL_KEYS},
            **dict.fromkeys(self.flags, bool),
            **MODEL_TYPES,
            **self.remedies,
            **self.losses,
        }

    @cached_property
    def crossed(self) -> frozenset[str]:
        """Keys that the rules of trials/config/compatibility.py read: tried in every combination."""
        fixed = ("method", "loss", "remedies", "batch_size", "batch_norm", "latent", "optimiser")
        return frozenset({*fixed, *self.flags, *self.batch_divisors})


def keys_of(own: Own) -> Keys:
    """Return the keys of a study with `own` losses and remedies."""
    remedies, losses = remedies_of(own), losses_of(own)
    return Keys(
        tuple(remedies),
        _option_types(remedies, dotted=True),
        _option_types(losses, dotted=True),
        tuple(
            f"{name}.{options.divides_batch}"
            for name, options in remedies.items()
            if options.divides_batch is not None
        ),
    )


STANDARD = keys_of({})
"""Those of a study without own losses and remedies."""
TYPES = STANDARD.types
KEYS = tuple(TYPES)
BATCH_DIVISORS = STANDARD.batch_divisors
Params = dict[str, str | int | float | bool]
"""Parameters of a trial by key, as Optuna stores them: plain JSON values, a set of remedies as its
label.
"""

"""Names that a search space may use, each with the type of its values."""

from __future__ import annotations

from collections.abc import Mapping

from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.networks import MODELS
from ganstudy.trials.config.remedies import REMEDIES
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
REMEDY_FLAGS = tuple(REMEDIES)
"""A remedy's own name as a key: [false, true] lets the search switch it on and off by itself."""
# Dotted, since remedies share names of options (several have a `weight`); a study has one model.
MODEL_TYPES = _option_types(MODELS, dotted=False)
REMEDY_TYPES = _option_types(REMEDIES, dotted=True)
LOSS_TYPES = _option_types(LOSSES, dotted=True)
MODEL_KEYS, REMEDY_KEYS, LOSS_KEYS = tuple(MODEL_TYPES), tuple(REMEDY_TYPES), tuple(LOSS_TYPES)
OPTION_KEYS = frozenset({*REMEDY_KEYS, *LOSS_KEYS})
KEYS = (*TRIAL_KEYS, *REMEDY_FLAGS, *MODEL_KEYS, *REMEDY_KEYS, *LOSS_KEYS)
BASELINE_KEYS = frozenset({*TRIAL_KEYS, *MODEL_KEYS} - {"k", "lr_d", "loss", "remedies"})
"""Keys that an autoencoder or VAE, which have no discriminator, read; the others have no effect."""
BATCH_DIVISORS = tuple(
    f"{options.name}.{options.divides_batch}"
    for options in REMEDIES.values()
    if options.divides_batch is not None
)
"""Options of remedies that must divide batch_size."""
TYPES: dict[str, object] = {
    **{key: TrialConfig.model_fields[key].annotation for key in TRIAL_KEYS},
    **dict.fromkeys(REMEDY_FLAGS, bool),
    **MODEL_TYPES,
    **REMEDY_TYPES,
    **LOSS_TYPES,
}
Params = dict[str, str | int | float | bool]
"""Parameters of a trial by key, as Optuna stores them: plain JSON values, a set of remedies as its
label.
"""
CROSSED = frozenset(
    {
        "method",
        "loss",
        "remedies",
        *REMEDY_FLAGS,
        "batch_size",
        "batch_norm",
        "latent",
        *BATCH_DIVISORS,
    }
)
"""Keys that the rules of trials/config/compatibility.py read: tried in every combination."""

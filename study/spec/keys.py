"""Names that a search space may use, each with the type of its values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.networks import MODELS
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig


def _fields(models: Mapping[str, type[StrictModel]], dotted: bool) -> dict[str, Any]:
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
BASELINE_KEYS = frozenset({*TRIAL_KEYS, *MODEL_KEYS} - {"k", "lr_d", "loss", "remedies"})
"""What matters to a method other than a GAN, which has no loss, remedies or steps of D and G."""
BATCH_DIVISORS = tuple(
    f"{options.name}.{options.divides_batch}"
    for options in REMEDIES.values()
    if options.divides_batch is not None
)
"""Options of remedies that must divide batch_size."""
TYPES: dict[str, Any] = {
    **{key: TrialConfig.model_fields[key].annotation for key in TRIAL_KEYS},
    **dict.fromkeys(SWITCHES, bool),
    **_fields(MODELS, dotted=False),
    **_fields(REMEDIES, dotted=True),
    **_fields(LOSSES, dotted=True),
}
CROSSED = frozenset(
    {
        *("method", "loss", "remedies", *SWITCHES),
        *("batch_size", "batch_norm", "latent", *BATCH_DIVISORS),
    }
)
"""Keys that the rules of trials/config/compatibility.py read: tried in every combination."""
DEFAULT_LOSS = TrialConfig.model_fields["loss"].default
NONE = "none"
"""Label of the empty set of remedies."""

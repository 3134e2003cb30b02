"""The losses; one file each, all on the contract of trials/losses/base.py."""

from __future__ import annotations

from pkgutil import resolve_name

from ganstudy.trials.config.losses import LossOptions
from ganstudy.trials.losses.base import Loss


def build(options: LossOptions) -> Loss:
    """Return the loss that `options` belong to."""
    loss: Loss = resolve_name(options.implementation)(options)
    return loss

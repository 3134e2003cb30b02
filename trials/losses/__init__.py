"""The losses; one file each, all on the contract of trials/losses/base.py."""

from __future__ import annotations

from collections.abc import Sequence
from pkgutil import resolve_name

import torch

from ganstudy.trials.config.losses import LossOptions
from ganstudy.trials.ensemble.own_class import as_declared
from ganstudy.trials.losses.base import Loss


def build(
    options: LossOptions,
    of_lanes: Sequence[LossOptions] = (),
    device: torch.device = torch.device("cpu"),  # noqa: B008  # a constant
) -> Loss:
    """Return the loss that `options` belong to.

    of_lanes: those of every lane on `device`, where they are not the same for all.
    """
    loss: Loss = resolve_name(options.implementation)(options)
    return loss.with_lanes([as_declared(each) for each in of_lanes], device)

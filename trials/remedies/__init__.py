"""The remedies; one file each, all on the contract of trials/remedies/base.py."""

from __future__ import annotations

from collections.abc import Sequence
from pkgutil import resolve_name

import torch

from ganstudy.trials.config.remedies import RemedyOptions
from ganstudy.trials.ensemble.own_class import as_declared
from ganstudy.trials.remedies.base import Remedy


def build(
    options: RemedyOptions,
    of_lanes: Sequence[RemedyOptions] = (),
    device: torch.device = torch.device("cpu"),  # noqa: B008  # a constant
) -> Remedy:
    """Return the remedy that `options` belong to.

    of_lanes: those of every lane on `device`, where they are not the same for all.
    """
    remedy: Remedy = resolve_name(options.implementation)(options)
    return remedy.with_lanes([as_declared(each) for each in of_lanes], device)

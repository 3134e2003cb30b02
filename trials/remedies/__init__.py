"""The remedies; one file each, all on the contract of trials/remedies/base.py."""

from __future__ import annotations

from pkgutil import resolve_name

from ganstudy.trials.config.remedies import RemedyOptions
from ganstudy.trials.remedies.base import Remedy


def build(options: RemedyOptions) -> Remedy:
    """Return the remedy that `options` belong to."""
    remedy: Remedy = resolve_name(options.implementation)(options)
    return remedy

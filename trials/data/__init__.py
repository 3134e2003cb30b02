"""The data sets; trials/data/dataset.py says what one is."""

from __future__ import annotations

from pkgutil import resolve_name

from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.data.dataset import Dataset, Mixture, as_float

__all__ = ["Dataset", "Mixture", "as_float", "load"]


def load(options: DataOptions) -> Dataset:
    """Return the data set that `options` belong to; raise a ValueError if it cannot be had so."""
    dataset: Dataset = resolve_name(options.implementation)(options)
    return dataset

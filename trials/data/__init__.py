"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ganstudy.trials.config.base import PLUGIN, tag_of
from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.data.arrays import arrays
from ganstudy.trials.data.dataset import Dataset, Mixture, as_float
from ganstudy.trials.data.digits import digits
from ganstudy.trials.data.images import images
from ganstudy.trials.data.plugin import plugin
from ganstudy.trials.data.points import grid, ring
from ganstudy.trials.data.stacked import stacked_digits, stacked_mnist
from ganstudy.trials.data.torchvision_sets import torchvision_set

__all__ = ["LOADERS", "Dataset", "Mixture", "as_float", "load"]

LOADERS: dict[str, Callable[[Any], Dataset]] = {
    "digits": digits,
    "ring": ring,
    "grid": grid,
    "mnist": torchvision_set,
    "fashion_mnist": torchvision_set,
    "cifar10": torchvision_set,
    "stacked_digits": stacked_digits,
    "stacked_mnist": stacked_mnist,
    "images": images,
    "arrays": arrays,
    PLUGIN: plugin,
}


def load(config: DataOptions) -> Dataset:
    """The data set that the configuration names; ValueError where it cannot be had as said."""
    return LOADERS[tag_of(config)](config)

"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trials.data.arrays import arrays
from trials.data.dataset import Dataset, Mixture, as_float
from trials.data.digits import digits
from trials.data.images import images
from trials.data.plugin import plugin
from trials.data.points import grid, ring
from trials.data.stacked import stacked_digits, stacked_mnist
from trials.data.torchvision_sets import torchvision_set
from trials.options.base import PLUGIN, tag_of
from trials.options.data import DataOptions

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

"""Pairs of networks by name; one file each, all on the contract of trials/networks/base.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ganstudy.trials.config.base import PLUGIN, tag_of
from ganstudy.trials.config.networks import ModelOptions
from ganstudy.trials.networks.base import Discriminator, Networks
from ganstudy.trials.networks.dcgan import dcgan
from ganstudy.trials.networks.mlp import mlp
from ganstudy.trials.networks.pacgan_points import pacgan_points
from ganstudy.trials.networks.plugin import plugin
from ganstudy.trials.networks.resnet import resnet
from ganstudy.trials.networks.sndcgan import sndcgan
from ganstudy.trials.networks.stacked_mnist import stacked_mnist

__all__ = ["NETWORKS", "Discriminator", "Networks", "build"]

NETWORKS: dict[str, Callable[[Any, tuple[int, ...], bool], Networks]] = {
    "mlp": mlp,
    "dcgan": dcgan,
    "sndcgan": sndcgan,
    "resnet": resnet,
    "pacgan_points": pacgan_points,
    "stacked_mnist": stacked_mnist,
    PLUGIN: plugin,
}
"""(options, shape of one image or point, whether the data lie in [-1, 1]) -> Networks"""


def build(options: ModelOptions, shape: tuple[int, ...], bounded: bool) -> Networks:
    """The networks that `options` name. Raises ValueError where they cannot take `shape`."""
    return NETWORKS[tag_of(options)](options, shape, bounded)

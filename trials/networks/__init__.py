"""Pairs of networks; one file each, all on the contract of trials/networks/base.py."""

from __future__ import annotations

from pkgutil import resolve_name

from ganstudy.trials.config.networks import ModelOptions
from ganstudy.trials.networks.base import Discriminator, Networks

__all__ = ["Discriminator", "Networks", "build"]


def build(options: ModelOptions, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the networks that `options` belong to.

    shape: of one image [C, H, W] or point [D]. bounded: the data lie in [-1, 1], so the generator
    ends in tanh. Raises ValueError where the networks cannot take that shape.
    """
    networks: Networks = resolve_name(options.implementation)(options, shape, bounded)
    return networks

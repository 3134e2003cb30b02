"""Generated samples: data that are measured, never trained on or against.

They may all be equal, have labels that nobody reads and need no split.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganstudy.trials.config.data import Arrays, DataOptions, Images
from ganstudy.trials.data import load
from ganstudy.trials.data.arrays import read_arrays
from ganstudy.trials.data.dataset import check_finite
from ganstudy.trials.data.images import read_pictures
from ganstudy.trials.data.split import shuffled


@dataclass(frozen=True)
class Generated:
    """Samples [n, ...] in the order of the data's fixed shuffle, as data sets hold them."""

    values: Tensor
    notes: tuple[str, ...] = ()
    conversions: tuple[str, ...] = ()
    """What was done to pictures that needed it."""
    file_order: Tensor | None = None
    """[n], where it is known: indices that put them in the order of their files."""


def load_generated(options: DataOptions) -> Generated:
    """Return the samples that `options` describe; raise a ValueError if they cannot be had so."""
    if isinstance(options, Images):
        read = read_pictures(options.model_copy(update={"labels": "none"}))
        order = sorted(range(len(read.files)), key=lambda index: read.files[index].as_posix())
        return Generated(read.pixels, read.notes, read.conversions, torch.tensor(order))
    if isinstance(options, Arrays) and options.held_out_images_key is None:
        values, notes = read_arrays(options)
        order_of_files = shuffled(len(values), options.limit)
        values = values[order_of_files]
        if values.is_floating_point():
            kind = "images" if values.ndim > 2 else "points"
            check_finite(f"{options.path}: {options.name}", values, kind, "generated")
        return Generated(values, notes, file_order=order_of_files.argsort())
    dataset = load(options)
    values = torch.cat([dataset.held_out, dataset.train])
    return Generated(values, dataset.notes, dataset.conversions)

"""The data sets; trials/data/dataset.py says what one is."""

from __future__ import annotations

from dataclasses import replace
from pkgutil import resolve_name

from ganstudy.trials.config.data import DataOptions, ImageOptions, PictureFiles
from ganstudy.trials.data import shared_arrays
from ganstudy.trials.data.dataset import Dataset, Mixture, as_float

__all__ = ["Dataset", "Mixture", "as_float", "load"]

MIRRORED = (
    "real images are mirrored at random while a GAN trains, and scores compare with the images as "
    "they are: a copy of a mirrored image is not found as one"
)


def load(options: DataOptions) -> Dataset:
    """Return the data set that `options` belong to; raise a ValueError if it cannot be had so."""
    dataset: Dataset = resolve_name(options.implementation)(options)
    if not isinstance(options, PictureFiles):  # whose pictures need never lie in memory
        dataset = _shared(dataset)
    if isinstance(options, ImageOptions) and options.mirror:
        return replace(dataset, mirror=True, notes=(*dataset.notes, MIRRORED))
    return dataset


def _shared(dataset: Dataset) -> Dataset:
    """Return the data set with its images in files that processes share, where they are large."""
    parts = dataset.train, dataset.held_out
    if sum(part.nbytes for part in parts) < shared_arrays.LARGE:
        return dataset
    train, held_out = map(shared_arrays.shared, parts)
    return replace(dataset, train=train, held_out=held_out)

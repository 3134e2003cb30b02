"""Scikit-learn's handwritten digits: real images that need no download."""

from __future__ import annotations

import torch

from ganstudy.trials.config.data import Digits
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.streams import generator

HELD_OUT = 797
CLASSES = tuple("0123456789")


def digits(_options: Digits | None = None) -> Dataset:
    """1,797 handwritten digits, 8 x 8 grey: 1,000 to train on, 797 held out, 10 labels."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = torch.from_numpy(raw.images).float().div(8).sub(1).unsqueeze(1)
    labels = torch.from_numpy(raw.target).long()
    order = torch.randperm(len(images), generator=generator(0, "digits", "split"))
    held_out, train = order[:HELD_OUT], order[HELD_OUT:]
    return Dataset(
        "digits",
        images[train],
        images[held_out],
        1000,
        labels[train],
        labels[held_out],
        class_names=CLASSES,
    )

"""Scikit-learn's handwritten digits: real images that need no download."""

from __future__ import annotations

import torch

from ganstudy.trials.config.data import Digits
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.streams import generator

# What a round thousand to train on leaves of 1,797.
HELD_OUT = 797
CLASSES = tuple("0123456789")


def digits(_options: Digits | None = None) -> Dataset:
    """Return 1,797 handwritten digits, 8 x 8 grey: 1,000 to train on, 797 held out, 10 labels."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    # Its grey levels are whole numbers from 0 to 16.
    images = torch.from_numpy(raw.images).float().div(8).sub(1).unsqueeze(1)
    labels = torch.from_numpy(raw.target).long()
    order = torch.randperm(len(images), generator=generator(0, "digits", "split"))
    held_out = order[:HELD_OUT]
    train = order[HELD_OUT:]
    return Dataset(
        "digits",
        train=images[train],
        held_out=images[held_out],
        num_generated=1000,
        train_labels=labels[train],
        held_out_labels=labels[held_out],
        class_names=CLASSES,
    )

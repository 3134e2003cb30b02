"""Three grey digits stacked into the channels of one image: 1,000 modes that can be counted.

As VEEGAN (Srivastava et al. 2017) in PacGAN's code (Lin et al. 2018), with 26,000 samples per
evaluation; but no training stack contains a digit of the test split.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ganstudy.trials.config.data import StackedDigits, StackedMNIST
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.digits import digits
from ganstudy.trials.data.ranges import range_note
from ganstudy.trials.data.split import MAX_GENERATED
from ganstudy.trials.data.torchvision_sets import official
from ganstudy.trials.ensemble.streams import generator

# Ten per mode for the small images, which is a choice; 26,000 is the published number.
NUM_GENERATED = {"stacked_digits": 10_000, "stacked_mnist": 26_000}


def stacked_digits(options: StackedDigits) -> Dataset:
    """Return stacks of scikit-learn's digits, 3 x 8 x 8."""
    return _stacked(digits(), options)


def stacked_mnist(options: StackedMNIST) -> Dataset:
    """Return stacks of MNIST, 3 x 28 x 28 unless resized."""
    (images, labels), (test_images, test_labels), class_names = official("mnist", options)
    num_generated = min(MAX_GENERATED, len(test_images))
    part = Dataset(
        "mnist",
        images,
        test_images,
        num_generated,
        labels,
        test_labels,
        class_names=class_names,
        notes=range_note(images, 0, 255),
    )
    return _stacked(part, options)


def _stacked(part: Dataset, options: StackedDigits | StackedMNIST) -> Dataset:
    def stack(images: Tensor, labels: Tensor | None, num: int, split: str) -> tuple[Tensor, Tensor]:
        assert labels is not None
        which = torch.randint(len(images), (num, 3), generator=generator(0, options.name, split))
        # The class is the number of three digits that the channels show.
        return images[which].squeeze(2), labels[which] @ torch.tensor([100, 10, 1])

    train, train_labels = stack(part.train, part.train_labels, options.num_stacks, "train")
    held_out, held_out_labels = stack(
        part.held_out, part.held_out_labels, options.held_out_stacks, "held_out"
    )
    return Dataset(
        options.name,
        train=train,
        held_out=held_out,
        num_generated=NUM_GENERATED[options.name],
        train_labels=train_labels,
        held_out_labels=held_out_labels,
        class_names=tuple(map("".join, itertools.product(part.class_names or (), repeat=3))),
        part=part,
        notes=part.notes,
    )

"""The in-domain classifier: a small CNN trained on the data's own labels.

Its features give FID, IS, precision and recall a meaning on small images. It is trained once per
data set on the training split, on one thread from fixed seeds, and identified by the digest of its
weights; the digest and the held-out accuracy travel with every score.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import Tensor, nn

from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.ensemble.streams import generator

FEATURES = 64
EPOCHS = 30
BATCH = 50
LR = 2e-3
WEIGHT_DECAY = 1e-2
MOST_STEPS = 3_000
"""Training steps at most: beyond some thousands of images fewer epochs suffice."""
LARGE = 16
"""Pixels per side from which the first convolution halves the map."""
AT_ONCE = 10_000 * 3 * 32 * 32
"""Values of held-out images that are classified at once: those of CIFAR-10's test split."""
RECIPE = 1
"""Raised whenever a change to this file changes the weights, so that old caches are not read."""


class Classifier(nn.Module):
    """uint8 images [N, C, H, W] -> (features [N, 64], logits [N, K])."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, *sides = shape
        stride = 2 if min(sides) >= LARGE else 1
        # Two poolings, which round down, behind a convolution that rounds up.
        cells = math.prod(-(-side // stride) // 4 for side in sides)
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1, stride=stride),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.features = nn.Linear(64 * cells, FEATURES)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (features, logits)."""
        # Scaled here, since extractors are given uint8 by the contract of torch-fidelity.
        features = F.relu(self.features(self.convolutions(images.float() / 127.5 - 1)))
        return features, self.head(F.dropout(features, 0.3, self.training))


def to_uint8(images: Tensor) -> Tensor:
    """Return images of [-1, 1] as 0..255, rounded; uint8 stays. The values must be finite."""
    if images.dtype == torch.uint8:
        return images
    # Rounded as in a picture file: samples score the same from memory as from a folder of pictures.
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained classifier as the bytes of a safetensors file.

    The file has the weights, and in its header their held-out accuracy.
    """

    weights: bytes

    @property
    def accuracy(self) -> float:
        """Share of held-out images classified correctly."""
        # safetensors: eight bytes of length, then the header as JSON. Its reader gives metadata of
        # files only, and these are bytes.
        header = json.loads(self.weights[8 : 8 + int.from_bytes(self.weights[:8], "little")])
        return float(header["__metadata__"]["held_out_accuracy"])

    @property
    def digest(self) -> str:
        """Hex digest of the weights."""
        return hashlib.blake2b(self.weights, digest_size=8).hexdigest()

    def build(self, dataset: Dataset) -> Classifier:
        """Return the network with these weights, in evaluation mode."""
        network = _network(dataset)
        network.load_state_dict(load(self.weights))
        return network.eval()


def _network(dataset: Dataset) -> Classifier:
    assert dataset.train_labels is not None
    return Classifier(dataset.shape, len(dataset.mode_names or ()))


def _parts(images: Tensor) -> tuple[Tensor, ...]:
    """Return images to classify at once: all, unless they are so many that memory would not do."""
    few = images.numel() <= AT_ONCE
    parts: tuple[Tensor, ...] = (images,) if few else images.split(BATCH)
    return parts


OnEpoch = Callable[[int, int, float], None]
"""Called after an epoch with its number from 1, all epochs, and its accuracy on their images."""


def train_classifier(dataset: Dataset, on_epoch: OnEpoch | None = None) -> TrainedClassifier:
    """Train a classifier on the training split.

    Deterministic on one machine; about 5 seconds for digits on one core.
    """
    labels, held_out_labels = dataset.train_labels, dataset.held_out_labels
    assert labels is not None and held_out_labels is not None
    # The number of threads changes the order of sums, and so the weights and their digest.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # Initial values and dropout draw from the global stream, which a trial must find as it left
        # it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = _network(dataset)
            per_epoch = -(-len(labels) // BATCH)
            epochs = max(1, min(EPOCHS, MOST_STEPS // per_epoch))
            steps = epochs * per_epoch
            optimiser = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=steps)
            images = to_uint8(dataset.train)
            for epoch in range(epochs):
                right = 0
                for indices in torch.randperm(
                    len(labels), generator=generator(0, "classifier", epoch)
                ).split(BATCH):
                    logits = network(images[indices])[1]
                    right += int((logits.argmax(1) == labels[indices]).sum())
                    loss = F.cross_entropy(logits, labels[indices])
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
                if on_epoch is not None:
                    on_epoch(epoch + 1, epochs, right / len(labels))
        network.eval()
        with torch.no_grad():
            chosen = torch.cat(
                [network(to_uint8(part))[1].argmax(1) for part in _parts(dataset.held_out)]
            )
        accuracy = float((chosen == held_out_labels).double().mean())
        # As repr: metadata are text, and repr reads back as the very same float.
        return TrainedClassifier(save(network.state_dict(), {"held_out_accuracy": repr(accuracy)}))
    finally:
        torch.set_num_threads(threads)

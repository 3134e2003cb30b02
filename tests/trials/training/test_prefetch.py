"""Images that stay on the host while a GPU trains: the same batches, begun a step ahead.

Copies to a GPU are made only where there is one; here what decides which batch is whose is tested.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.ensemble.streams import Batches
from ganstudy.trials.training import prefetch, training_loop
from ganstudy.trials.training.prefetch import Copy, HostImages, PinnedCopies, PrefetchedBatches
from ganstudy.trials.training.training_loop import TrainingLoop

CPU = torch.device("cpu")
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


class HostCopies:
    """Copies on the host, with a log of what was begun."""

    def __init__(self, _device: torch.device = CPU) -> None:
        self.begun: list[Tensor] = []

    def begin(self, images: Tensor, places: Tensor) -> Copy:
        self.begun.append(places)
        return images[places], None

    def finished(self, copy: Copy) -> Tensor:
        return copy[0]


def images(num: int = 70) -> Tensor:
    return torch.arange(num * 12, dtype=torch.int32).view(num, 3, 2, 2).to(torch.uint8)


def order(device: torch.device = CPU) -> Batches:
    return Batches([5, 9], "batches/discriminator", 70, 16, device)


def test_batches_are_those_of_their_steps_in_any_order() -> None:
    train, copies = images(), HostCopies()
    batches = PrefetchedBatches(train, order(), copies)
    steps = (0, 1, 2, 3, 4, 5, 2, 3, 40, 40, 0)  # 4 straddles two epochs; jumps, as after a resume
    for step in steps:
        assert torch.equal(batches.at(step), train[order().at(step)])
    # One ahead each time, and one more where the step was not the next one.
    assert len(copies.begun) == len(steps) + 5


@pytest.mark.parametrize("k", [2, "1/2"])
def test_a_loop_meets_the_same_batches(k: object, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrialConfig(
        data={"name": "digits", "mirror": True},
        model={"name": "mlp", "width": 8, "latent_dim": 2},
        remedies=["feature_matching"],
        seeds=(0, 3),
        k=k,
        batch_size=600,
        budget={"unit": "generator_steps", "amount": 4},
    )
    data = load(config.data)
    found = []
    for on_host in (False, True):
        monkeypatch.setattr(training_loop, "stays_on_host", lambda *_, on=on_host: on)
        monkeypatch.setattr(training_loop, "PinnedCopies", HostCopies)
        loop = TrainingLoop(config, data, CPU)
        assert bool(loop.prefetched) is on_host
        loop.train_until(4, lambda: None)
        found.append([*loop.mean_losses().values()])
    assert all(torch.equal(*both) for both in zip(*found, strict=True))


def test_only_large_data_stay_on_the_host_and_only_for_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, gpu = images(), torch.device("cuda")
    assert not prefetch.stays_on_host(train, gpu)
    monkeypatch.setattr(prefetch, "RESIDENT", train.nbytes - 1)
    assert prefetch.stays_on_host(train, gpu) and not prefetch.stays_on_host(train, CPU)


def test_images_on_the_host_are_read_by_index() -> None:
    train, places = images(), torch.tensor([3, 1, 3])
    assert torch.equal(HostImages(train, CPU)[places], train[places])


@ON_GPU
def test_copies_to_a_gpu_are_the_same_batches() -> None:
    train, gpu = images(), torch.device("cuda")
    batches = PrefetchedBatches(train, order(), PinnedCopies(gpu))
    found = [(step, batches.at(step).clone()) for step in (*range(50), 3, 4, 90)]
    assert all(torch.equal(batch.cpu(), train[order().at(step)]) for step, batch in found)

"""MNIST, Fashion-MNIST and CIFAR-10 through torchvision: small files of the same form, and the real ones."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from scipy import stats

from ganstudy.trials.config.data import CIFAR10, MNIST, Arrays, FashionMNIST, StackedMNIST
from ganstudy.trials.data import as_float, load
from ganstudy.trials.data.pictures import resized

REAL = Path(os.environ.get("GANSTUDY_REAL_DATA", "not set"))


def needs(name: str) -> pytest.MarkDecorator:
    """Skips where the environment variable GANSTUDY_REAL_DATA names no folder with that file."""
    return pytest.mark.skipif(
        not (REAL / name).exists(), reason=f"GANSTUDY_REAL_DATA has no {name}"
    )


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()
    )


def pixels(num: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(num).integers(0, 256, (num, *shape), dtype=np.uint8)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with 40 training and 20 test images of each data set."""
    for name in ("MNIST", "FashionMNIST"):
        for split, num in (("train", 40), ("t10k", 20)):
            write_idx(tmp_path / name / "raw" / f"{split}-images-idx3-ubyte", pixels(num, 28, 28))
            write_idx(
                tmp_path / name / "raw" / f"{split}-labels-idx1-ubyte",
                np.arange(num, dtype=np.uint8) % 10,
            )
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [*(f"data_batch_{batch}" for batch in range(1, 6)), "test_batch"]:
        num = 20 if name == "test_batch" else 8
        batch = {"data": pixels(num, 3072), "labels": [index % 10 for index in range(num)]}
        (folder / name).write_bytes(pickle.dumps(batch))
    names = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    # The real files are known by their MD5; these are not they.
    monkeypatch.setattr(
        "torchvision.datasets.cifar.check_integrity", lambda path, md5=None: Path(path).exists()
    )
    return tmp_path


@pytest.mark.parametrize(("kind", "shape", "names"), [
    (MNIST, (1, 28, 28), ["0", "1"]),
    (FashionMNIST, (1, 28, 28), ["T-shirt/top", "Trouser"]),
    (CIFAR10, (3, 32, 32), ["airplane", "automobile"]),
])  # fmt: skip
def test_both_splits_are_the_official_ones(small: Path, kind, shape, names) -> None:
    dataset = load(kind(root=str(small), download=False))
    assert (len(dataset.train), len(dataset.held_out), dataset.num_generated) == (40, 20, 20)
    assert (dataset.shape, dataset.train.dtype) == (shape, torch.uint8)
    assert (dataset.mode_names[:2], len(dataset.mode_names)) == (names, 10)
    official = getattr(torchvision.datasets, kind.__name__)(small, train=False)
    pairs = {(np.asarray(image).tobytes(), label) for image, label in official}
    ours = dataset.held_out.permute(0, 2, 3, 1).contiguous().numpy()
    assert {
        (i.tobytes(), int(k)) for i, k in zip(ours, dataset.held_out_labels, strict=True)
    } == pairs


def test_fewer_images_are_the_first_of_the_same_shuffle(small: Path) -> None:
    whole = load(MNIST(root=str(small)))
    some = load(MNIST(root=str(small), train_images=30, held_out_images=11))
    assert torch.equal(some.train, whole.train[:30]) and torch.equal(
        some.held_out_labels, whole.held_out_labels[:11]
    )
    assert some.num_generated == 11
    with pytest.raises(ValueError, match="train_images of mnist must be <= 40, got 41"):
        load(MNIST(root=str(small), train_images=41))


def test_images_are_resized_once_and_for_all(small: Path) -> None:
    large = load(MNIST(root=str(small), size=32))
    assert large.shape == (1, 32, 32)
    assert torch.equal(large.train, resized(load(MNIST(root=str(small))).train, 32))


def test_files_that_are_not_there_are_named_by_their_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ValueError,
        match=r"cifar10 is not complete in root = .*download = false\): Dataset not found",
    ):
        load(CIFAR10(root=str(tmp_path / "none"), download=False))
    assert not (tmp_path / "none").exists()

    def refused(_self: object) -> None:
        raise RuntimeError("Error downloading train-images:\nTried a mirror")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", refused)
    with pytest.raises(
        ValueError, match=r"mnist is not complete .* could not be downloaded: Error download"
    ):
        load(MNIST(root=str(tmp_path / "new")))


def test_small_stacks_are_made_of_their_own_split(small: Path) -> None:
    dataset = load(StackedMNIST(root=str(small), num_stacks=50, held_out_stacks=30))
    assert (dataset.train.shape, len(dataset.held_out), dataset.num_generated) == (
        (50, 3, 28, 28),
        30,
        26_000,
    )
    for split in ("train", "held_out"):
        known = {image.numpy().tobytes() for image in getattr(dataset.part, split)}
        assert all(
            channel.numpy().tobytes() in known for channel in getattr(dataset, split).flatten(0, 1)
        )


@needs("MNIST/raw/train-images-idx3-ubyte")
def test_mnist_is_mnist() -> None:
    dataset = load(MNIST(root=str(REAL), download=False))
    assert (len(dataset.train), len(dataset.held_out), dataset.num_generated) == (
        60_000,
        10_000,
        10_000,
    )
    pixels = dataset.train.numpy() / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (
        0.1307,
        0.3081,
    )  # as every tutorial normalises it
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # LeCun's training set
    assert torch.bincount(dataset.train_labels).tolist() == counts
    assert torch.bincount(dataset.held_out_labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    assert dataset.digest == "bd10459ea3f5a48a"


@needs("MNIST/raw/train-images-idx3-ubyte")
def test_stacked_mnist_has_a_thousand_modes_as_frequent_as_their_digits() -> None:
    dataset = load(StackedMNIST(root=str(REAL), download=False))
    assert (dataset.train.shape, len(dataset.held_out)) == ((128_000, 3, 28, 28), 26_000)
    shares = np.bincount(dataset.part.train_labels) / 60_000
    expected = np.einsum("i,j,k->ijk", shares, shares, shares).ravel()
    observed = np.bincount(dataset.train_labels, minlength=1000)
    assert observed.min() > 0 and stats.chisquare(observed, expected * 128_000).pvalue > 0.01
    held_out = np.bincount(dataset.held_out_labels, minlength=1000) / 26_000
    uniform = np.log(1000) + (held_out[held_out > 0] * np.log(held_out[held_out > 0])).sum()
    assert uniform == pytest.approx(
        999 / 2 / 26_000, abs=0.02
    )  # the plug-in floor, plus the digits' own imbalance
    assert (as_float(dataset.train[:10]).min(), as_float(dataset.train[:10]).max()) == (-1, 1)


@needs("cifar10.npz")
def test_cifar10_is_cifar10() -> None:
    dataset = load(
        Arrays(
            path=str(REAL / "cifar10.npz"),
            images_key="train_x",
            labels_key="train_y",
            held_out_images_key="test_x",
            held_out_labels_key="test_y",
        )
    )
    assert (dataset.train.shape, len(dataset.held_out), dataset.num_generated) == (
        (50_000, 3, 32, 32),
        10_000,
        10_000,
    )
    means = dataset.train.numpy().mean((0, 2, 3)) / 255
    np.testing.assert_allclose(means, [0.49139968, 0.48215841, 0.44653091], atol=1e-6)
    assert torch.bincount(dataset.train_labels).tolist() == [5000] * 10
    assert dataset.notes == ()

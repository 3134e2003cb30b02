"""Samples as scripts write them: layouts of arrays, folders of pictures, and what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.training.commands.samples import read_samples
from ganstudy.trials.training.commands.training_data import training_array, training_folder
from ganstudy.trials.training.functions.inputs import TrainingData


@pytest.fixture
def pixels(digits) -> np.ndarray:
    """uint8 [20, 1, 8, 8]"""
    return ((digits.train[:20] + 1) * 127.5).round().byte().numpy()


def test_arrays_in_every_layout(digits, pixels, tmp_path: Path) -> None:
    data, expected = TrainingData(digits), as_float(torch.from_numpy(pixels))
    files = {
        "first.npy": pixels,
        "last.npy": pixels.transpose(0, 2, 3, 1),
        "none.npy": pixels[:, 0],
        "floats.npy": expected.numpy(),
    }
    for name, array in files.items():
        np.save(tmp_path / name, array)
    np.savez(tmp_path / "several.npz", labels=np.zeros(20), samples=pixels)
    torch.save(torch.from_numpy(pixels), tmp_path / "tensor.pt")
    for name in (*files, "several.npz", "tensor.pt"):
        found = read_samples(tmp_path / name, data, 20)
        assert torch.allclose(found, expected, atol=1e-6), name


def test_a_folder_of_pictures(digits, pixels, tmp_path: Path) -> None:
    for index, image in enumerate(pixels):
        Image.fromarray(image[0]).save(tmp_path / f"{index}.png")
    found = read_samples(tmp_path, TrainingData(digits), 20)
    expected = as_float(torch.from_numpy(pixels))
    # In an order of their own.
    assert sorted(found.flatten(1).sum(1).tolist()) == pytest.approx(
        sorted(expected.flatten(1).sum(1).tolist()), abs=1e-4
    )


def test_what_is_no_samples(digits, pixels, tmp_path: Path) -> None:
    data = TrainingData(digits)
    Image.fromarray(pixels[0, 0]).save(tmp_path / "grid.png")
    np.save(tmp_path / "wide.npy", np.zeros((20, 1, 8, 9), dtype=np.uint8))
    np.save(tmp_path / "bytes.npy", pixels.astype(np.float32))
    (tmp_path / "torn.npy").write_bytes((tmp_path / "bytes.npy").read_bytes()[:300])
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "a.txt").write_text("1")
    refused = {
        "grid.png": "a grid cannot be taken apart",
        "wide.npy": r"must have the shape \[20, 1, 8, 8\], got \[20, 1, 8, 9\]",
        "bytes.npy": r"must lie in \[-1, 1\], got whole numbers",
        "torn.npy": "cannot be read as an array",
        "objects.npy": "cannot be read as an array",
        "a.txt": "samples are a folder of pictures, or an array in a file",
    }
    for name, message in refused.items():
        with pytest.raises(ValueError, match=f"{name}.*{message}"):
            read_samples(tmp_path / name, data, 20)


def test_the_training_images_as_files(digits, tmp_path: Path) -> None:
    array = np.load(training_array(digits, tmp_path))
    assert (array == digits.train.numpy()).all(), "the held-out images are not among them"
    folder = training_folder(digits, tmp_path)
    assert training_folder(digits, tmp_path) == folder
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == len(digits.train)
    for index in (0, 700):
        shown = np.array(Image.open(pictures[index])) / 127.5 - 1
        assert np.abs(shown - digits.train[index, 0].numpy()).max() <= 0.5 / 127.5 + 1e-6

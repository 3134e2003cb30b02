"""The training images as files, for scripts that are given {data} or {data_folder}."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.results.atomic_file import write_whole


def training_array(dataset: Dataset, folder: Path) -> Path:
    """Return an .npy file of the training images or points, as they are held; made once per data."""
    path = folder / f"train-{dataset.digest}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # By numpy itself: the bytes of a large data set must not lie in memory.
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                np.save(file, dataset.train.numpy(), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return path


def training_folder(dataset: Dataset, folder: Path) -> Path:
    """Return a folder with a PNG per training image, and labels as StyleGAN has them; made once.

    Raise ValueError where the data are no grey or colour images of bytes.
    """
    channels = dataset.shape[0] if dataset.is_images else 0
    if channels not in (1, 3):
        raise ValueError(
            "{data_folder} holds pictures, and the data are none of one or three channels: take {data}, an "
            ".npy file"
        )
    path = folder / f"train-{dataset.digest}"
    if path.exists():
        return path
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    images = dataset.train
    if images.is_floating_point():
        images = ((images.clamp(-1, 1) + 1) * 127.5).round().byte()
    names = [f"{index:08d}.png" for index in range(len(images))]
    for name, image in zip(names, images.permute(0, 2, 3, 1).numpy(), strict=True):
        Image.fromarray(image[..., 0] if channels == 1 else image).save(partial / name)
    if dataset.train_labels is not None:
        labels = [[n, int(label)] for n, label in zip(names, dataset.train_labels, strict=True)]
        write_whole(partial / "dataset.json", json.dumps({"labels": labels}).encode())
    try:
        partial.rename(path)
    except OSError:  # another worker was quicker
        shutil.rmtree(partial, ignore_errors=True)
    return path

"""Samples that a script has written: arrays in a file, or a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganstudy.trials.data.picture_sources import USUAL
from ganstudy.trials.training.functions.inputs import TrainingData
from ganstudy.trials.training.functions.samples import SampleRequest, samples_of

ARRAYS = (".npy", ".npz", ".pt", ".pth")
NAMES = ("samples", "images", "fakes", "arr_0")
"""Of the array in an .npz file that holds several."""


def read_samples(path: Path, data: TrainingData, num: int) -> Tensor:
    """Return samples [n, *shape], images in [-1, 1]; ValueError where they will not do."""
    if path.is_dir():
        images: Any = path
    elif path.suffix.lower() in ARRAYS:
        images = _laid_out(_array(path), data)
    elif path.suffix.lower() in USUAL:
        raise ValueError(
            f"{path.name} is one picture, and {num} samples are scored: a grid cannot be taken apart; let "
            "the script write a folder of pictures, or an array in an .npy file"
        )
    else:
        raise ValueError(
            f"{path.name}: samples are a folder of pictures, or an array in a file that ends in "
            f"{', '.join(ARRAYS)}"
        )
    request = SampleRequest(None, None, "normal", images, num)
    try:
        return samples_of(request, data, 0, torch.device("cpu")).scored
    except ValueError as error:
        # The words of run.evaluate, in which `images` is an argument.
        text = str(error).replace(
            "(run.num_samples; [measures] samples), and images has", "and it has"
        )
        raise ValueError(f"{path.name}: {text}") from error


def _array(path: Path) -> Tensor:
    try:
        if path.suffix in (".pt", ".pth"):
            found = torch.load(path, map_location="cpu", weights_only=True)
        else:
            found = np.load(path, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                first = found.files[0] if found.files else None
                name = next((n for n in NAMES if n in found), first)
                if name is None:
                    raise ValueError("it holds no array")
                found = found[name]
        return torch.as_tensor(found)
    except Exception as error:  # of a file that is cut off, each format raises its own
        raise ValueError(f"{path.name} cannot be read as an array: {error}") from error


def _laid_out(array: Tensor, data: TrainingData) -> Tensor:
    """Return images with their channels where the data have them, if they are elsewhere."""
    shape = tuple(data.shape)
    if not data.is_images or tuple(array.shape[1:]) == shape:
        return array
    if array.dim() == 4 and tuple(array.shape[1:]) == (*shape[1:], shape[0]):
        return array.permute(0, 3, 1, 2)
    if array.dim() == 3 and shape[0] == 1 and tuple(array.shape[1:]) == shape[1:]:
        return array[:, None]
    return array

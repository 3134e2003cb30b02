"""Labels of pictures as StyleGAN's data sets have them: dataset.json beside the pictures.

    {"labels": [["00000/img00000000.png", 6], ...]}

Without labels the value is null, or there is no such file. Source: NVlabs/stylegan3,
training/dataset.py and dataset_tool.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ganstudy.trials.config.base import short_repr
from ganstudy.trials.data.picture_sources import PictureSource
from ganstudy.trials.data.split import count_labels

DATASET_JSON = Path("dataset.json")
CLASS_NAMES = "class_names"
"""Key of ganstudy's own, which StyleGAN's readers pass over: the name of each label, in their order."""


def labels_in_file(
    source: PictureSource, files: Sequence[Path]
) -> tuple[Tensor, tuple[str, ...]] | None:
    """Return (labels counted from 0, class names) of the pictures; None where there are none.

    A single class is none, as nothing could tell it from another. Raises ValueError where
    dataset.json is not as said above, or leaves a picture out.
    """
    if DATASET_JSON not in source.files:
        return None
    where = source.path / DATASET_JSON
    document = _read(source, where)
    if document.get("labels") is None:
        return None
    by_name = _by_name(document["labels"], where)
    missing = [file for file in files if file.as_posix() not in by_name]
    if missing:
        raise ValueError(
            f"{where} has no label of {len(missing)} of the {len(files)} pictures, such as {missing[0]}; "
            'add it, or say labels = "none"'
        )
    values = [by_name[file.as_posix()] for file in files]
    if len(set(values)) < 2:
        return None
    labels, classes = count_labels(np.array(values))
    names = document.get(CLASS_NAMES)
    if isinstance(names, list) and len(names) > max(values):
        classes = tuple(str(names[int(value)]) for value in classes)
    return labels, classes


def _read(source: PictureSource, where: Path) -> Mapping[str, Any]:
    data = source.data(DATASET_JSON)
    try:
        document = json.loads(data.read_bytes() if isinstance(data, Path) else data.getvalue())
    except ValueError as error:
        raise ValueError(f"{where} is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise ValueError(f'{where} must be {{"labels": [...]}}, got {short_repr(document)}')
    return document


def _by_name(labels: Any, where: Path) -> dict[str, int]:
    """Return the label of every file by its name; raise ValueError unless all are pairs of the two."""
    rule = 'labels must be pairs such as ["00000/img00000000.png", 6], whole numbers from 0'
    if not isinstance(labels, list):
        raise ValueError(f"{where}: {rule}, got {short_repr(labels)}")
    found: dict[str, int] = {}
    for pair in labels:
        whole = isinstance(pair, list) and len(pair) == 2 and type(pair[1]) is int
        if not whole or not isinstance(pair[0], str) or pair[1] < 0:
            raise ValueError(f'{where}: {rule}, got {short_repr(pair)}; labels = "none" reads none')
        found[pair[0].replace("\\", "/")] = pair[1]
    return found

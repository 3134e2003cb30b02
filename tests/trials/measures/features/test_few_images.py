"""What is said where the images are too few: whoever follows it is not stopped again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.split import split
from ganstudy.trials.measures.scoring.evaluator import check_data

HINT = 'labels = "folders" makes classes of the 2 sub-folders (cats, dogs)'


def data(num: int, labelled: bool, held_out: float, side: int = 16) -> Dataset:
    stream = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num, 1, side, side), dtype=torch.uint8, generator=stream)
    labels = torch.arange(num) % 2 if labelled else None
    return split("images", images, labels, ("cats", "dogs") if labelled else None, held_out)


@pytest.mark.parametrize("num", [20, 129, 130, 200, 324, 600, 4098, 5000])
@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("extractor", ["auto", "pixels", "inception-v3-compat"])
def test_every_way_out_is_one(num: int, labelled: bool, extractor: str) -> None:
    dataset = replace(data(num, labelled, 0.2), labels_by="" if labelled else HINT)
    try:
        check_data(dataset, MeasuresConfig(extractor=extractor))
        return
    except ValueError as error:
        said = str(error)
    if "At least" in said:
        assert num < 130 and "At least 130 images are needed" in said
        return
    ways = said.partition("it can be: ")[2].split(", or ")
    assert ways and all(ways)
    for way in ways:
        named = re.search(r'extractor = "([^"]+)"', way)
        held = re.search(r"held_out = (\d+)", way)
        followed = data(num, labelled or HINT in way, float(held[1]) if held else 0.2)
        check_data(followed, MeasuresConfig(extractor=named[1] if named else extractor))


def test_small_images_need_fewer() -> None:
    with pytest.raises(ValueError, match="At least 34 images are needed"):  # 16 pixels
        check_data(data(30, False, 0.2, side=4), MeasuresConfig())
    with pytest.raises(ValueError, match=r'it can be: extractor = "pixels" in \[measures\] with '):
        check_data(data(34, False, 0.2, side=4), MeasuresConfig())


def test_a_classifier_without_labels_is_told_where_they_are() -> None:
    dataset = replace(data(600, False, 0.2), labels_by=HINT)
    with pytest.raises(ValueError, match=re.escape(f"inception-v3-compat or pixels; {HINT}")):
        check_data(dataset, MeasuresConfig(extractor="classifier"))

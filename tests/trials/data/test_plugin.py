"""Users' own data sets: everything that they may return, and errors that name their file and line."""

from __future__ import annotations

import random
import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch
from PIL import Image

from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import PluginData
from ganstudy.trials.data import load
from ganstudy.trials.data.pictures import prepare

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 8, 6, 3), dtype=np.uint8)


@pytest.fixture
def plugin(tmp_path: Path):
    """Writes a user's file and loads the data set that `make` in it returns."""

    def loaded(code: str, **options: object):
        path = tmp_path / "my_data.py"
        head = "import numpy as np, torch, random\nfrom PIL import Image\n"
        path.write_text(head + dedent(code).lstrip("\n"))
        return load(PluginData(name="my_data.py:make", digest=plugins.register(path), **options))

    return loaded


ITEMS = """
PIXELS = np.random.default_rng(0).integers(0, 256, (10, 8, 6, 3), dtype=np.uint8)
class make:
    def __len__(self):
        return 10
    def __getitem__(self, index):
        return ITEM
"""


def images_of(dataset) -> set[bytes]:
    return {image.numpy().tobytes() for image in torch.cat([dataset.train, dataset.held_out])}


@pytest.mark.parametrize(
    "item",
    [
        "Image.fromarray(PIXELS[index])",
        "PIXELS[index]",
        "PIXELS[index].transpose(2, 0, 1)",
        "torch.from_numpy(PIXELS[index])",
        "(Image.fromarray(PIXELS[index]), index % 3)",
        "(PIXELS[index], torch.tensor(index % 3))",
        "[PIXELS[index], np.int64(index % 3)]",
    ],
)
def test_an_item_may_be_a_picture_or_bytes_with_or_without_a_label(plugin, item: str) -> None:
    dataset = plugin(ITEMS.replace("ITEM", item), crop="none")
    expected = PIXELS.transpose(0, 3, 1, 2)
    assert (dataset.name, dataset.train.dtype, len(dataset.held_out)) == ("my_data", torch.uint8, 2)
    assert images_of(dataset) == {image.tobytes() for image in np.ascontiguousarray(expected)}
    if "% 3" in item:
        index = {
            image.tobytes(): number for number, image in enumerate(np.ascontiguousarray(expected))
        }
        assert [
            index[image.numpy().tobytes()] % 3 for image in dataset.train
        ] == dataset.train_labels.tolist()
        assert dataset.mode_names == ["0", "1", "2"]
    else:
        assert dataset.train_labels is None


def test_pictures_go_through_the_pipeline_of_folders(plugin) -> None:
    dataset = plugin(
        ITEMS.replace("ITEM", "Image.fromarray(PIXELS[index])"), size=4, channels="grey", held_out=3
    )
    options = PluginData(name="a.py:b", size=4, channels="grey")
    assert images_of(dataset) == {
        prepare(Image.fromarray(image), options).tobytes() for image in PIXELS
    }
    assert (dataset.shape, len(dataset.held_out)) == ((1, 4, 4), 3)


def test_floats_in_minus_one_to_one_are_kept(plugin) -> None:
    dataset = plugin(ITEMS.replace("ITEM", "torch.from_numpy(PIXELS[index, :, :, 0]) / 127.5 - 1"))
    assert (dataset.shape, dataset.train.dtype) == ((1, 8, 6), torch.float32)
    expected = torch.from_numpy(PIXELS[..., 0]) / 127.5 - 1
    assert images_of(dataset) == {image.numpy().tobytes() for image in expected}


def test_vectors_are_points(plugin) -> None:
    dataset = plugin(ITEMS.replace("ITEM", "PIXELS[index, 0, :2, 0].astype(float) * 3"))
    assert (dataset.shape, dataset.is_images) == ((2,), False)


def test_a_pair_of_arrays_and_a_ready_data_set(plugin) -> None:
    pair = plugin(
        """
        def make(num, names):
            return np.arange(num * 16, dtype=np.uint8).reshape(num, 4, 4), np.array(names)[np.arange(num) % 2]
        """,
        options={"num": 12, "names": ["up", "down"]},
        limit=6,
    )
    assert (len(pair.train), len(pair.held_out), pair.mode_names) == (5, 1, ["down", "up"])
    assert (pair.train[:, 0, 0, 0] // 16 % 2 == 1 - pair.train_labels).all()
    alone = plugin("def make():\n    return torch.rand(9, 3, 4, 5) * 2 - 1, None")
    assert (alone.shape, alone.train_labels) == ((3, 4, 5), None)
    ready = plugin(
        """
        from ganstudy.trials.data import Dataset
        def make():
            points = torch.arange(12.0).reshape(6, 2)
            return Dataset("mine", points[:4], points[4:], num_generated=500)
        """
    )
    assert (ready.name, ready.num_generated, len(ready.held_out)) == ("mine", 500, 2)


def test_options_that_a_ready_data_set_does_not_read_are_refused(plugin) -> None:
    code = """
    from ganstudy.trials.data import Dataset
    def make():
        points = torch.arange(12.0).reshape(6, 2)
        return Dataset("mine", points[:4], points[4:], num_generated=500)
    """
    with pytest.raises(
        ValueError,
        match=r"my_data.py:\d+: a ready .* is taken as it is, so leave out channels, limit,",
    ):
        plugin(code, limit=5, channels="grey")


def test_random_data_are_the_same_in_every_process_and_leave_the_streams_alone(plugin) -> None:
    code = """
    class make:
        def __init__(self):
            self.shift = np.random.rand()
        def __len__(self):
            return 10
        def __getitem__(self, index):
            return torch.rand(1, 4, 4) - self.shift * random.random()
    """
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first = plugin(code)
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[2]
    assert np.array_equal(np.random.get_state()[1], before[1])
    torch.manual_seed(2), np.random.seed(2), random.seed(2)
    assert plugin(code).digest == first.digest


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make():\n    return {}['width']", "my_data.py:4: KeyError: 'width'"),
        ("def make():\n    raise SystemExit(3)", "my_data.py:4: SystemExit: 3"),
        (
            "def make(size):\n    pass",
            "my_data.py:3: TypeError: make() missing 1 required positional argument: 'size'",
        ),
        (
            "def make():\n    return 5",
            "my_data.py:3: my_data.py:make must return a data set .*, got a int",
        ),
        (
            "def make():\n    return 1, 2, 3",
            "my_data.py:3: my_data.py:make must return .*, got a tuple of 3",
        ),
        (
            "def make():\n    return np.zeros((9, 4, 4)), [1]",
            "my_data.py:3: every image needs one label, got 1 ",
        ),
        (
            "def make():\n    return [np.zeros(3)] * 2",
            "my_data.py:3: at least 3 images are needed, .* got 2",
        ),
        (
            "def make():\n    return torch.rand(9, 2, 4, 5), None",
            "my_data.py:3: .*have no value below 0: return 2",
        ),
        (
            "def make():\n    return torch.randn(9, 2, 4, 5), None",
            "my_data.py:3: images must have 1 or 3 channels",
        ),
        (
            "def make():\n    return 9 * torch.randn(9, 4, 5), None",
            "my_data.py:3: values must lie in range = [-1, 1]",
        ),
        (
            "def make():\n    return torch.full((9, 4), torch.nan), None",
            "my_data.py:3: my_data: points must be finite",
        ),
        (
            "def make():\n    return np.zeros((9, 4, 4), np.uint8), None",
            "my_data.py:3: my_data: the images must",
        ),
        (ITEMS.replace("ITEM", "PIXELS[index // 0]"), "my_data.py:8: ZeroDivisionError: "),
        (
            ITEMS.replace("ITEM", "{'image': PIXELS[index]}"),
            "my_data.py:7: an item must be .* item 4 is a dict of 1",
        ),
        (
            ITEMS.replace("ITEM", "(PIXELS[index], 1, 2)"),
            "my_data.py:7: an item must be .* item 4 is a tuple of 3",
        ),
        (
            ITEMS.replace("ITEM", "PIXELS[index][index:]"),
            "my_data.py:7: items must all be .* one shape, and item ",
        ),
        (
            ITEMS.replace("ITEM", "PIXELS[0] if index % 2 else Image.new('L', (4, 4))"),
            "my_data.py:7: items must all",
        ),
        (
            ITEMS.replace("ITEM", "Image.new('L', (4 + index, 20))"),
            "my_data.py:7: pictures must have one size .* item",
        ),
        (
            ITEMS.replace("ITEM", "(PIXELS[index], [None, 1][index % 2])"),
            "my_data.py:7: every item needs a label",
        ),
        (
            ITEMS.replace("ITEM", "(PIXELS[index], index / 2)"),
            "my_data.py:7: labels must be whole numbers or strings",
        ),
        (
            ITEMS.replace("ITEM", "PIXELS[index] > 3"),
            "my_data.py:7: images must be pictures (PIL), uint8 .* got bool",
        ),
    ],
)
def test_errors_name_the_file_and_the_line(plugin, code: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message).replace(r"\.\*", ".*")):
        plugin(code)


def test_arrays_take_a_size_as_pictures_do(plugin) -> None:
    for crop in ("centre", "none"):
        arrays = plugin(ITEMS.replace("ITEM", "PIXELS[index]"), size=4, crop=crop)
        pictures = plugin(
            ITEMS.replace("ITEM", "Image.fromarray(PIXELS[index])"), size=4, crop=crop
        )
        assert arrays.shape == (3, 4, 4)
        assert torch.equal(arrays.train, pictures.train)


def test_points_take_no_size(plugin) -> None:
    with pytest.raises(ValueError, match=r"my_data\.py:7: size is for images"):
        plugin(ITEMS.replace("ITEM", "PIXELS[index].ravel() / 255.0"), size=4)


def test_a_data_set_of_another_library_is_blamed_on_the_line_that_chose_it(plugin) -> None:
    code = """
    from torchvision.datasets import FakeData
    def make():
        return FakeData(size=5, image_size=(3, 4, 4), transform=torch.relu)
    """
    with pytest.raises(ValueError, match=r"^my_data\.py:4: TypeError: relu\(\): argument 'input'"):
        plugin(code)
    dataset = plugin(code.replace("transform=torch.relu", "num_classes=2"))
    assert (dataset.shape, len(dataset.train)) == ((3, 4, 4), 4)

"""What is done to pictures that need it, and said: in folders, in data sets of one's own, in a score."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import MNIST, Images, PluginData, StackedMNIST
from ganstudy.trials.data import conversions, load
from ganstudy.trials.data.conversions import conversions_of
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures.scoring.generated_samples import load_generated


def pixels(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def plain(folder: Path, num: int = 8) -> Path:
    folder.mkdir(exist_ok=True)
    for seed in range(num):
        Image.fromarray(pixels(seed, 8, 8, 3)).save(folder / f"plain{seed}.png")
    return folder


def save_turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels(90, 8, 8, 3)).save(path, exif=exif)


def save_seen_through(path: Path) -> None:
    picture = pixels(91, 8, 8, 4)
    picture[..., 3] = 255
    picture[0, 0, 3] = 254  # one pixel, hardly
    Image.fromarray(picture).save(path)


def save_palette(path: Path) -> None:
    picture = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8), mode="P")
    picture.putpalette(list(range(256)) * 3)
    picture.save(path, transparency=0)


def save_deep(path: Path) -> None:
    Image.fromarray(pixels(92, 8, 8).astype(np.uint16) * 257).save(path)


def save_frames(path: Path) -> None:
    frames = [Image.fromarray(pixels(seed, 8, 8)) for seed in (93, 94)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def save_cmyk(path: Path) -> None:
    Image.fromarray(pixels(95, 8, 8, 3)).convert("CMYK").save(path)


def save_deep_colour(path: Path) -> None:
    """As Pillow cannot: 16 bits a channel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    values = (pixels(96, 8, 8, 3).astype(np.uint16) * 257).astype(">u2")
    lines = b"".join(b"\0" + row.tobytes() for row in values)
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


ODD = [
    (save_deep_colour, "odd.png", conversions.CUT),
    (save_turned, "odd.png", conversions.TURNED),
    (save_turned, "odd.jpg", conversions.TURNED),
    (save_turned, "odd.webp", conversions.TURNED),
    (save_seen_through, "odd.png", conversions.ON_WHITE),
    (save_seen_through, "odd.tiff", conversions.ON_WHITE),
    (save_palette, "odd.png", conversions.ON_WHITE),
    (save_deep, "odd.png", conversions.SCALED),
    (save_deep, "odd.tif", conversions.SCALED),
    (save_frames, "odd.gif", conversions.FIRST_FRAME),
    (save_frames, "odd.tiff", conversions.FIRST_FRAME),
    (save_cmyk, "odd.jpg", "CMYK made RGB"),
]


@pytest.mark.parametrize(("save", "name", "what"), ODD)
def test_what_a_picture_needs_is_said(tmp_path: Path, save: Any, name: str, what: str) -> None:
    save(plain(tmp_path / "p") / name)
    dataset = load(Images(path=str(tmp_path / "p")))
    assert dataset.conversions == (what,)
    expected = f"done to pictures without being asked: {what} (1 of 9)"
    assert dataset.notes == (expected,)
    generated = load_generated(Images(path=str(tmp_path / "p")))
    assert (generated.notes, generated.conversions) == ((expected,), (what,))


def test_all_of_it_is_one_note(tmp_path: Path) -> None:
    folder = plain(tmp_path / "p")
    for save, name in ((save_turned, "a.png"), (save_turned, "b.png"), (save_deep, "c.png")):
        save(folder / name)
    (note,) = load_generated(Images(path=str(folder))).notes
    assert note.endswith(
        "asked: 16 bits divided by 257 (1 of 11), turned upright as EXIF says (2 of 11)"
    )


def test_nothing_is_said_of_plain_pictures(tmp_path: Path) -> None:
    folder = plain(tmp_path / "p")
    opaque = np.concatenate([pixels(96, 8, 8, 3), np.full((8, 8, 1), 255, np.uint8)], axis=2)
    Image.fromarray(opaque).save(folder / "opaque.png")
    Image.fromarray(pixels(97, 8, 8)).save(folder / "grey.png")
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.fromarray(pixels(98, 8, 8, 3)).save(folder / "upright.jpg", exif=exif)
    Image.fromarray(pixels(99, 8, 8)).convert("P").save(folder / "palette.png")
    dataset = load(Images(path=str(folder)))
    assert dataset.notes == () and dataset.conversions == ()
    assert conversions_of(Image.new("1", (4, 4))) == ()


@pytest.fixture
def own(tmp_path: Path):
    """Load the data set that `make` in a file of one's own returns."""

    def loaded(code: str) -> Dataset:
        path = tmp_path / "own_data.py"
        head = "import numpy as np, torch\nfrom PIL import Image\nfrom ganstudy.trials.data import Dataset\n"
        path.write_text(head + dedent(code))
        return load(PluginData(name="own_data.py:make", digest=plugins.register(path)))

    return loaded


def test_pictures_of_a_data_set_of_ones_own_are_said_too(own) -> None:
    dataset = own("""
        def make():
            drawn = np.random.default_rng(0).integers(0, 255, (9, 8, 8, 4), dtype=np.uint8)
            return [Image.fromarray(each) for each in drawn]
    """)
    assert dataset.conversions == (conversions.ON_WHITE,)
    assert dataset.notes[0].endswith(f"asked: {conversions.ON_WHITE} (9 of 9)")


RANGES = [
    ("np.random.default_rng(0).integers(0, 2, (20, 8, 8), dtype=np.uint8)", "without a factor"),
    ("2 * np.random.default_rng(0).random((20, 8, 8), dtype=np.float32) ** 2 / 9 - 0.1", "range"),
]


@pytest.mark.parametrize(("values", "guess"), RANGES)
@pytest.mark.parametrize("ready", [True, False])
def test_a_range_that_is_hardly_used_is_said_of_a_data_set_of_ones_own(
    own, values: str, guess: str, ready: bool
) -> None:
    made = "Dataset('x', torch.from_numpy(x[:15, None]), torch.from_numpy(x[15:, None]), 5)"
    dataset = own(f"""
        def make():
            x = {values}
            return {made if ready else "(x, None)"}
    """)
    (note,) = dataset.notes
    assert note.startswith("the images use ") and guess in note


@pytest.mark.parametrize("ready", [True, False])
def test_labels_for_none_are_said_of_a_data_set_of_ones_own(own, ready: bool) -> None:
    made = """Dataset('x', torch.from_numpy(x[:15, None]), torch.from_numpy(x[15:, None]), 5,
                torch.from_numpy(y[:15]), torch.from_numpy(y[15:]), class_names=('-1', '0', '1'))"""
    dataset = own(f"""
        def make():
            x = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
            y = np.arange(20) % 3
            return {made if ready else "(x, y - 1)"}
    """)
    (note,) = dataset.notes
    assert "images have the label '-1', which counts as a class like any other" in note


@pytest.mark.parametrize("kind", [MNIST, StackedMNIST])
def test_a_range_that_is_hardly_used_is_said_of_torchvision_sets(
    tmp_path: Path, kind: type[MNIST]
) -> None:
    """Somebody's own files in MNIST's format, of values in [0, 1] made whole numbers."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, num in (("train", 40), ("t10k", 20)):
        images = np.random.default_rng(num).integers(0, 2, (num, 28, 28), dtype=np.uint8)
        labels = np.arange(num, dtype=np.uint8) % 10
        for what, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            (raw / f"{split}-{what}-ubyte").write_bytes(head + array.tobytes())
    (note,) = load(kind(root=str(tmp_path), download=False)).notes
    assert note.startswith("the images use 0.4% of the range from 0 to 255, 0 to 1: ")
    assert "without a factor of 255" in note

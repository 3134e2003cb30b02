"""npz files: what an array means is said, known from its form, or asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganstudy.trials.config.data import Arrays
from ganstudy.trials.data import as_float, load
from ganstudy.trials.data.arrays import to_tensor

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)
UNITS = RNG.random((20, 6, 5))


@pytest.fixture
def saved(tmp_path: Path):
    """Writes an npz file and loads it under the options stated."""

    def save(options: dict[str, object] | None = None, **arrays: object):
        np.savez(tmp_path / "mine.npz", **arrays)
        return load(Arrays(path=str(tmp_path / "mine.npz"), **(options or {})))

    return save


def rows(*tensors: torch.Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for tensor in tensors for row in tensor}


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (BYTES, BYTES.transpose(0, 3, 1, 2)),
        (BYTES.transpose(0, 3, 1, 2), BYTES.transpose(0, 3, 1, 2)),
        (BYTES[..., :1], BYTES[..., 0][:, None]),
        (BYTES[..., 0], BYTES[..., 0][:, None]),
    ],
)
def test_bytes_are_read_in_every_layout(saved, array, expected) -> None:
    dataset = saved(x=array)
    assert (len(dataset.train), len(dataset.held_out), dataset.train.dtype) == (16, 4, torch.uint8)
    assert rows(dataset.train, dataset.held_out) == {
        np.ascontiguousarray(image).tobytes() for image in expected
    }
    assert (dataset.name, dataset.num_generated, dataset.mode_names) == ("arrays", 4, None)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_units_become_the_range_that_networks_see(dtype) -> None:
    units = UNITS.astype(dtype)
    images = to_tensor(units, (0, 1), "auto")
    np.testing.assert_allclose(images[:, 0], 2 * units.astype(float) - 1, atol=2e-7)
    assert images.dtype == torch.float32


def test_symmetric_floats_are_not_touched() -> None:
    floats = (2 * UNITS - 1).astype(np.float32)
    np.testing.assert_array_equal(to_tensor(floats, (-1, 1), "auto")[:, 0], floats)


def test_whole_numbers_of_any_range_end_at_minus_one_and_one() -> None:
    deep = np.array([[[0, 4095], [1, 4094]]] * 3, np.uint16)
    np.testing.assert_allclose(
        to_tensor(deep, (0, 4095), "auto")[0, 0], [[-1, 1], [2 / 4095 - 1, 1 - 2 / 4095]], atol=2e-7
    )
    as_bytes = to_tensor(BYTES, (0, 255), "auto")
    np.testing.assert_allclose(as_bytes, as_float(to_tensor(BYTES, None, "auto")), atol=2e-7)


@pytest.mark.parametrize("form", ["bytes", "units", "with a split"])
def test_a_size_cuts_the_middle_square_and_resizes_as_pictures_are(saved, form: str) -> None:
    # By Pillow alone: rows 0 to 4 of 6, or columns, are the middle square of 6 x 5.
    images = BYTES / np.float32(255) if form == "units" else BYTES
    options = {"range": [0, 1]} if form == "units" else {}
    arrays = {"x": images}
    if form == "with a split":
        options, arrays = {"held_out_images_key": "t"}, {"x": images[:15], "t": images[15:]}
    dataset = saved({"size": 8, **options}, **arrays)
    assert dataset.shape == (3, 8, 8) and dataset.train.dtype == (
        torch.float32 if form == "units" else torch.uint8
    )
    expected = [
        [
            np.asarray(Image.fromarray(plane).resize((8, 8), Image.Resampling.BICUBIC))
            for plane in np.ascontiguousarray(image[:5].transpose(2, 0, 1))
        ]
        for image in np.asarray(images)
    ]
    found = torch.cat([dataset.train, dataset.held_out])
    if form != "units":
        assert rows(found) == {np.stack(planes).tobytes() for planes in expected}
    else:  # bicubic overshoots, and no image may
        whole = (2 * np.stack(expected) - 1).clip(-1, 1).reshape(20, -1)
        distances = np.abs(found.flatten(1).numpy()[:, None] - whole[None]).max(2)
        assert distances.min(1).max() < 1e-6


def test_a_size_of_the_file_changes_nothing(saved) -> None:
    square = BYTES[:, :5]
    assert rows(saved({"size": 5}, x=square).train) == rows(saved({}, x=square).train)


def test_points_have_no_size(saved) -> None:
    with pytest.raises(ValueError, match="size is for images"):
        saved({"size": 8}, x=np.random.default_rng(0).random((20, 2)))


def test_points_keep_their_values(saved) -> None:
    points = RNG.normal(3, 50, (20, 7))
    dataset = saved(x=points)
    assert (dataset.shape, dataset.is_images) == ((7,), False)
    assert rows(dataset.train, dataset.held_out) == rows(
        torch.from_numpy(points.astype(np.float32))
    )


def test_labels_go_with_their_images(saved) -> None:
    names = np.array(["red", "blue"])[BYTES[:, 0, 0, 0] % 2]
    dataset = saved(images=BYTES, labels=names)
    assert dataset.mode_names == ["blue", "red"]
    for images, labels in (
        (dataset.train, dataset.train_labels),
        (dataset.held_out, dataset.held_out_labels),
    ):
        assert (images[:, 0, 0, 0] % 2 == 1 - labels).all()


def test_a_file_with_its_own_split_keeps_it(saved) -> None:
    keys = {
        "images_key": "a",
        "labels_key": "b",
        "held_out_images_key": "c",
        "held_out_labels_key": "d",
    }
    labels = BYTES[:, 0, 0, 0] % 3 + 5
    dataset = saved(
        keys | {"limit": 10}, a=BYTES[:16], b=labels[:16], c=BYTES[16:], d=np.array([5, 6, 7, 5])
    )
    assert (len(dataset.train), dataset.mode_names) == (10, ["5", "6", "7"])
    np.testing.assert_array_equal(dataset.held_out, BYTES[16:].transpose(0, 3, 1, 2))
    assert dataset.held_out_labels.tolist() == [0, 1, 2, 0]
    assert (dataset.train[:, 0, 0, 0] % 3 == dataset.train_labels).all()
    assert (
        saved({"held_out_images_key": "c"}, x=BYTES[:16], y=labels[:16], c=BYTES[16:]).train_labels
        is None
    )


@pytest.mark.parametrize(
    ("options", "arrays", "message"),
    [
        (
            {},
            {"x": UNITS},
            r"images of float64 need a range, such as range = \[0, 1\] or \[-1, 1\]",
        ),
        ({}, {"x": BYTES.astype(int)}, "images of int64 need a range"),
        (
            {"range": [0, 1]},
            {"x": UNITS * 255},
            r"must lie in range = \[0, 1\], but reach from 0\.\d+ to 25\d",
        ),
        (
            {"range": [0, 1]},
            {"x": UNITS[:, 0]},
            r"range is for images, and the array holds points \[20, 5\]",
        ),
        ({}, {"x": BYTES[:, :3]}, r"layout must be stated .* as \[20, 3, 5, 3\] can"),
        (
            {},
            {"x": BYTES[:, :, :, [0, 1]]},
            r"must have 1 or 3 channels, got \[20, 6, 5, 2\] with layout = 'auto'",
        ),
        (
            {"layout": "channels_first"},
            {"x": BYTES},
            r"must have 1 or 3 channels, got .* layout = 'channels_first'",
        ),
        ({}, {"x": np.zeros(20)}, r"points \[N, D\] or images \[N, H, W\].*got \[20\]"),
        ({}, {"x": np.array([["a", "b"]])}, "must be numbers, got <U1"),
        ({}, {"x": np.array([{}, []], dtype=object)}, "array 'x' must be plain numbers or strings"),
        ({}, {"x": BYTES, "images": BYTES}, "images_key must be stated .* known: x, images"),
        ({}, {"pixels": BYTES}, "images_key must be stated unless .* x or images; known: pixels"),
        ({"images_key": "z"}, {"x": BYTES}, "unknown array 'z'; known: x"),
        (
            {},
            {"x": BYTES, "y": np.arange(19)},
            "every image needs one label, got 19 labels for 20 images",
        ),
        (
            {},
            {"x": BYTES, "y": np.float32(3)},
            "every image needs one label, got a single value for 20 images",
        ),
        ({}, {"x": BYTES, "y": np.ones(20, int)}, r"at least 2 classes, got \['1'\]"),
        ({"held_out": 19}, {"x": BYTES}, "must leave at least 2 images to train on"),
        (
            {},
            {"x": np.full((9, 4, 4), 7, np.uint8)},
            "must differ, but all 7 to train on are equal",
        ),
        (
            {"range": [-1, 1]},
            {"x": np.where(UNITS < 0.01, np.nan, UNITS)},
            "must be finite, but .* hold NaN",
        ),
    ],
)
def test_arrays_that_mean_nothing_are_refused_by_file(saved, options, arrays, message: str) -> None:
    with pytest.raises(ValueError, match=rf"mine\.npz.*{message}"):
        saved(options, **arrays)


def test_both_splits_must_have_the_same_classes(saved) -> None:
    keys = {
        "images_key": "a",
        "labels_key": "b",
        "held_out_images_key": "c",
        "held_out_labels_key": "d",
    }
    with pytest.raises(ValueError, match=r"the same classes, got \['0', '1'\] and \['0', '2'\]"):
        saved(keys, a=BYTES[:16], b=np.arange(16) % 2, c=BYTES[16:], d=np.array([0, 2, 0, 2]))


def test_a_layout_may_be_stated() -> None:
    ambiguous = BYTES[:, :3]
    assert to_tensor(ambiguous, None, "channels_first").shape == (20, 3, 5, 3)
    assert to_tensor(ambiguous, None, "channels_last").shape == (20, 3, 3, 5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", BYTES)
    for name, message in (
        ("one.npy", "must be an npz file .*is not one"),
        ("none.npz", "is not there"),
        (".", "a folder"),
    ):
        with pytest.raises(ValueError, match=message):
            load(Arrays(path=str(tmp_path / name)))

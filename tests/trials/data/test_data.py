"""Data sets that come with the platform, the rules of every data set, and what a study file may say of them."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pkgutil import resolve_name

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from ganstudy.trials.config.data import (
    DATA,
    PATH_FIELDS,
    Arrays,
    DataConfig,
    DataOptions,
    Digits,
    Grid,
    PluginData,
    Ring,
    StackedDigits,
)
from ganstudy.trials.data import Dataset, as_float, load
from ganstudy.trials.measures.features.classifier import to_uint8

CONFIG = TypeAdapter(DataConfig)


def images(num: int = 6, **changes: object) -> Dataset:
    """A small data set of uint8 images, changed as stated."""
    pixels = torch.arange(num * 16).reshape(num, 1, 4, 4).to(torch.uint8)
    return Dataset(
        **{
            "name": "small",
            "train": pixels[2:],
            "held_out": pixels[:2],
            "num_generated": 2,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def stacked():
    return load(StackedDigits())


def test_digits_and_ring_are_those_of_the_first_studies(digits) -> None:
    ring = load(Ring())
    # Of the values, not only of the digest property: whatever moves them moves every published score.
    assert (
        hashlib.blake2b(digits.train.numpy().tobytes(), digest_size=8).hexdigest()
        == "d0bf8d8f79b07627"
    )
    assert (
        hashlib.blake2b(ring.train.numpy().tobytes(), digest_size=8).hexdigest()
        == "1443d89d983423de"
    )
    assert (digits.digest, ring.digest) == ("cf6b32fdbd3d03dd", "7a4414d9a84c9ad3")
    assert (digits.num_generated, ring.num_generated) == (1000, 2500)
    assert digits.mode_names == [*"0123456789"]


@pytest.mark.parametrize(("options", "means", "sigma"), [
    (Ring(), [(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4], 0.01),
    (Grid(), list(itertools.product([-4, -2, 0, 2, 4], repeat=2)), 0.05),
])  # fmt: skip
def test_points_have_the_published_moments(options, means, sigma: float) -> None:
    dataset = load(options)
    means, points = np.array(means), dataset.train.double().numpy()
    assert (points.shape, len(dataset.held_out), dataset.num_generated) == (
        (100_000, 2),
        2500,
        2500,
    )
    np.testing.assert_allclose(dataset.mixture.means, means, atol=1e-6)
    distances = np.linalg.norm(points[:, None] - means, axis=2)
    # Given the component, distance^2 / sigma^2 is chi-squared with 2 degrees of freedom.
    assert stats.kstest(distances.min(1) ** 2 / sigma**2, "chi2", args=(2,)).pvalue > 0.01
    assert stats.chisquare(np.bincount(distances.argmin(1), minlength=len(means))).pvalue > 0.01
    # Of the whole: mean 0 and covariance (mean of m m^T + sigma^2) I; five standard errors.
    spread = (means**2).mean() + sigma**2
    np.testing.assert_allclose(points.mean(0), 0, atol=5 * (spread / 1e5) ** 0.5)
    np.testing.assert_allclose(
        np.cov(points.T), spread * np.eye(2), atol=5 * 1.5 * spread / 1e5**0.5
    )


def test_points_of_the_two_splits_differ_and_never_change() -> None:
    grid = load(Grid())
    assert grid.digest == load(Grid()).digest == "a75c7fef96277f1d"
    assert not {tuple(point) for point in grid.held_out.tolist()} & {
        tuple(point) for point in grid.train.tolist()
    }
    assert grid.mode_names[:2] == ["-4.00, -4.00", "-4.00, -2.00"] and len(grid.mode_names) == 25


def test_stacks_combine_three_digits_whose_labels_they_carry(stacked, digits) -> None:
    assert (stacked.train.shape, stacked.held_out.shape) == ((50_000, 3, 8, 8), (10_000, 3, 8, 8))
    assert stacked.num_generated == 10_000 and stacked.part.digest == digits.digest
    assert stacked.mode_names[123] == "123" and len(stacked.mode_names) == 1000
    for split in ("train", "held_out"):
        known = {
            image.numpy().tobytes(): int(label)
            for image, label in zip(
                getattr(digits, split), getattr(digits, f"{split}_labels"), strict=True
            )
        }
        stacks, labels = getattr(stacked, split)[:500], getattr(stacked, f"{split}_labels")[:500]
        for stack, label in zip(stacks, labels.tolist(), strict=True):
            assert [known[channel.numpy().tobytes()] for channel in stack] == [
                int(c) for c in f"{label:03}"
            ]


def test_modes_of_stacks_are_as_frequent_as_independent_draws_make_them(stacked, digits) -> None:
    shares = np.bincount(digits.train_labels) / len(digits.train)
    expected = np.einsum("i,j,k->ijk", shares, shares, shares).ravel() * len(stacked.train)
    observed = np.bincount(stacked.train_labels, minlength=1000)
    assert observed.min() > 0
    assert stats.chisquare(observed, expected).pvalue > 0.01


def test_uint8_becomes_floats_and_comes_back_unchanged() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    floats = as_float(levels)
    np.testing.assert_allclose(floats, np.arange(256) / 127.5 - 1, atol=1e-7)
    assert floats.dtype == torch.float32 and (floats[0], floats[255]) == (-1, 1)
    assert torch.equal(to_uint8(floats), levels)
    assert as_float(floats) is floats


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train": torch.zeros(1, 1, 4, 4, dtype=torch.uint8)},
            "at least 2 images to train on are needed, got 1",
        ),
        (
            {"held_out": torch.zeros(0, 1, 4, 4, dtype=torch.uint8)},
            "at least 1 of the images must be held out, got 0",
        ),
        (
            {"held_out": torch.zeros(2, 1, 4, 5, dtype=torch.uint8)},
            r"got \[4, 1, 4, 4\] and \[2, 1, 4, 5\]",
        ),
        (
            {"held_out": torch.zeros(2, 1, 4, 4)},
            r"the same in both splits, got torch.uint8 and torch.float32",
        ),
        (
            {name: torch.zeros(2, 1, 3, 5, dtype=torch.uint8) for name in ("train", "held_out")},
            "images must have at least 4 pixels a side, got 3 x 5",
        ),
        (
            {"train": torch.full((5, 1, 4, 4), 7, dtype=torch.uint8)},
            "must differ, but all 5 to train on are equal",
        ),
        (
            {"train_labels": torch.arange(4)},
            "labels are needed for training and held-out images, or for neither",
        ),
        (
            {"train_labels": torch.arange(3), "held_out_labels": torch.arange(2)},
            r"every image needs one label, got \[3\] training labels for 4 images",
        ),
        (
            {
                "train_labels": torch.arange(4),
                "held_out_labels": torch.arange(2),
                "class_names": ("a", "b", "c"),
            },
            "labels must be int64 from 0 to 2, got torch.int64 from 0 to 3 in the training ones",
        ),
        (
            {"train_labels": torch.arange(4), "held_out_labels": torch.tensor([0, 4])},
            "labels must be int64 from 0 to 3, got torch.int64 from 0 to 4 in the held-out ones",
        ),
    ],
)
def test_data_that_cannot_be_trained_on_or_measured_against_are_refused(
    changes, message: str
) -> None:
    with pytest.raises(ValueError, match=f"small: .*{message}"):
        images(**changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_counted_and_refused(value: float) -> None:
    points = torch.arange(20.0).reshape(10, 2)
    points[7, 1] = value
    with pytest.raises(
        ValueError,
        match="points must be finite, but 1 of the 6 held-out points hold NaN or infinity",
    ):
        Dataset("small", points[:4], points[4:], 2)
    with pytest.raises(
        ValueError,
        match="images must be finite, but 1 of the 10 training images hold NaN or infinity",
    ):
        Dataset("small", points.reshape(10, 1, 1, 2).repeat(1, 1, 4, 2), torch.zeros(1, 1, 4, 4), 2)


def test_float_images_outside_their_range_are_refused_and_points_may_lie_anywhere() -> None:
    wide = torch.linspace(0, 255, 32).reshape(2, 1, 4, 4)
    with pytest.raises(
        ValueError, match=r"must lie in \[-1, 1\], but the training ones reach from 0 to 255"
    ):
        Dataset("small", wide, wide, 2)
    assert not Dataset("small", wide.flatten(1), wide.flatten(1), 2).bounded


def test_the_digest_sees_values_split_and_labels() -> None:
    plain = images()
    labelled = images(train_labels=torch.tensor([0, 1, 0, 1]), held_out_labels=torch.tensor([0, 1]))
    others = replace(labelled, train_labels=torch.tensor([1, 1, 0, 1]))
    moved = images(train=plain.train.flip(0))
    assert len({d.digest for d in (plain, labelled, others, moved)}) == 4
    assert plain.mode_names is None and labelled.mode_names == ["0", "1"]


@pytest.mark.parametrize(
    "options", [*DATA.values(), PluginData], ids=lambda options: options.__name__
)
def test_every_data_set_has_a_loader_of_its_options(options: type[DataOptions]) -> None:
    loader = resolve_name(options.implementation)
    (parameter, *_) = inspect.signature(loader, eval_str=True).parameters.values()
    assert issubclass(options, parameter.annotation)


def test_every_path_is_declared() -> None:
    named = {
        field for model in DATA.values() for field in model.model_fields if field in PATH_FIELDS
    }
    assert named == {"path", "root"}
    assert CONFIG.validate_python({"name": "mnist"}).root == "~/.cache/ganstudy"


def test_options_survive_json_strictly() -> None:
    for table in (
        {"name": "mnist", "root": "data", "size": 32, "train_images": 1000},
        {
            "name": "images",
            "path": "mine",
            "size": 64,
            "held_out": 100,
            "channels": "grey",
            "labels": "folders",
        },
        {"name": "arrays", "path": "a.npz", "range": [0, 1], "held_out": 0.5},
        {"name": "my_data.py:Dataset", "options": {"width": 3, "deep": {"a": [1, 2]}}, "size": 16},
    ):
        config = CONFIG.validate_json(json.dumps(table), strict=True)
        again = CONFIG.validate_json(json.dumps(config.model_dump(mode="json")), strict=True)
        assert again == config and type(again) is type(config)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"name": "digit"},
            r"unknown data 'digit' \(did you mean digits\?\); known: digits, ring, grid, mnist, .*my_data.py:Dataset",
        ),
        ({"name": "ring", "radius": 2}, "Extra inputs are not permitted"),
        (
            {"name": "images", "path": "x", "held_out": 1.5},
            "a share between 0 and 1 or a whole number >= 1, got 1.5",
        ),
        (
            {"name": "images", "path": "x", "held_out": 0},
            "a share between 0 and 1 or a whole number >= 1, got 0",
        ),
        ({"name": "images", "path": "x", "size": 3}, "greater than or equal to 4"),
        ({"name": "images"}, "Field required"),
        (
            {"name": "arrays", "path": "x", "range": [1, 0]},
            r"\[low, high\] with low < high, got \[1.0, 0.0\]",
        ),
        (
            {"name": "arrays", "path": "x", "held_out": 0.1, "held_out_images_key": "t"},
            "name one of held_out and held_out_images_key",
        ),
        ({"name": "arrays", "path": "x", "held_out_labels_key": "t"}, "needs held_out_images_key"),
        (
            {"name": "arrays", "path": "x", "held_out_images_key": "t", "labels_key": "y"},
            "name both labels_key and held_out_labels_key, or neither",
        ),
    ],
)
def test_options_out_of_range_are_refused(table, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CONFIG.validate_python(table)


def test_a_share_given_to_arrays_survives_being_written_out() -> None:
    config = Arrays(path="a.npz", held_out_images_key="test")
    assert Arrays(**config.model_dump()) == config


def test_options_load_neither_torch_nor_torchvision_nor_numpy() -> None:
    heavy = "{'torch', 'torchvision', 'numpy', 'PIL'}"
    code = f"import ganstudy.trials.config.data, sys; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )


def test_loading_the_embedded_data_does_not_touch_the_global_streams() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for options in (Digits(), Ring(), Grid(), StackedDigits(num_stacks=10, held_out_stacks=10)):
        load(options)
    assert torch.equal(torch.get_rng_state(), before[0]) and np.array_equal(
        np.random.get_state()[1], before[1]
    )

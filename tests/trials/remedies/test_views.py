"""What the discriminator sees: instance noise and differentiable augmentation, each image and seed in its own way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest
from torch import Tensor

from ganstudy.trials import remedies
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Kind, Player, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.remedies.diff_augment import AUGMENTATIONS

RNG = np.random.default_rng(0)
CPU = torch.device("cpu")
WHO: list[tuple[Player, Kind]] = [
    ("discriminator", "real"),
    ("discriminator", "fake"),
    ("generator", "real"),
    ("generator", "fake"),
]
UNLIKELY = 1e-3
"""Smallest p-value that passes; the numbers drawn are the same in every run."""


def make(name: str, **options: Any) -> Any:
    return remedies.build(REMEDIES[name](**options))


def context(
    player: Player = "discriminator", step: int = 0, progress: float = 0.0, seeds: Any = (3, 4)
) -> StepContext:
    return StepContext(player, step, progress, seeds, CPU)


# --- what both have in common


@pytest.mark.parametrize("name", ["instance_noise", "diff_augment"])
def test_every_image_step_kind_player_and_seed_has_its_own_view(name: str) -> None:
    remedy = make(name)
    images = torch.rand(1, 1, 3, 8, 8).expand(2, 4, 3, 8, 8)
    views = [
        remedy.view(images, kind, context(player, step))[seed, image]
        for kind, player, step, seed, image in [
            ("real", "discriminator", 0, 0, 0),
            ("real", "discriminator", 0, 0, 1),
            ("real", "discriminator", 0, 1, 0),
            ("real", "discriminator", 1, 0, 0),
            ("real", "generator", 0, 0, 0),
            ("fake", "discriminator", 0, 0, 0),
            ("between", "discriminator", 0, 0, 0),
        ]
    ]
    for i, view in enumerate(views):
        assert not any(torch.equal(view, other) for other in views[i + 1 :])


@pytest.mark.parametrize("name", ["instance_noise", "diff_augment"])
def test_a_seed_alone_sees_what_it_sees_in_a_pack_and_sees_it_again(name: str) -> None:
    remedy, images = make(name), torch.rand(2, 4, 3, 8, 8)
    together = remedy.view(images, "fake", context())
    alone = remedy.view(images[1:], "fake", context(seeds=(4,)))
    assert torch.equal(together[1:], alone)
    assert torch.equal(together, remedy.view(images, "fake", context()))


# --- instance noise


@pytest.mark.parametrize(("player", "kind"), WHO)
@pytest.mark.parametrize(
    ("anneal", "progress", "expected"), [(0.5, 0.2, 0.3 * 0.6), (0.0, 0.9, 0.3)]
)
def test_noise_is_normal_with_the_annealed_sigma(
    conformance, player: Player, kind: Kind, anneal: float, progress: float, expected: float
) -> None:
    images = torch.rand(2, 64, 1, 8, 8)
    seen = make("instance_noise", sigma=0.3, anneal=anneal).view(
        images, kind, context(player, progress=progress)
    )
    noise = (seen - images).flatten().double().numpy()
    assert kstest(noise / expected, "norm").pvalue > UNLIKELY
    # The standard error of a standard deviation from n numbers is sigma / sqrt(2 n): 4 of them.
    bound = 4 / np.sqrt(2 * noise.size)
    conformance(
        "remedy instance_noise",
        "sigma (1 - t / anneal), relative",
        abs(noise.std() / expected - 1),
        bound,
    )


@pytest.mark.parametrize(
    ("anneal", "progress", "expected"),
    [
        (1.0, 0.0, 0.4),
        (1.0, 0.25, 0.3),
        (1.0, 1.0, 0.0),
        (0.5, 0.25, 0.2),
        (0.5, 0.75, 0.0),
        (0.0, 1.0, 0.4),
    ],
)
def test_sigma_falls_linearly_to_zero(anneal: float, progress: float, expected: float) -> None:
    assert make("instance_noise", sigma=0.4, anneal=anneal).sigma(progress) == pytest.approx(
        expected
    )


def test_noise_that_has_faded_leaves_the_images_alone_and_never_touches_gradients() -> None:
    images = torch.rand(2, 4, 6, requires_grad=True)
    assert make("instance_noise", anneal=0.5).view(images, "real", context(progress=0.6)) is images
    (gradient,) = torch.autograd.grad(
        make("instance_noise").view(images, "fake", context()).sum(), images
    )
    assert torch.equal(gradient, torch.ones_like(images))


# --- differentiable augmentation, image by image in plain loops


def color(image: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    image = image + (drawn[0] - 0.5)
    grey = sum(image) / len(image)
    image = np.stack([grey + (2 * drawn[1]) * (channel - grey) for channel in image])
    return image.mean() + (0.5 + drawn[2]) * (image - image.mean())


def translation(image: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    out = np.zeros_like(image)
    height, width = image.shape[1:]
    most = [int(np.floor(size / 8 + 0.5)) for size in (height, width)]
    down, right = (int(np.floor(d * (2 * m + 1))) - m for d, m in zip(drawn, most, strict=True))
    for row in range(height):
        for column in range(width):
            if 0 <= row + down < height and 0 <= column + right < width:
                out[:, row, column] = image[:, row + down, column + right]
    return out


def cutout(image: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    out = image.copy()
    ranges = []
    for size, d in zip(image.shape[1:], drawn, strict=True):
        side = int(np.floor(size / 2 + 0.5))
        centre = int(np.floor(d * (size + 1 if side % 2 == 0 else size)))
        ranges.append(range(max(0, centre - side // 2), min(size, centre - side // 2 + side)))
    for row in ranges[0]:
        for column in ranges[1]:
            out[:, row, column] = 0
    return out


BY_HAND = {"color": color, "translation": translation, "cutout": cutout}


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 20), (3, 7, 5)])
def test_each_augmentation_against_loops_over_images_and_pixels(
    conformance, name: str, shape: tuple[int, ...]
) -> None:
    images = RNG.uniform(-1, 1, size=(2, 40, *shape))
    drawn = RNG.uniform(size=(2, 3 if name == "color" else 2, 40))
    drawn[:, :, 0], drawn[:, :, 1] = 0, 1 - 2**-24  # the ends of what torch.rand returns
    found = AUGMENTATIONS[name](torch.tensor(images), torch.tensor(drawn)).numpy()
    for seed, image in np.ndindex(2, 40):
        by_hand = BY_HAND[name](images[seed, image], drawn[seed, :, image])
        deviation = np.abs(found[seed, image] - by_hand).max()
        conformance(f"remedy diff_augment, {name}", "float64 numpy by pixels", deviation, 1e-14)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_augmentation_is_differentiable_once_and_twice(name: str) -> None:
    images = torch.tensor(RNG.uniform(-1, 1, size=(2, 1, 2, 4, 5)), requires_grad=True)
    drawn = torch.tensor(RNG.uniform(size=(2, 3 if name == "color" else 2, 1)))
    assert torch.autograd.gradcheck(AUGMENTATIONS[name], (images, drawn))
    assert torch.autograd.gradgradcheck(lambda x: AUGMENTATIONS[name](x, drawn).square(), (images,))


def test_the_ends_of_the_ranges_leave_the_image_as_it_is_where_they_should() -> None:
    images = torch.rand(2, 3, 3, 8, 8, dtype=torch.float64)
    middle = torch.full((2, 3, 3), 0.5, dtype=torch.float64)
    torch.testing.assert_close(AUGMENTATIONS["color"](images, middle), images)
    torch.testing.assert_close(AUGMENTATIONS["translation"](images, middle[:, :2]), images)
    grey = images[:, :, :1]
    wild = middle.clone()
    wild[:, 1] = 0.99
    torch.testing.assert_close(
        AUGMENTATIONS["color"](grey, wild), grey
    )  # saturation means nothing to a grey image


@pytest.mark.parametrize(
    ("size", "shift", "side"),
    [(8, 1, 4), (28, 4, 14), (32, 4, 16), (12, 2, 6), (5, 1, 3), (3, 0, 2)],
)
def test_shifts_and_holes_have_the_released_codes_sizes_and_are_uniform(
    size: int, shift: int, side: int
) -> None:
    """int(size / 8 + 1/2) and int(size / 2 + 1/2): read off what the discriminator sees of marked images."""
    num = 4000
    column = (
        torch.arange(1.0, size + 1).reshape(size, 1).expand(1, num, 1, size, size)
    )  # each row holds its number
    seen = make("diff_augment", policy="translation").view(column, "fake", context(seeds=(3,)))[
        0, :, 0
    ]
    middle = size // 2
    rows = seen[:, middle].amax(1).long() - (middle + 1)
    counts = torch.bincount(rows + shift, minlength=2 * shift + 1).numpy()
    assert len(counts) == 2 * shift + 1 and (shift == 0 or chisquare(counts).pvalue > UNLIKELY)

    ones = torch.ones(1, num, 1, size, size)
    holes = (
        1 - make("diff_augment", policy="cutout").view(ones, "fake", context(seeds=(3,)))[0, :, 0]
    )
    heights, widths = holes.amax(2).sum(1), holes.amax(1).sum(1)
    assert torch.equal(holes.sum((1, 2)), heights * widths), "the hole must be a rectangle"
    assert heights.max() == side == widths.max()
    touched = holes.amax(2)
    last = (touched * torch.arange(1, size + 1)).amax(1)  # where the hole ends, cut at the border
    first_row = size + 1 - (touched * torch.arange(size, 0, -1)).amax(1)
    centre = torch.where(first_row > 1, first_row - 1 + side // 2, last - side + side // 2).long()
    counts = torch.bincount(centre, minlength=size + 1 - side % 2).numpy()
    assert len(counts) == size + 1 - side % 2 and chisquare(counts).pvalue > UNLIKELY


def colour_changes(seen: Tensor, grey: Tensor, hue: Tensor) -> np.ndarray:
    """(brightness, saturation, contrast) [3, N] of images that were grey pattern + hue offset, by projection."""
    brightness = seen.mean((1, 2, 3))
    contrast = (seen.mean(1) * grey).sum((1, 2)) / grey.square().sum()
    saturation = (seen.mean((2, 3)) * hue).sum(1) / hue.square().sum() / contrast
    return torch.stack([brightness, saturation, contrast]).numpy()


@pytest.mark.parametrize(("player", "kind"), WHO)
def test_colours_change_over_the_published_ranges_alike_for_both_kinds_and_players(
    player: Player, kind: Kind
) -> None:
    grey = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    grey, hue = grey - grey.mean(), torch.tensor([0.5, -0.2, -0.3])
    images = (grey + hue[:, None, None]).expand(2, 2000, 3, 8, 8)
    seen = make("diff_augment", policy="color").view(images, kind, context(player))
    brightness, saturation, contrast = colour_changes(seen.flatten(0, 1), grey, hue)
    assert kstest(brightness, "uniform", args=(-0.5, 1)).pvalue > UNLIKELY
    assert kstest(saturation, "uniform", args=(0, 2)).pvalue > UNLIKELY
    assert kstest(contrast, "uniform", args=(0.5, 1)).pvalue > UNLIKELY
    correlations = np.corrcoef([brightness, saturation, contrast])[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(len(brightness))


def test_policies_are_applied_in_their_order() -> None:
    images = torch.rand(2, 4, 3, 8, 8)
    one_way = make("diff_augment", policy="color,cutout").view(images, "real", context())
    other_way = make("diff_augment", policy="cutout,color").view(images, "real", context())
    assert (one_way == 0).any() and not (other_way == 0).any()


def test_points_cannot_be_augmented() -> None:
    def trainer(shape: tuple[int, ...]) -> GanTrainer:
        config = TrialConfig(
            data={"name": "digits"},
            model={"name": "mlp", "latent_dim": 3, "width": 4},
            remedies=["diff_augment"],
            budget={"unit": "updates", "amount": 2},
            evaluations=1,
        )
        return GanTrainer(config, shape, True, CPU)

    trainer((1, 8, 8))
    with pytest.raises(
        ValueError,
        match=r"diff_augment is for images \[C, H, W\], and the data have the shape \[6\]",
    ):
        trainer((6,))

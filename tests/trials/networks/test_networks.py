"""The networks against their publications (sizes by hand) and TensorFlow's geometry."""

from __future__ import annotations

import inspect
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganstudy.trials import networks
from ganstudy.trials.config.networks import MODELS, ModelOptions, OwnModel
from ganstudy.trials.networks.base import Networks
from ganstudy.trials.networks.pacgan_points import Maxout
from ganstudy.trials.networks.resnet import DiscriminatorBlock, GeneratorBlock
from ganstudy.trials.networks.same_padding import same_conv, same_deconv
from ganstudy.trials.networks.sizes import exact_halvings, rounded_halvings

IMAGES = ("mlp", "dcgan", "sndcgan", "resnet", "stacked_mnist")
NARROW: dict[str, dict[str, Any]] = {name: {"width": 4, "latent_dim": 5} for name in IMAGES}


def build(name: str, shape: tuple[int, ...], bounded: bool = True, **options: Any) -> Networks:
    return networks.build(MODELS[name](**options), shape, bounded)


def parameters(network: nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


# --- sizes


def conv(inputs: int, outputs: int, kernel: int, bias: bool = True) -> int:
    return inputs * outputs * kernel**2 + bias * outputs


@pytest.mark.parametrize(
    "options", [*MODELS.values(), OwnModel], ids=lambda options: options.__name__
)
def test_every_model_has_networks_of_its_options(options: type[ModelOptions]) -> None:
    build = resolve_name(options.implementation)
    (parameter, *_) = inspect.signature(build, eval_str=True).parameters.values()
    assert issubclass(options, parameter.annotation)


def test_dcgan_has_the_published_number_of_parameters() -> None:
    """The numbers that the PyTorch project's example is known by, at 64 pixels in colour with 100 latents."""
    built = build("dcgan", (3, 64, 64))
    assert parameters(built.generator()) == 3_576_704
    assert parameters(built.discriminator((3, 64, 64))) == 2_765_568


def test_dcgan_at_28_pixels_grows_from_7() -> None:
    built = build("dcgan", (1, 28, 28))
    generator = 100 * 128 * 49 + 2 * 128 + conv(128, 64, 4, False) + 2 * 64 + conv(64, 1, 4, False)
    assert parameters(built.generator()) == generator
    discriminator = conv(1, 64, 4, False) + conv(64, 128, 4, False) + 2 * 128 + 128 * 49
    assert parameters(built.discriminator((1, 28, 28))) == discriminator


def test_sndcgan_has_the_published_number_of_parameters() -> None:
    """32 pixels in colour, layer by layer from the tables of Miyato et al. and Kurach et al."""
    built = build("sndcgan", (3, 32, 32))
    generator = 128 * 8192 + 8192 + 2 * 8192
    generator += (
        conv(512, 256, 4)
        + 2 * 256
        + conv(256, 128, 4)
        + 2 * 128
        + conv(128, 64, 4)
        + 2 * 64
        + conv(64, 3, 3)
    )
    assert parameters(built.generator()) == generator == 3_828_739
    layers = [
        (3, 64, 3),
        (64, 128, 4),
        (128, 128, 3),
        (128, 256, 4),
        (256, 256, 3),
        (256, 512, 4),
        (512, 512, 3),
    ]
    discriminator = sum(conv(*layer) for layer in layers) + 512 * 16 + 1
    assert parameters(built.discriminator((3, 32, 32))) == discriminator == 5_860_865


def test_resnet_at_32_pixels_has_the_published_number_of_parameters() -> None:
    """The generator's is the number that other implementations of SNGAN-32 report."""
    built = build("resnet", (3, 32, 32))
    block = 2 * 2 * 256 + 2 * conv(256, 256, 3) + conv(256, 256, 1)
    generator = 128 * 4096 + 4096 + 3 * block + 2 * 256 + conv(256, 3, 3)
    assert parameters(built.generator()) == generator == 4_276_739
    first = conv(3, 128, 3) + conv(128, 128, 3) + conv(3, 128, 1)
    halving = 2 * conv(128, 128, 3) + conv(128, 128, 1)
    discriminator = first + halving + 2 * 2 * conv(128, 128, 3) + 129
    assert parameters(built.discriminator((3, 32, 32))) == discriminator == 1_053_825


def test_resnet_at_64_pixels_has_the_published_number_of_parameters() -> None:
    built = build("resnet", (3, 64, 64))
    generator, discriminator = 128 * 16384 + 16384, 0
    for wide, narrow in ((1024, 512), (512, 256), (256, 128), (128, 64)):
        generator += (
            2 * wide
            + 2 * narrow
            + conv(wide, narrow, 3)
            + conv(narrow, narrow, 3)
            + conv(wide, narrow, 1)
        )
        discriminator += conv(narrow, narrow, 3) + conv(narrow, wide, 3) + conv(narrow, wide, 1)
    generator += 2 * 64 + conv(64, 3, 3)
    discriminator += conv(3, 64, 3) + conv(64, 64, 3) + conv(3, 64, 1) + 1025
    assert parameters(built.generator()) == generator
    assert parameters(built.discriminator((3, 64, 64))) == discriminator


@pytest.mark.parametrize("packed", [1, 4])
def test_the_points_networks_of_pacgan_have_the_published_number_of_parameters(packed: int) -> None:
    built = build("pacgan_points", (2,), bounded=False)
    assert parameters(built.generator()) == 2 * 400 + 3 * 400 * 400 + 4 * 2 * 400 + 400 * 2 + 2
    discriminator = built.discriminator((2 * packed,))
    assert parameters(discriminator) == (2 * packed + 1) * 1000 + 2 * (200 + 1) * 1000 + 201


@pytest.mark.parametrize("packed", [1, 2])
def test_the_stacked_mnist_networks_have_the_published_number_of_parameters(packed: int) -> None:
    built = build("stacked_mnist", (3, 28, 28))
    generator = 100 * 2048 + 2048 + 2 * 512
    generator += (
        conv(512, 256, 5)
        + 2 * 256
        + conv(256, 128, 5)
        + 2 * 128
        + conv(128, 64, 5)
        + 2 * 64
        + conv(64, 3, 5)
    )
    assert parameters(built.generator()) == generator
    discriminator = (
        conv(3 * packed, 64, 5) + conv(64, 128, 5) + conv(128, 256, 5) + conv(256, 512, 5)
    )
    discriminator += 2 * (128 + 256 + 512) + 2048 + 1
    assert parameters(built.discriminator((3 * packed, 28, 28))) == discriminator


SIZES = [(c, side, side) for c in (1, 3) for side in (28, 32, 64)] + [(3, 32, 48), (1, 8, 8)]


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("shape", SIZES, ids=lambda shape: "x".join(map(str, shape)))
def test_images_and_logits_have_the_right_shapes(name: str, shape: tuple[int, ...]) -> None:
    if name == "stacked_mnist" and shape[1] == 8:
        with pytest.raises(ValueError, match="at least 16 x 16 pixels, got 8 x 8"):
            build(name, shape)
        return
    built = build(name, shape, **NARROW[name])
    with torch.no_grad():
        images = built.generator()(torch.randn(6, 5))
        assert images.shape == (6, *shape) and images.abs().max() <= 1
        for packed in (1, 2):
            seen = (packed * shape[0], *shape[1:])
            discriminator = built.discriminator(seen)
            logits, features = discriminator(torch.randn(6, *seen))
            assert logits.shape == (6,) and features.shape == (6, discriminator.num_features)


@pytest.mark.parametrize("name", ["mlp", "pacgan_points"])
def test_points(name: str) -> None:
    built = build(name, (2,), bounded=False, latent_dim=3)
    assert built.generator()(torch.randn(6, 3)).shape == (6, 2)
    logits, features = built.discriminator((4,))(torch.randn(6, 4))
    assert logits.shape == (6,) and features.dim() == 2


@pytest.mark.parametrize("name", [*IMAGES, "pacgan_points"])
def test_only_the_generator_of_bounded_data_ends_in_tanh(name: str) -> None:
    shape = (2,) if name == "pacgan_points" else (1, 32, 32)
    ends = [
        isinstance([*build(name, shape, bounded).generator().modules()][-1], nn.Tanh)
        for bounded in (True, False)
    ]
    if name == "mlp":  # its tanh comes before the shape is given
        ends = [
            any(isinstance(m, nn.Tanh) for m in build(name, shape, b).generator().modules())
            for b in (True, False)
        ]
    assert ends == [True, False]


@pytest.mark.parametrize("name", IMAGES[1:])
def test_points_are_refused_by_networks_for_images(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"{name} makes images, .* got points of 2 dimensions; mlp makes either"
    ):
        build(name, (2,))


def test_images_are_refused_by_networks_for_points() -> None:
    with pytest.raises(
        ValueError, match=r"pacgan_points makes points, got images of shape \[1, 8, 8\]"
    ):
        build("pacgan_points", (1, 8, 8))


@pytest.mark.parametrize("sides", [(30, 30), (7, 7), (33, 33), (28, 30)])
@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_sides_that_do_not_halve_are_refused_with_those_that_do(
    name: str, sides: tuple[int, int]
) -> None:
    with pytest.raises(
        ValueError, match=rf"{name} takes images .*28, 32, .*64.* got {sides[0]} x {sides[1]}"
    ):
        build(name, (1, *sides))


def test_halvings() -> None:
    sides = {8: 1, 28: 2, 32: 3, 48: 3, 64: 4, 96: 4, 112: 4, 128: 5, 256: 6}
    assert {side: exact_halvings("x", side, side) for side in sides} == sides
    assert rounded_halvings("x", 28, 30, 4) == [(28, 30), (14, 15), (7, 8), (4, 4), (2, 2)]


# --- batch normalisation and initial values


@pytest.mark.parametrize("name", [*IMAGES, "pacgan_points"])
def test_batch_normalisation_has_running_statistics_in_generators_alone(name: str) -> None:
    shape = (2,) if name == "pacgan_points" else (3, 32, 32)
    options = {"batch_norm": True} if name == "mlp" else {}
    built = build(name, shape, **options)
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    in_generator = [m for m in built.generator().modules() if isinstance(m, norms)]
    in_discriminator = [m for m in built.discriminator(shape).modules() if isinstance(m, norms)]
    assert in_generator and all(m.track_running_stats for m in in_generator)
    assert not any(m.track_running_stats for m in in_discriminator)
    assert len(in_discriminator) == {"dcgan": 2, "stacked_mnist": 3}.get(name, 0)
    assert MODELS[name](**options).generator_batch_norm


def test_discriminators_judge_the_batch_by_its_own_statistics() -> None:
    discriminator = build("dcgan", (1, 28, 28), width=8).discriminator((1, 28, 28))
    batch, other = torch.randn(4, 1, 28, 28), torch.randn(4, 1, 28, 28)
    apart = discriminator(batch)[0]
    assert not torch.allclose(discriminator(torch.cat([batch, other]))[0][:4], apart, atol=1e-4)
    assert torch.equal(discriminator.eval()(batch)[0], apart)
    bare = build("dcgan", (1, 28, 28), discriminator_batch_norm=False).discriminator((1, 28, 28))
    assert torch.allclose(bare(torch.cat([batch, other]))[0][:4], bare(batch)[0], atol=1e-6)


@pytest.mark.parametrize("name", ["dcgan", "sndcgan", "stacked_mnist", "pacgan_points"])
def test_weights_start_from_a_normal_distribution_of_two_hundredths(name: str) -> None:
    torch.manual_seed(0)
    shape = (2,) if name == "pacgan_points" else (3, 32, 32)
    built = build(name, shape)
    for network in (built.generator(), built.discriminator(shape)):
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                # A normal cut off at two standard deviations has 0.880 of the spread.
                cut = 0.8796 if name == "stacked_mnist" and isinstance(layer, nn.Conv2d) else 1.0
                spread = 4 * layer.weight.numel() ** -0.5
                assert layer.weight.std().item() == pytest.approx(0.02 * cut, rel=spread)
                assert layer.weight.mean().item() == pytest.approx(0, abs=0.02 * spread)
                assert layer.bias is None or not layer.bias.any()
    scales = [m.weight for m in built.generator().modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(
        (scale.std() > 0.01) if name == "dcgan" else torch.equal(scale, torch.ones_like(scale))
        for scale in scales
    )


def test_resnet_starts_from_xavier_uniform_weights() -> None:
    torch.manual_seed(0)
    block = GeneratorBlock(16, 32)
    for layer, gain in (
        (block.residual[3], 2**0.5),
        (block.residual[6], 2**0.5),
        (block.shortcut[0], 1.0),
    ):
        assert isinstance(layer, nn.Conv2d)
        outputs, inputs, kernel, _ = layer.weight.shape
        bound = gain * (6 / ((inputs + outputs) * kernel**2)) ** 0.5
        assert 0.9 * bound < layer.weight.abs().max().item() <= bound


def test_mlp_is_the_plain_network_that_it_was() -> None:
    torch.manual_seed(3)
    built = build("mlp", (1, 8, 8), width=16, latent_dim=5)
    generator, discriminator = built.generator(), built.discriminator((1, 8, 8))
    torch.manual_seed(3)
    plain_g = nn.Sequential(
        nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 64), nn.Tanh()
    )
    first, second, head = nn.Linear(64, 16), nn.Linear(16, 16), nn.Linear(16, 1)
    latents, images = torch.randn(7, 5), torch.randn(7, 1, 8, 8)
    assert torch.equal(generator(latents), plain_g(latents).view(7, 1, 8, 8))
    hidden = F.leaky_relu(second(F.leaky_relu(first(images.flatten(1)), 0.2)), 0.2)
    assert torch.equal(discriminator(images)[0], head(hidden)[:, 0])
    assert torch.equal(discriminator(images)[1], hidden)


# --- layers


def convolved(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """ "Same" convolution of stride 2 by TensorFlow's definition, for image [C, H, W], weight [O, C, k, k]."""
    kernel = weight.shape[-1]
    sides = [-(-side // 2) for side in image.shape[1:]]
    pads = []
    for side, out in zip(image.shape[1:], sides, strict=True):
        total = max((out - 1) * 2 + kernel - side, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(image, [(0, 0), *pads])
    out = np.zeros((len(weight), *sides))
    for row, column in np.ndindex(*sides):
        patch = padded[:, 2 * row : 2 * row + kernel, 2 * column : 2 * column + kernel]
        out[:, row, column] = (weight * patch).sum((1, 2, 3))
    return out


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("sides", [(28, 28), (14, 7), (7, 7), (4, 5), (2, 1)])
def test_same_convolutions_follow_tensorflows_definition(
    kernel: int, sides: tuple[int, int]
) -> None:
    down, up = (
        nn.Sequential(*same_conv(3, 4, kernel, sides)),
        nn.Sequential(*same_deconv(4, 3, kernel, sides)),
    )
    weight = torch.randn(4, 3, kernel, kernel)
    with torch.no_grad():
        for layer in (*down, *up):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.copy_(weight)
                layer.bias.zero_()
        down, up = down.double(), up.double()
        image = torch.randn(1, 3, *sides, dtype=torch.float64)
        maps = down(image)
        np.testing.assert_allclose(
            maps[0], convolved(image[0].numpy(), weight.double().numpy()), atol=1e-12
        )
        # The transposed convolution is its adjoint: <down(x), y> = <x, up(y)>.
        other = torch.randn_like(maps)
        assert up(other).shape == image.shape
        assert (maps * other).sum().item() == pytest.approx(
            (image * up(other)).sum().item(), rel=1e-10
        )


def test_residual_blocks_do_as_published() -> None:
    """Written out in the papers' order: the shortcut is convolved after upsampling, and before pooling."""
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 6, 6)
    up = GeneratorBlock(3, 5)
    norm1, conv1, norm2, conv2 = (up.residual[i] for i in (0, 3, 4, 6))
    inner = conv1(F.interpolate(F.relu(norm1(maps)), scale_factor=2))
    expected = conv2(F.relu(norm2(inner))) + up.shortcut[0](F.interpolate(maps, scale_factor=2))
    assert torch.allclose(up(maps), expected, atol=1e-6)
    down = DiscriminatorBlock(3, 5, halves=True)
    inner = down.residual[3](F.relu(down.residual[1](F.relu(maps))))
    assert torch.allclose(down(maps), F.avg_pool2d(inner + down.shortcut[1](maps), 2), atol=1e-6)
    first = DiscriminatorBlock(3, 5, halves=True, first=True)
    inner = first.residual[2](F.relu(first.residual[0](maps)))
    assert torch.allclose(first(maps), F.avg_pool2d(inner + first.shortcut[1](maps), 2), atol=1e-6)
    plain = DiscriminatorBlock(3, 3, halves=False)
    assert torch.allclose(
        plain(maps), maps + plain.residual[3](F.relu(plain.residual[1](F.relu(maps)))), atol=1e-6
    )


def test_maxout_is_the_largest_of_its_pieces() -> None:
    layer = Maxout(3, 2, pieces=4)
    points = torch.randn(5, 3)
    with torch.no_grad():
        pieces = (points @ layer.linear.weight.T + layer.linear.bias).numpy().reshape(5, 2, 4)
        np.testing.assert_allclose(layer(points), pieces.max(-1), rtol=1e-5)

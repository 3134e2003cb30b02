"""A user's own networks: what they may look like, what is said where they are wrong; the tests that users inherit."""

from __future__ import annotations

import inspect
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials import networks
from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.plugins import load, register
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.networks.base import Networks
from ganstudy.trials.remedies.minibatch_discrimination import MinibatchDiscriminator
from ganstudy.trials.testing import DataContract, GanContract

CPU = torch.device("cpu")
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "my_gan.py"

GENERATOR = """
import torch
from torch import nn

def generator(shape, latent_dim):
    size = 1
    for side in shape:
        size *= side
    return nn.Sequential(nn.Linear(latent_dim, size), nn.Tanh(), nn.Unflatten(-1, shape))

"""
"""What the discriminators below are paired with; 10 lines."""


@pytest.fixture
def own(tmp_path: Path):
    """The networks of a file with this text."""

    def networks_of(text: str, shape: tuple[int, ...] = (1, 8, 8), **options: Any) -> Networks:
        path = tmp_path / "my_gan.py"
        path.write_text(text)
        model = OwnModel(
            name="my_gan.py:build", digest=register(path), latent_dim=5, options=options
        )
        return networks.build(model, shape, True)

    return networks_of


def judged_by(layers: str) -> str:
    """A file whose discriminator is nn.Sequential(*layers)."""
    returned = f"generator(shape, latent_dim), nn.Sequential({layers})"
    return f"{GENERATOR}def build(shape, latent_dim):\n    return {returned}\n"


# --- the example and the tests that users inherit


class TestExample(GanContract):
    build = staticmethod(load("my_gan.py:build", register(EXAMPLE)))
    shape = (1, 28, 28)
    latent_dim = 6
    options = {"width": 4}


class WithDropout(nn.Module):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 5), nn.Dropout(0.5), nn.Linear(5, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def with_dropout(shape: tuple[int, ...], latent_dim: int) -> tuple[nn.Module, nn.Module]:
    return nn.Sequential(nn.Linear(latent_dim, 64), nn.Unflatten(-1, shape)), WithDropout(shape)


class TestLoop(GanContract):
    """Dropout draws random numbers, which vmap cannot: the contract's tests accept the loop."""

    build = staticmethod(with_dropout)
    shape = (1, 8, 8)
    latent_dim = 6
    runs_as_ensemble = False


def contract(build: Any, **attributes: Any) -> GanContract:
    values = {"build": staticmethod(build), "shape": (1, 8, 8), "latent_dim": 6} | attributes
    return type("TestBroken", (GanContract,), values)()


def test_the_contract_notices_a_network_that_only_runs_as_a_loop() -> None:
    with pytest.raises(
        AssertionError, match=r"discriminator: vmap cannot take it \(.*\).*runs_as_ensemble = False"
    ):
        contract(with_dropout).test_ensemble()


def test_the_contract_notices_a_seed_that_is_set_inside() -> None:
    def build(shape: tuple[int, ...], latent_dim: int) -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(0)
        return with_dropout(shape, latent_dim)

    with pytest.raises(AssertionError, match="generator: all seeds start from the same values"):
        contract(build).test_seed()


def test_the_contract_notices_values_drawn_elsewhere() -> None:
    import random

    def build(shape: tuple[int, ...], latent_dim: int) -> tuple[nn.Module, nn.Module]:
        generator, discriminator = with_dropout(shape, latent_dim)
        nn.init.constant_(generator[0].bias, random.random())
        return generator, discriminator

    with pytest.raises(
        AssertionError, match=r"generator: 0\.bias differs between two calls under one seed"
    ):
        contract(build).test_seed()


def test_the_contract_notices_a_parameter_without_a_gradient() -> None:
    def build(shape: tuple[int, ...], latent_dim: int) -> tuple[nn.Module, nn.Module]:
        generator, discriminator = with_dropout(shape, latent_dim)
        discriminator.forgotten = nn.Linear(2, 2)
        return generator, discriminator

    with pytest.raises(
        AssertionError, match=r"discriminator: network\.forgotten\.weight has no part in the output"
    ):
        contract(build).test_gradients()


DATA = """
import numpy as np

def pictures(copies=0, classes=3):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    images[30:] = images[30 - copies : 60 - copies] if copies else images[30:]
    return images, np.arange(60) % 3

def restless():
    return np.random.default_rng().integers(0, 256, (60, 8, 8), dtype=np.uint8), None

def rare():
    return pictures()[0], np.minimum(np.arange(60), 1)
"""


@pytest.fixture
def data_contract(tmp_path: Path):
    def of(name: str, **options: Any) -> DataContract:
        path = tmp_path / "my_data.py"
        path.write_text(DATA)
        build = staticmethod(load(f"my_data.py:{name}", register(path)))
        return type("TestData", (DataContract,), {"build": build, "options": options})()

    return of


def contract_tests(contract: type) -> list[str]:
    return [
        name
        for name, _ in inspect.getmembers(contract, inspect.isfunction)
        if name.startswith("test_")
    ]


def test_good_data_pass_the_contract(data_contract) -> None:
    for name in contract_tests(DataContract):
        getattr(data_contract("pictures"), name)()


def test_the_contract_notices_what_is_wrong_with_data(data_contract) -> None:
    with pytest.raises(AssertionError, match="held-out images are trained on too"):
        data_contract("pictures", copies=30).test_held_out()
    with pytest.raises(AssertionError, match="two loads give different data"):
        data_contract("restless").test_same_twice()
    with pytest.raises(AssertionError, match=r"no (training|held-out) images of 0"):
        data_contract("rare").test_classes()
    with pytest.raises(ValueError, match=r"my_data\.py:\d+: TypeError"):
        data_contract("pictures", colour=1).test_loads()


def test_the_example_stands_alone() -> None:
    assert not re.search(
        r"^\s*(import|from) (trials|study|analysis)", EXAMPLE.read_text(), re.MULTILINE
    )


# --- what a discriminator may return


@pytest.mark.parametrize(
    ("layers", "features"),
    [
        ("nn.Flatten(), nn.Linear(64, 7), nn.ReLU(), nn.Linear(7, 1)", 7),
        ("nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0)", 64),
        ("nn.Conv2d(1, 7, 8), nn.ReLU(), nn.Conv2d(7, 1, 1)", 7),
        ("nn.Conv2d(1, 3, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(3, 1, 4)", 48),
        ("nn.Flatten(), nn.Linear(64, 64), nn.Unflatten(-1, (1, 8, 8)), nn.Conv2d(1, 1, 8)", 64),
        ("nn.Flatten(2), nn.Conv1d(1, 1, 64)", 64),
        ("nn.Conv2d(1, 1, 4, 2, 1), nn.AvgPool2d(4)", None),
        ("nn.Linear(8, 1), nn.AvgPool2d((8, 1))", None),
    ],
    ids=[
        "[B, 1]",
        "[B]",
        "[B, 1, 1, 1]",
        "the tutorial's",
        "an inner linear layer",
        "over lines",
        "an averaged map",
        "a linear layer on places",
    ],
)
def test_logits_alone(own, layers: str, features: int | None) -> None:
    discriminator = own(judged_by(layers)).discriminator((1, 8, 8))
    images = torch.randn(6, 1, 8, 8)
    logits, found = discriminator(images)
    assert logits.shape == (6,) and discriminator.num_features == features
    assert torch.equal(logits, discriminator.network(images).flatten())
    assert found.shape == (6, features or 0)
    if features == 7:
        last = discriminator.network[-1]
        assert torch.equal(found, discriminator.network[:-1](images).flatten(1))
        assert torch.allclose((found @ last.weight.flatten() + last.bias), logits, atol=1e-6)
    if features == 48:
        # By a sum over places and channels, without torch's convolution.
        last = discriminator.network[-1]
        assert torch.allclose((found * last.weight.flatten()).sum(1) + last.bias, logits, atol=1e-6)
    if features in (7, 48):
        assert found.requires_grad


@pytest.mark.parametrize(
    "returned", ["(self.head(f), f)", "[self.head(f)[:, 0], f.view(-1, 7, 1)]"]
)
def test_logits_and_features(own, returned: str) -> None:
    text = f"""{GENERATOR}
class Discriminate(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(64, 7), nn.Linear(7, 1)
    def forward(self, images):
        f = self.body(images.flatten(1))
        return {returned}

def build(shape, latent_dim):
    return {{"discriminator": Discriminate(), "generator": generator(shape, latent_dim)}}
"""
    built = own(text)
    assert built.generator()(torch.randn(6, 5)).shape == (6, 1, 8, 8)
    discriminator = built.discriminator((1, 8, 8))
    images = torch.randn(6, 1, 8, 8)
    logits, features = discriminator(images)
    assert discriminator.num_features == 7 and logits.shape == (6,)
    assert torch.equal(features, discriminator.network.body(images.flatten(1)))


def test_points_and_options(own) -> None:
    text = f"{GENERATOR}def build(shape, latent_dim, width=3):\n"
    text += "    return generator(shape, latent_dim), nn.Sequential(nn.Linear(shape[0], width), nn.Linear(width, 1))\n"
    built = own(text, (2,), width=9)
    assert built.generator()(torch.randn(6, 5)).shape == (6, 2)
    assert built.discriminator((2,)).num_features == 9


def test_packing_asks_for_a_discriminator_of_more_channels(own) -> None:
    text = EXAMPLE.read_text()
    built = own(text, (1, 8, 8))
    logits, features = built.discriminator((3, 8, 8))(torch.randn(6, 3, 8, 8))
    assert logits.shape == (6,) and features.shape == (6, 64 * 4)
    assert built.generator()(torch.randn(6, 5)).shape == (6, 1, 8, 8)


def test_each_player_and_seed_draws_from_its_own_stream(own) -> None:
    built = own(judged_by("nn.Flatten(), nn.Linear(64, 1)"))
    latents, images = torch.zeros(4, 5), torch.zeros(4, 1, 8, 8)
    ensemble = SeedEnsemble(built.generator, [0, 1], "generator", CPU, latents)
    assert not torch.equal(*ensemble.parameters["0.weight"])
    wider = own(judged_by("nn.Flatten(), nn.Linear(64, 9), nn.Linear(9, 1)"))
    assert torch.equal(
        SeedEnsemble(wider.generator, [1], "generator", CPU, latents).parameters["0.weight"][0],
        ensemble.parameters["0.weight"][1],
    )
    judges = SeedEnsemble(
        lambda: built.discriminator((1, 8, 8)), [0, 1], "discriminator", CPU, images
    )
    assert ensemble.fallback is None and judges.fallback is None


def test_trying_leaves_the_networks_as_they_were_built(own) -> None:
    text = f"{GENERATOR}def build(shape, latent_dim):\n"
    text += "    layers = nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 1)\n"
    text += "    first = nn.Sequential(nn.BatchNorm1d(latent_dim), generator(shape, latent_dim))\n"
    built = own(f"{text}    return first, nn.Sequential(*layers)\n")
    assert not built.generator()[0].running_mean.any()
    discriminator = built.discriminator((1, 8, 8))
    assert not discriminator.network[1].running_mean.any()
    assert all(
        not module._forward_hooks and not module._forward_pre_hooks
        for module in discriminator.modules()
    )


@pytest.mark.filterwarnings(
    "ignore:There is a performance drop:UserWarning"
)  # of vmap, for weight_norm
@pytest.mark.parametrize(
    "normalised",
    [
        "nn.utils.spectral_norm",
        "nn.utils.parametrizations.spectral_norm",
        "nn.utils.parametrizations.weight_norm",
    ],
)
def test_normalised_layers_give_in_a_pack_what_they_give_alone(own, normalised: str) -> None:
    layers = f"nn.Flatten(), {normalised}(nn.Linear(64, 7)), nn.ReLU(inplace=True), {normalised}(nn.Linear(7, 1))"
    built = own(judged_by(layers))
    images = torch.randn(2, 6, 1, 8, 8)
    ensemble = SeedEnsemble(
        lambda: built.discriminator((1, 8, 8)), [3, 4], "discriminator", CPU, images[0]
    )
    alone = [built.discriminator((1, 8, 8)) for _ in range(2)]
    for index, network in enumerate(alone):
        network.load_state_dict({name: value[index] for name, value in ensemble.state().items()})
    for _ in range(3):
        logits, features = ensemble(images)
        for index, network in enumerate(alone):
            expected = network(images[index])
            assert torch.allclose(logits[index], expected[0], atol=1e-5)
            assert torch.allclose(features[index], expected[1], atol=1e-5)


# --- with remedies


def test_minibatch_discrimination_extends_any_discriminator_with_features(own) -> None:
    plain = own(EXAMPLE.read_text()).discriminator((1, 8, 8))
    torch.manual_seed(0)
    extended = MinibatchDiscriminator(plain, kernels=3, kernel_dim=2, mean=False)
    torch.manual_seed(0)
    tensor, head = torch.randn(256, 3, 2), torch.empty(3).uniform_(-1 / 16, 1 / 16)
    assert torch.equal(extended.similarity.tensor, tensor) and torch.equal(
        extended.head_on_similarity, head
    )
    images = torch.randn(5, 1, 8, 8)
    logits, features = plain(images)
    matrices = torch.einsum("na,abc->nbc", features, tensor)
    distances = (matrices[:, None] - matrices[None]).abs().sum(-1)
    others = (torch.exp(-distances) * (1 - torch.eye(5))[..., None]).sum(1)
    assert torch.allclose(extended(images)[0], logits + others @ head, atol=1e-5)


def test_minibatch_discrimination_needs_features(own) -> None:
    plain = own(judged_by("nn.Conv2d(1, 1, 3), nn.AvgPool2d(6)")).discriminator((1, 8, 8))
    with pytest.raises(ValueError, match=r"needs features .*let it return \(logits, features\)"):
        MinibatchDiscriminator(plain, kernels=3, kernel_dim=2, mean=False)


# --- the networks of the tutorial, with another size or without the reshape

TUTORIAL = """
from torch import nn

def build(shape, latent_dim, begin=(), channels=3, ends=()):
    generator = nn.Sequential(
        *([nn.Unflatten(1, (latent_dim, 1, 1))] if "reshape" in begin else []),
        nn.ConvTranspose2d(latent_dim, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(True),
        nn.ConvTranspose2d(8, channels, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(channels, 8, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 1, 4, 1, 0, bias=False),
    )
    return generator, discriminator
"""


@pytest.mark.parametrize(
    ("player", "shape", "options", "cure"),
    [
        ("generator", (3, 8, 8), {}, r"begin with nn\.Unflatten\(1, \(5, 1, 1\)\)"),
        ("generator", (3, 16, 16), {"begin": ["reshape"]}, r"size = 8 in \[data\]"),
        (
            "generator",
            (3, 16, 16),
            {"begin": ["reshape"], "channels": 1},
            r'channels = "grey" and size = 8 in \[data\]',
        ),
        ("discriminator", (3, 4, 4), {}, r"images are 4 x 4, .*size in \[data\]"),
        ("discriminator", (3, 16, 16), {}, r"map of 5 x 5: size in \[data\]"),
    ],
)
def test_networks_of_a_tutorial_are_told_what_to_change(own, player, shape, options, cure) -> None:
    built = own(TUTORIAL, shape, **options)
    build = built.generator if player == "generator" else partial(built.discriminator, shape)
    with pytest.raises(ValueError, match=cure):
        build()


def test_a_generator_that_fails_otherwise_is_not_told_to_reshape(own) -> None:
    text = TUTORIAL.replace("nn.BatchNorm2d(8)", "nn.BatchNorm2d(9)")
    with pytest.raises(ValueError) as caught:
        own(text, (3, 8, 8)).generator()
    assert "Unflatten" not in str(caught.value)


# --- mistakes

LINEAR = "nn.Flatten(), nn.Linear(64, 1)"
BUILD = len(GENERATOR.splitlines()) + 1
MISTAKES = [
    (
        f"{GENERATOR}def build(shape, latent_dim):\n    return generator(shape, latent_dim)\n",
        rf"^my_gan\.py:{BUILD}: the function must return two torch modules, .*, got Sequential$",
    ),
    (
        f"{GENERATOR}def build(shape, latent_dim):\n    return generator(shape, latent_dim), None\n",
        r"got tuple of \(Sequential, NoneType\)$",
    ),
    (
        f"{GENERATOR}def build(shape, latent_dim):\n    return {{'g': 1, 'd': 2}}\n",
        r"got a dict with the keys g, d$",
    ),
    (
        f"{GENERATOR}def build(shape, latent_dim):\n    return nn.Conv3d(shape)\n",
        rf"^my_gan\.py:{BUILD + 1}: the call with shape=\(1, 8, 8\), latent_dim=5 fails: TypeError: ",
    ),
    (
        f"{GENERATOR}def build(shape):\n    return 1\n",
        rf"^my_gan\.py:{BUILD}: the call with .* fails: TypeError: build\(\) got an unexpected keyword argument",
    ),
    (
        f"{GENERATOR}def build(shape, latent_dim):\n    return generator(shape, 100), nn.Sequential({LINEAR})\n",
        rf"^my_gan\.py:{BUILD}: the generator fails on inputs of shape \[4, 5\]: RuntimeError: mat1 and mat2 shapes",
    ),
    (
        f"{GENERATOR}def build(shape, latent_dim):\n    return generator((3, 8, 8), 5), nn.Sequential({LINEAR})\n",
        rf"^my_gan\.py:{BUILD}: the generator must map latents \[4, 5\] to a tensor of shape \[4, 1, 8, 8\], "
        r"got a tensor of shape \[4, 3, 8, 8\]: "
        r"channels = .colour. in \[data\] makes such images, or build it for `shape`$",
    ),
    (
        judged_by("nn.Conv2d(1, 1, 3)"),
        rf"^my_gan\.py:{BUILD}: the discriminator must give one logit per image, for 4 images a tensor of shape "
        r"\[4\] or \[4, 1\] or a pair \(logits, features\), got a tensor of shape \[4, 1, 6, 6\]: "
        r"its last convolution leaves a map of 6 x 6: .*$",
    ),
    (judged_by("nn.Flatten(0), nn.Linear(256, 1)"), r"got a tensor of shape \[1\]$"),
    (
        judged_by("nn.Flatten(), nn.Linear(64, 1), nn.Sigmoid()"),
        "must return logits, and its last layer is a sigmoid",
    ),
    (
        judged_by("nn.Flatten(), nn.Linear(64, 1), nn.Sigmoid(), nn.Flatten(0)"),
        "its last layer is a sigmoid",
    ),
    (
        judged_by("nn.Flatten(), nn.Linear(7, 1)"),
        r"the discriminator fails on inputs of shape \[4, 1, 8, 8\]: RuntimeError",
    ),
    (
        f"""{GENERATOR}
class Discriminate(nn.Module):
    def forward(self, images):
        return images.sum((1, 2, 3)), images.sum()

def build(shape, latent_dim):
    return generator(shape, latent_dim), Discriminate()
""",
        r"the discriminator's features must have shape \[4, F\] for 4 images, got a tensor of shape \[\]$",
    ),
    (
        f"""{GENERATOR}
class Discriminate(nn.Module):
    def forward(self, images):
        return images.view(64, -1).sum(1)

def build(shape, latent_dim):
    return generator(shape, latent_dim), Discriminate()
""",
        r"one logit per image, .*, got a tensor of shape \[64\]$",
    ),
    (
        f"""{GENERATOR}
class Discriminate(nn.Module):
    def forward(self, images):
        return images.view(60, -1).sum(1)

def build(shape, latent_dim):
    return generator(shape, latent_dim), Discriminate()
""",
        rf"^my_gan\.py:{BUILD + 3}: the discriminator fails on inputs of shape .*: shape '\[60, -1\]' is invalid",
    ),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_mistakes_are_told_with_file_and_line(own, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        built = own(text)
        built.generator()
        built.discriminator((1, 8, 8))


def test_options_that_the_function_does_not_know(own) -> None:
    with pytest.raises(
        ValueError,
        match=r"latent_dim=5, colour='red' fails: TypeError: .*unexpected keyword argument",
    ):
        own(judged_by(LINEAR), colour="red").generator()


@pytest.mark.parametrize("taken", ["shape", "latent_dim"])
def test_options_must_not_take_our_arguments(taken: str) -> None:
    with pytest.raises(ValueError, match=f"model.options must not hold {taken}"):
        OwnModel(name="my_gan.py:build", options={taken: 3})


def test_the_contracts_first_lines_say_what_they_want() -> None:
    for contract in (GanContract, DataContract):
        for name in contract_tests(contract):
            doc = getattr(contract, name).__doc__
            assert doc and len(doc.splitlines()) == 1, name

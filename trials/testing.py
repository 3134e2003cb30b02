"""Contract tests for the authors of "my_gan.py:build", "my_remedy.py:MyPenalty" and the like to inherit.

They find mistakes before a study does.

    from my_gan import build
    from ganstudy.trials.testing import DataContract, GanContract

    class TestMyGan(GanContract):
        build = staticmethod(build)
        shape = (1, 28, 28)
        latent_dim = 64
        options = {"width": 32}

    class TestMyData(DataContract):
        build = staticmethod(my_data.Dataset)
        options = {"folder": "pictures"}

    class TestMyPenalty(RemedyContract):
        remedy = MyPenalty
        options = {"weight": 3.0}

    class TestMyLoss(LossContract):
        loss = MyLoss

    class TestTv(MeasureContract):
        measure = staticmethod(tv)

Run them with pytest. The first line of a test is its requirement, and a failure says what to do
about it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganstudy.trials.config.data import DATA, PluginData
from ganstudy.trials.config.measures import OwnMeasure
from ganstudy.trials.config.plugins import register
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.plugin import plugin
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.streams import generator as stream
from ganstudy.trials.losses.own import declared_part
from ganstudy.trials.measures.own import declared_measure, scores_of, try_measure
from ganstudy.trials.networks.plugin import OwnBuild
from ganstudy.trials.training.own_parts import rehearse_own_parts

# Small, but more than one: batch normalisation needs several, and two seeds make an ensemble.
BATCH = 8
SEEDS = (0, 1)
TOLERANCE = 1e-4
"""Largest difference between a seed in an ensemble and alone, relative to the largest number
compared: float32 sums in another order."""


class GanContract:
    """Contract of a GAN's networks. Subclass it in a test file, under a name that begins with Test."""

    build: Callable[..., Any]
    """The function, as staticmethod(build)."""
    shape: tuple[int, ...]
    """Shape of one image [C, H, W] or point [D]."""
    latent_dim: int
    """Dimensions of z."""
    options: dict[str, Any] = {}
    """Further keyword arguments of the function."""
    runs_as_ensemble: bool = True
    """False if seeds may be trained one after the other, which is slower on a GPU."""

    def test_shapes(self) -> None:
        """Check that images have `shape`, and that the discriminator gives one logit for each."""
        for player, (build, inputs) in self._players().items():
            output = _first(build()(inputs))
            wanted = (BATCH, *self.shape) if player == "generator" else (BATCH,)
            assert output.shape == wanted, (
                f"{player}: its output must be {list(wanted)}, got {list(output.shape)}"
            )

    def test_gradients(self) -> None:
        """Every parameter has a finite gradient."""
        for player, (build, inputs) in self._players().items():
            network = _seeded(build, 0)
            parameters = dict(network.named_parameters())
            loss = _first(network(inputs)).square().sum()
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, gradients, strict=True):
                assert gradient is not None, (
                    f"{player}: {name} has no part in the output; leave it out"
                )
                assert torch.isfinite(gradient).all(), (
                    f"{player}: the gradient of {name} is not finite"
                )

    def test_seed(self) -> None:
        """Check that the seed alone decides the initial values and all that a network draws."""
        for player, (build, inputs) in self._players().items():
            first, again, other = (_seeded(build, seed) for seed in (0, 0, 1))
            for name, value in first.state_dict().items():
                assert torch.equal(value, again.state_dict()[name]), (
                    f"{player}: {name} differs between two calls under one seed; "
                    "draw it with torch's own functions"
                )
            pairs = zip(first.parameters(), other.parameters(), strict=True)
            assert not all(torch.equal(a, b) for a, b in pairs), (
                f"{player}: all seeds start from the same values"
            )
            outputs = [_first(_seeded(partial(network, inputs), 2)) for network in (first, again)]
            assert torch.equal(*outputs), (
                f"{player}: its outputs differ under one seed; draw with torch's own functions"
            )

    def test_ensemble(self) -> None:
        """Several seeds can be trained at once by torch.func.vmap, or a loop over them is accepted."""
        for player, ensemble in self._ensembles().items():
            assert ensemble.fallback is None or not self.runs_as_ensemble, (
                f"{player}: vmap cannot take it ({ensemble.fallback}), so seeds are trained one after "
                "the other; set runs_as_ensemble = False to accept that"
            )

    def test_ensemble_equals_alone(self) -> None:
        """Check that a seed's outputs and gradients are the same in an ensemble as alone."""
        players = self._players()
        for player, ensemble in self._ensembles().items():
            if ensemble.fallback is not None:
                continue  # a loop calls each network alone, so there is nothing to compare
            build, inputs = players[player]
            outputs = _first(ensemble(torch.stack([inputs] * len(SEEDS)), keep_buffers=True))
            stacked = torch.autograd.grad(
                outputs.square().sum(), list(ensemble.parameters.values())
            )
            for index in range(len(SEEDS)):
                network = build()
                network.load_state_dict(
                    {name: value[index] for name, value in ensemble.state().items()}
                )
                alone = _first(network(inputs))
                _assert_close(outputs[index], alone, f"{player}: output")
                gradients = torch.autograd.grad(alone.square().sum(), list(network.parameters()))
                # As one vector: gradients that are 0 by symmetry have no relative error of their own.
                _assert_close(
                    torch.cat([gradient[index].flatten() for gradient in stacked]),
                    torch.cat([gradient.flatten() for gradient in gradients]),
                    f"{player}: gradient",
                )

    def _players(self) -> dict[str, tuple[Callable[[], nn.Module], Tensor]]:
        """Return for each player a function that builds its network, and inputs of it."""
        build = type(self).build
        own = OwnBuild(
            build, Path(inspect.getsourcefile(build) or "your file"), self.latent_dim, self.options
        )
        latents = torch.randn(BATCH, self.latent_dim, generator=stream(0, "contract", "latents"))
        images = 2 * torch.rand(BATCH, *self.shape, generator=stream(0, "contract", "images")) - 1
        return {
            "generator": (lambda: own.generator(self.shape), latents),
            "discriminator": (lambda: own.discriminator(self.shape), images),
        }

    def _ensembles(self) -> dict[str, SeedEnsemble]:
        return {
            player: SeedEnsemble(build, SEEDS, player, torch.device("cpu"), inputs)
            for player, (build, inputs) in self._players().items()
        }


class DataContract:
    """Contract of a data set. Subclass it in a test file, under a name that begins with Test."""

    build: Callable[..., Any]
    """The class or function of the file, as staticmethod(Dataset)."""
    options: dict[str, Any] = {}
    """Its keyword arguments."""
    settings: dict[str, Any] = {}
    """Other keys of the study file's [data]: size, crop, channels, held_out, limit."""

    def test_loads(self) -> None:
        """Check that the data load, and can be trained on and measured against."""
        assert len(self._loaded().train) >= 2

    def test_same_twice(self) -> None:
        """Every process reads the same data in the same order."""
        first, again = self._loaded(), self._loaded()
        assert first.digest == again.digest, (
            "two loads give different data; draw with torch, numpy or random alone"
        )

    def test_held_out(self) -> None:
        """No held-out image is among those to train on."""
        data = self._loaded()
        # By bytes: what is the same image counts, however it came to be in both.
        trained_on = {image.numpy().tobytes() for image in data.train}
        copies = sum(image.numpy().tobytes() in trained_on for image in data.held_out)
        assert copies == 0, (
            f"{copies} of {len(data.held_out)} held-out images are trained on too; "
            "leave duplicates out"
        )

    def test_classes(self) -> None:
        """Every class, where there are any, has images to train on and held-out ones."""
        data = self._loaded()
        if data.train_labels is None or data.held_out_labels is None:
            return
        names = data.mode_names or []
        for split, labels in (("training", data.train_labels), ("held-out", data.held_out_labels)):
            missing = [
                name for index, name in enumerate(names) if not bool((labels == index).any())
            ]
            assert not missing, f"no {split} images of {', '.join(missing)}"

    def _loaded(self) -> Dataset:
        build = type(self).build
        file = Path(inspect.getfile(build))
        name = f"{file.name}:{build.__name__}"
        return plugin(
            PluginData(name=name, digest=register(file), options=self.options, **self.settings)
        )


class _OwnPartContract:
    """What the contracts of a loss and of a remedy have in common."""

    options: dict[str, Any] = {}
    """Options other than their defaults."""
    data: str = "ring"
    """Data set to train on: "ring" has points, "digits" images."""
    settings: dict[str, Any] = {}
    """Other settings of the training, such as {"loss": "hinge", "batch_size": 32}."""

    def test_terms(self) -> None:
        """Check that hooks give finite numbers and gradients, one number per seed of a pack."""
        rehearse_own_parts(self._config(), self._dataset(), whole=False)

    def test_alone_as_in_a_pack_and_after_a_resume(self) -> None:
        """Check that a seed trains in a pack as it does alone, and from a checkpoint as straight on."""
        rehearse_own_parts(self._config(), self._dataset(), whole=True)

    def _config(self) -> TrialConfig:
        made = getattr(type(self), "remedy", None) or type(self).loss  # type: ignore[attr-defined]
        file = Path(inspect.getfile(made))
        part = declared_part(f"{file.name}:{made.__name__}", register(file))
        values: dict[str, Any] = {
            "own": {part.name: part},
            "data": {"name": self.data},
            "model": {"name": "mlp", "latent_dim": 4, "width": 8},
            "batch_size": 8,
            "seeds": SEEDS,
            "budget": {"unit": "generator_steps", "amount": 100},
        }
        if part.kind == "loss":
            values |= {"loss": part.name, "loss_options": self.options}
        else:
            values |= {"remedies": [part.name], "remedy_options": {part.name: self.options}}
        return TrialConfig(**(values | self.settings))

    def _dataset(self) -> Dataset:
        return load(DATA[self.data](name=self.data))


class RemedyContract(_OwnPartContract):
    """Contract of a remedy. Subclass it in a test file, under a name that begins with Test."""

    remedy: type
    """The class."""


class LossContract(_OwnPartContract):
    """Contract of a loss. Subclass it in a test file, under a name that begins with Test."""

    loss: type
    """The class."""


class MeasureContract:
    """Contract of a measure. Subclass it in a test file, under a name that begins with Test."""

    measure: Callable[..., Any]
    """The function, as staticmethod(tv)."""
    data: str = "ring"
    """Data set to measure: "ring" has points, "digits" images."""

    def test_number(self) -> None:
        """Check that it gives one finite number, the same twice, and leaves the samples as they are."""
        try_measure(self._declared(), load(DATA[self.data](name=self.data)))

    def test_direction(self) -> None:
        """Check that real samples score better than noise, in the direction that is declared."""
        own, data = self._declared(), load(DATA[self.data](name=self.data))
        noise = 2 * torch.rand(BATCH * BATCH, *data.shape, generator=stream(0, "contract")) - 1
        real, drawn = scores_of(own, data, [data.train[: len(noise)], noise])
        assert own.direction == "none" or (real < drawn) == (own.direction == "down"), (
            f"real samples score {real:g} and noise {drawn:g}: declare the other direction"
        )

    def _declared(self) -> OwnMeasure:
        function = type(self).measure
        file = Path(inspect.getfile(function))
        return declared_measure(f"{file.name}:{function.__name__}", register(file))


def _seeded(call: Callable[[], Any], seed: int) -> Any:
    """Return call() under the random seed, with torch's state restored."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return call()


def _first(output: Any) -> Tensor:
    """Return the images of a generator's output, or the logits of a discriminator's."""
    tensor: Tensor = output[0] if isinstance(output, tuple) else output
    return tensor


def _assert_close(together: Tensor, alone: Tensor, what: str) -> None:
    difference = float(((together - alone).abs().max() / alone.abs().max()).detach())
    assert difference <= TOLERANCE, (
        f"{what} in an ensemble differs from that alone by {difference:.1e} of the largest number"
    )

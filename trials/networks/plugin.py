"""A user's own networks: "my_gan.py:build", called as build(shape=..., latent_dim=..., **options).

It returns two ordinary torch modules, (generator, discriminator) or a dict with these keys:

    generator      z [B, latent_dim] -> images or points [B, *shape]; images lie in [-1, 1]
    discriminator  images or points [B, *shape] -> logits [B] or [B, 1], or (logits, features [B, ...])

It is called once per player and seed, under that player's and seed's random stream, and one player
of each call is used: the generator's initial values do not depend on the discriminator's. Where
packing shows the discriminator m images at once, the call for the discriminator has a shape of m C
channels (or m D coordinates). A discriminator that returns logits alone gives as features what its
last linear or convolutional layer reads, flattened, where that layer gives one number per image; one
that ends otherwise has none. Both networks are tried on a few inputs
as they are built, and errors name the file and line. trials/gan/own_networks.py compares them with
what trains.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.plugins import described, load, source, where
from ganstudy.trials.ensemble.streams import generator as stream
from ganstudy.trials.ensemble.structure import copied
from ganstudy.trials.networks.base import Discriminator, Networks
from ganstudy.trials.networks.cures import map_of_logits, missing_reshape, other_size, too_small
from ganstudy.trials.networks.reach import stays_in_unit_interval
from ganstudy.trials.networks.registration import (
    check_registration,
    line_of_attribute,
    materialised,
    shared_by_players,
)

NUM_TRIED = 4
"""Inputs on which networks are tried; batch normalisation needs more than one."""
WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers whose inputs are features, where they give the logit."""


def plugin(options: OwnModel, shape: tuple[int, ...], bounded: bool) -> Networks:
    """Return the networks of the user's function.

    shape: of one image [C, H, W] or point [D]. bounded: whether the data lie in [-1, 1]; that the
    generator's output does too is left to the user. Raises ValueError, now and from the two
    builders, with the user's file and line, where the function or its networks do not keep to the
    module's rules.
    """
    build = OwnBuild(
        load(options.name, options.digest),
        source(options.digest, options.name),
        options.latent_dim,
        options.options,
    )
    return Networks(partial(build.generator, shape), build.discriminator, build.line_of)


class OwnBuild:
    """A user's function, and all that its calls need.

    file: where the function is defined. options: further keyword arguments.
    """

    def __init__(
        self, build: Callable[..., Any], file: Path, latent_dim: int, options: dict[str, Any]
    ) -> None:
        self._build = build
        self._file = file
        self._latent_dim = latent_dim
        self._options = options
        try:
            self._definition = f"{file.name}:{inspect.getsourcelines(build)[1]}"
        except (OSError, TypeError):  # a callable object has no source of its own
            self._definition = file.name

    def generator(self, shape: tuple[int, ...]) -> nn.Module:
        """Return a new generator of images or points of `shape`, tried on a few latents."""
        latents = torch.randn(NUM_TRIED, self._latent_dim, generator=stream(0, "tried", "latents"))
        network = self._registered(0, shape, latents)
        # On a copy, since running statistics would move.
        images = self._outputs("generator", self._copied("generator", network), latents)
        if not isinstance(images, Tensor) or images.shape != (NUM_TRIED, *shape):
            raise ValueError(
                f"{self._definition}: the generator must map latents {list(latents.shape)} to a "
                f"tensor of shape {[NUM_TRIED, *shape]}, got {_describe(images)}"
                f"{other_size(images, shape)}"
            )
        return network

    def discriminator(self, shape: tuple[int, ...]) -> Discriminator:
        """Return a new discriminator of inputs of `shape`, tried on a few, in our contract."""
        images = 2 * torch.rand(NUM_TRIED, *shape, generator=stream(0, "tried", "images")) - 1
        network = self._registered(1, shape, images)
        # A copy for the trial call: the hooks stay on it, and its running statistics move.
        tried = self._copied("discriminator", network)
        watch = _LayerWatch(tried)
        outputs = self._outputs("discriminator", tried, images)
        logits, features = outputs if _is_pair(outputs) else (outputs, None)
        if (
            not isinstance(logits, Tensor)
            or logits.shape[:1] != (NUM_TRIED,)
            or logits.numel() != NUM_TRIED
        ):
            raise ValueError(
                f"{self._definition}: the discriminator must give one logit per image, "
                f"for {NUM_TRIED} images a tensor of shape [{NUM_TRIED}] or [{NUM_TRIED}, 1] "
                f"or a pair (logits, features), got {_describe(outputs)}{map_of_logits(logits)}"
            )
        if watch.made_by_sigmoid(logits):
            raise ValueError(
                f"{self._definition}: the discriminator must return logits, "
                "and its last layer is a sigmoid: leave that out"
            )
        if stays_in_unit_interval(network, images):
            raise ValueError(
                f"{self._definition}: the discriminator must return logits, and its outputs stay "
                "in [0, 1] whatever the images and the weights, as those of a sigmoid do: leave "
                "that out"
            )
        if features is None:
            return OwnDiscriminator(network, watch.last_layer, watch.num_features)
        if not isinstance(features, Tensor) or features.shape[:1] != (NUM_TRIED,):
            raise ValueError(
                f"{self._definition}: the discriminator's features must have shape "
                f"[{NUM_TRIED}, F] for {NUM_TRIED} images, got {_describe(features)}"
            )
        return OwnDiscriminator(network, None, features[0].numel())

    def _registered(self, player: int, shape: tuple[int, ...], inputs: Tensor) -> nn.Module:
        """Return one of the two networks of a call, whose parameters and buffers torch knows."""
        players = self._built(shape)
        name = ("generator", "discriminator")[player]
        shared = shared_by_players(*players)
        if shared is not None:
            raise ValueError(
                f"{self._definition}: generator and discriminator must share no parameter, and "
                f"they share {shared}: each is built from a call of its own, so that each would "
                "train its own copy"
            )
        network = players[player]
        check_registration(name, network, self._file, self._definition)
        try:
            return materialised(network, inputs)
        except Exception as error:
            raise self._failure(name, inputs, error, network) from error

    def _copied(self, player: str, network: nn.Module) -> nn.Module:
        try:
            return copied(network)
        except Exception as error:
            raise ValueError(
                f"{self._line(error)}: the {player} must be a network that copy.deepcopy can copy, "
                f"and that fails: {described(error)}"
            ) from error

    def _built(self, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
        arguments = {"shape": shape, "latent_dim": self._latent_dim, **self._options}
        try:
            players = self._build(**arguments)
        except Exception as error:
            call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
            raise ValueError(
                f"{self._line(error)}: the call with {call} fails: {described(error)}"
            ) from error
        if isinstance(players, dict) and players.keys() == {"generator", "discriminator"}:
            players = players["generator"], players["discriminator"]
        if not _is_pair(players) or not all(isinstance(player, nn.Module) for player in players):
            raise ValueError(
                f"{self._definition}: the function must return two torch modules, (generator, "
                f"discriminator), got {_describe(players)}"
            )
        for player, network in zip(("generator", "discriminator"), players, strict=True):
            self._refuse_complex(player, network)
        return players[0], players[1]

    def _refuse_complex(self, player: str, network: nn.Module) -> None:
        # Norms of gradients, penalties on weights and the fused optimiser are those of real numbers.
        for name, parameter in network.named_parameters():
            if parameter.is_complex():
                raise ValueError(
                    f"{self._definition}: the {player}'s parameter {name} is {parameter.dtype}, and "
                    "parameters must be real: keep its real and imaginary parts in one real "
                    "parameter [..., 2] and read it by torch.view_as_complex"
                )

    def _outputs(self, player: str, network: nn.Module, inputs: Tensor) -> Any:
        try:
            with torch.no_grad():
                return network(inputs)
        except Exception as error:
            raise self._failure(player, inputs, error, network) from error

    def _failure(
        self, player: str, inputs: Tensor, error: Exception, network: nn.Module
    ) -> ValueError:
        hint = (
            missing_reshape(network, inputs) if player == "generator" else too_small(error, inputs)
        )
        return ValueError(
            f"{self._line(error)}: the {player} fails on inputs of shape {list(inputs.shape)}: "
            f"{described(error)}{hint}"
        )

    def line_of(self, paths: Sequence[str]) -> str:
        """Return FILE:LINE where the file assigns what a network holds at one of `paths`.

        It is the function's own where the file does not.
        """
        return line_of_attribute(self._file, paths) or self._definition

    def _line(self, error: Exception) -> str:
        """Return the line of the user's file in which `error` arose.

        The function's own line where it arose in torch alone.
        """
        line = where(error, self._file)
        return self._definition if line == self._file.name else line


class OwnDiscriminator(Discriminator):
    """User's discriminator in our contract: logits flattened, features found."""

    def __init__(
        self, network: nn.Module, last_layer: str | None, num_features: int | None
    ) -> None:
        """Wrap the user's `network`.

        last_layer: the name of the layer in `network` that reads the features; None where
        `network` returns them itself or has none.
        """
        super().__init__()
        self.network = network
        self.num_features = num_features
        self._last_layer = last_layer

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (logits [B], features [B, F])."""
        if self._last_layer is None:
            outputs = self.network(images)
            logits, features = (
                outputs if _is_pair(outputs) else (outputs, outputs.new_zeros(images.shape[0], 0))
            )
            return logits.flatten(), features.flatten(1)
        features_read: list[Tensor] = []

        def remember(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            features_read.append(inputs[0])

        # The hook lasts for this call alone: a lasting one would tie every copy of this module to
        # this one.
        with self.network.get_submodule(self._last_layer).register_forward_pre_hook(remember):
            logits = self.network(images)
        # The latest call, as the layer may be used more than once in a pass.
        return logits.flatten(), features_read[-1].flatten(1)


class _LayerWatch:
    """Hooks that record what the layers of a network do in its next call."""

    def __init__(self, network: nn.Module) -> None:
        self.last_layer: str | None = None
        self.num_features: int | None = None
        self._sigmoids: list[Tensor] = []
        for name, layer in network.named_modules():
            if isinstance(layer, WEIGHTED):
                layer.register_forward_hook(partial(self._weighted, name))
            elif isinstance(layer, nn.Sigmoid):
                layer.register_forward_hook(
                    lambda _layer, _inputs, output: self._sigmoids.append(output)
                )

    def _weighted(
        self, name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor
    ) -> None:
        # A layer with more than one output per image is an inner one, of a network that ends in
        # something else. A linear layer on more than two axes repeats itself over places.
        axes = 2 if isinstance(layer, nn.Linear) else output.dim()
        gives_logits = inputs[0].dim() == axes and output.shape == (NUM_TRIED, *[1] * (axes - 1))
        self.last_layer = name if gives_logits else None
        self.num_features = inputs[0][0].numel() if gives_logits else None

    def made_by_sigmoid(self, logits: Tensor) -> bool:
        """Return whether the logits are the output of a sigmoid layer."""
        return any(torch.equal(output.flatten(), logits.flatten()) for output in self._sigmoids)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def _describe(value: Any) -> str:
    """Return a description of `value` for messages."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of ({', '.join(_describe(part) for part in value)})"
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(str, value)) or 'none'}"
    return type(value).__name__

"""Export of trained generators: from a checkpoint to what trials/export/standalone.py loads.

The layers are described one by one instead of by torch.export, whose files are unpickled when they
are loaded: a generator from somebody else could then run code.

What a remedy builds into a generator goes along: averages (generator_ema) are the weights, spectral
normalisation is divided into them, and virtual batch normalisation keeps its reference.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.plugins import folder_of, source, split
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.export.standalone import CODE
from ganstudy.trials.gan.trainer_protocol import make_trainer
from ganstudy.trials.networks.resnet import GeneratorBlock
from ganstudy.trials.networks.same_padding import Crop
from ganstudy.trials.remedies.spectral_normalisation import SpectralQuotient
from ganstudy.trials.remedies.virtual_batch_normalisation import (
    ReferencedGenerator,
    VirtualBatchNorm,
)
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.training.seed_shards import SeedShard, read_shards
from ganstudy.trials.training.trial_state import tensors_below

ARGUMENTS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    nn.Conv2d: ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    nn.ConvTranspose2d: ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    nn.BatchNorm1d: ("num_features", "eps", "momentum"),
    nn.BatchNorm2d: ("num_features", "eps", "momentum"),
    nn.ReLU: (),
    nn.Tanh: (),
    nn.Upsample: ("scale_factor",),
    nn.Unflatten: ("dim", "unflattened_size"),
    Crop: ("height", "width"),
}
"""Arguments of the layers of which trials/networks/ builds generators."""


@dataclass(frozen=True)
class OwnGenerator:
    """A function in a user's own file that builds a generator."""

    file: str
    """Its name, or its path in the folder of `files`."""
    function: str
    digest: str
    arguments: JsonObject
    files: dict[str, str] | None = None
    """Digests by path of a folder of code that the file lies in; None of a file by itself."""


@dataclass(frozen=True)
class GeneratorDescription:
    """How a generator is built: from layers of ours, or by a user's own function."""

    layers: list[Any] | None = None
    """See `description`."""
    own: OwnGenerator | None = None
    num_reference: int | None = None
    """Latents of the reference batch, of a generator with virtual batch normalisation."""

    def to_json(self) -> JsonObject:
        """Return the part `generator` of config.json."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class TrainedGenerators:
    """The generators of one trial."""

    weights: dict[int, dict[str, Tensor]]
    """By seed, as trials/export/standalone.py reads them."""
    described: GeneratorDescription
    own_files: dict[str, bytes]
    """The user's own files that build them, if any, by path beside the weights."""


def trained_generators(
    folder: Path, config: TrialConfig, shape: tuple[int, ...], bounded: bool
) -> TrainedGenerators:
    """Return the generators that the trial's samples were drawn from.

    folder: of its checkpoints, of which the newest undamaged one is read. shape: of one sample.
    Raise ValueError where there is no checkpoint, or it is of another configuration.
    """
    if config.function is not None:
        raise ValueError(
            "its networks are those of a training function, which alone can build them; the newest "
            f"safetensors file in {folder} holds what run.keep named, as SEED/kept.NAME.PARAMETER"
        )
    found = read_shards(folder, config)
    if found is None:
        raise ValueError(f"there is no undamaged checkpoint in {folder}")
    weights: dict[int, dict[str, Tensor]] = {}
    network: nn.Module | None = None
    for part in found[0]:
        for seed, network in _networks(part, shape, bounded):
            weights[seed] = _weights(network)
    assert network is not None  # a trial has one seed at least
    num_reference = None
    if isinstance(network, ReferencedGenerator):
        num_reference = len(network.reference)
        network = network.network
    model = config.model
    if not isinstance(model, OwnModel):
        described = GeneratorDescription(description(network), None, num_reference)
        return TrainedGenerators(weights, described, {})
    file, function = split(model.name)
    arguments = {"shape": list(shape), "latent_dim": model.latent_dim, **model.options}
    code = folder_of(model.digest)
    if code is None:
        own = OwnGenerator(Path(file).name, function, model.digest, arguments)
        files = {Path(file).name: source(model.digest, model.name).read_bytes()}
    else:
        own = OwnGenerator(file, function, model.digest, arguments, code.manifest)
        files = {f"{CODE}/{name}": content for name, content in code.files.items()}
    return TrainedGenerators(weights, GeneratorDescription(None, own, num_reference), files)


def _networks(
    part: SeedShard, shape: tuple[int, ...], bounded: bool
) -> list[tuple[int, nn.Module]]:
    """Return (seed, its generator as samples are drawn from it) for the seeds of a shard."""
    config = part.config
    # On the CPU, wherever it was trained: the files are to load on any machine.
    players = make_trainer(config, shape, bounded, torch.device("cpu"))
    ensemble = players.players["generator"]
    ensemble.load_state(tensors_below(part.tensors, "generator."))
    states = []
    for name, remedy in zip(config.remedies, players.remedies, strict=True):
        remedy.load_state(tensors_below(part.tensors, f"remedy.{name}."))
        states.append(remedy.sampling_state(ensemble))
    # Averages (generator_ema), where there are any, are what samples are drawn from.
    parameters, buffers = next(
        (s for s in states if s is not None), (ensemble.parameters, ensemble.buffers)
    )
    found = []
    for index, seed in enumerate(config.seeds):
        network = ensemble.alone(
            {name: value[index].detach() for name, value in {**parameters, **buffers}.items()}
        )
        found.append((seed, network))
    return found


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers by name.

    Of what the remedy spectral_normalisation parametrised, the result alone. What a user
    parametrised keeps its own names.
    """
    # Not state_dict(), which leaves out buffers that are not persistent: what the user's function
    # draws into them when a copy is loaded would be other numbers.
    weights: dict[str, Tensor] = {
        **dict(network.named_parameters(remove_duplicate=False)),
        **dict(network.named_buffers(remove_duplicate=False)),
    }
    for name, module in network.named_modules(remove_duplicate=False):
        if not isinstance(module, parametrize.ParametrizationList):
            continue
        if not any(isinstance(part, SpectralQuotient) for part in module):
            continue
        # u, v and the raw weight go, since plain torch without our classes could not read them.
        weights = {key: value for key, value in weights.items() if not key.startswith(f"{name}.")}
        owner, _, tensor = name.rpartition("parametrizations.")
        weights[owner + tensor] = module()
    # safetensors refuses tensors that share memory or are not contiguous.
    return {name: value.detach().clone().contiguous() for name, value in weights.items()}


def description(network: nn.Module) -> list[Any]:
    """Return the description that trials/export/standalone.py builds an equal network from.

    Raise ValueError for a layer that it does not know.
    """
    if isinstance(network, nn.Sequential):
        return ["Sequential", [description(layer) for layer in network]]
    if isinstance(network, GeneratorBlock):
        return ["Residual", [description(network.residual), description(network.shortcut)]]
    if isinstance(network, VirtualBatchNorm):
        # Described as the layer that it replaced, since load() replaces all of them again. Batch
        # normalisation in trials/networks/ has a scale and a shift.
        assert network.weight is not None
        return ["BatchNorm1d", {"num_features": len(network.weight), "eps": network.eps}]
    # Not by type(): a parametrised layer is of a class of its own.
    kind = next((kind for kind in ARGUMENTS if isinstance(network, kind)), None)
    if kind is None:
        raise ValueError(f"a generator with a layer {type(network).__name__} cannot be described")
    arguments = {name: getattr(network, name) for name in ARGUMENTS[kind]}
    if isinstance(network, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        arguments["bias"] = network.bias is not None
    return [
        kind.__name__,
        {n: list(v) if isinstance(v, tuple) else v for n, v in arguments.items()},
    ]

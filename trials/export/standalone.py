"""Load and sample a generator that `ganstudy best --export` wrote.

Needs torch, safetensors and Pillow, not ganstudy.

    from model import load, sample, picture

    network = load()                     the generator as a torch module, in evaluation mode: latents [N, Z] -> samples
    images = sample(64, seed=0)          64 samples: images [64, C, H, W] in [-1, 1], or points [64, D]
    picture(images).save("grid.png")

config.json beside this file describes the generator, generator-seed-S.safetensors hold its weights,
one file for each seed of the training. If the generator is somebody's own code, load() imports that
from this folder: read it first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

HERE = Path(__file__).parent
CODE = "code"
"""Folder beside this file, of an author's own files that import one another."""
CHUNK = 256
"""Samples drawn at once."""
IMPORT_SEED = 8138230066443293779
"""Under which the training imported its author's own file."""
PANEL, SEAM, MIN_TILE = 480, 2, 32
"""In pixels: side of a picture of points, space between two images, least side of an image."""


class Residual(nn.Module):
    """Sum of a residual branch and a shortcut of maps [B, C, H, W]."""

    def __init__(self, residual: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, maps: Tensor) -> Tensor:
        """Return the sum, of the shape that both branches give."""
        changed: Tensor = self.residual(maps) + self.shortcut(maps)
        return changed


class Crop(nn.Module):
    """The first rows and columns of images: [B, C, >= H, >= W] -> [B, C, H, W]."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, images: Tensor) -> Tensor:
        """Return the images without their last rows and columns."""
        return images[..., : self.height, : self.width]


class VirtualBatchNorm(nn.Module):
    """Virtual batch normalisation (Salimans et al. 2016, sec. 3.5).

    Each sample is normalised by the statistics of reference samples and itself.

    [R + N, C, ...] -> the same shape; the first R are the reference. weight and bias may be None.
    """

    def __init__(self, plain: nn.BatchNorm1d | nn.BatchNorm2d, num_reference: int) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = plain.weight, plain.bias, plain.eps
        self.num_reference = num_reference

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the inputs normalised, reference included."""
        flat = inputs.flatten(2) if inputs.dim() > 2 else inputs.unsqueeze(-1)
        reference, images = flat[: self.num_reference], flat[self.num_reference :]
        var_r, mean_r = torch.var_mean(reference, (0, 2), correction=0, keepdim=True)
        var_x, mean_x = torch.zeros_like(images), images
        if inputs.dim() > 2:
            var_x, mean_x = torch.var_mean(images, 2, correction=0, keepdim=True)
        share = 1 / (self.num_reference + 1)
        offset = mean_x - mean_r
        mean = torch.cat([mean_r.expand_as(reference[:, :, :1]), mean_r + share * offset])
        var = (1 - share) * var_r + share * var_x + share * (1 - share) * offset.square()
        var = torch.cat([var_r.expand_as(reference[:, :, :1]), var])
        normalised = (flat - mean) * torch.rsqrt(var + self.eps)
        if self.weight is not None:
            normalised = normalised * self.weight[:, None] + self.bias[:, None]
        return normalised.view_as(inputs)


class Referenced(nn.Module):
    """Generator with virtual batch normalisation.

    Reference latents [R, Z] go along with every batch.
    """

    reference: Tensor

    def __init__(self, network: nn.Module, reference: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("reference", reference)

    def forward(self, latents: Tensor) -> Tensor:
        """Return samples [N, ...] of latents [N, Z]."""
        images: Tensor = self.network(torch.cat([self.reference, latents]))
        return images[len(self.reference) :]


LAYERS: dict[str, type[nn.Module]] = {
    kind.__name__: kind
    for kind in (
        *(nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm1d, nn.BatchNorm2d),
        *(nn.ReLU, nn.Tanh, nn.Upsample, nn.Unflatten, Crop),
    )
}
"""Layers that config.json may name, beside Sequential and Residual; nothing else is built."""


def build(described: Any) -> nn.Module:
    """Return the module that a part of config.json describes.

    A part is [kind, arguments], or [kind, parts] for Sequential and Residual.
    """
    kind, content = described
    if kind == "Sequential":
        return nn.Sequential(*map(build, content))
    if kind == "Residual":
        return Residual(*map(build, content))
    if kind not in LAYERS:
        raise ValueError(
            f"unknown layer {kind!r}; known: {', '.join([*LAYERS, 'Sequential', 'Residual'])}"
        )
    arguments = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    return LAYERS[kind](**arguments)


def load(seed: int | None = None, folder: Path = HERE) -> nn.Module:
    """Return the generator that was trained on `seed`, in evaluation mode, on the CPU.

    Without a seed it is the median seed's.

    Raise ValueError where the folder does not contain what config.json says.
    """
    config = settings(folder)
    seed = config["default_seed"] if seed is None else seed
    if seed not in config["seeds"]:
        raise ValueError(
            f"there is no generator of seed {seed}; "
            f"there are: {', '.join(map(str, config['seeds']))}"
        )
    generator = config["generator"]
    network = _own(generator["own"], folder) if "own" in generator else build(generator["layers"])
    weights = load_file(folder / f"generator-seed-{seed}.safetensors")
    num_reference = generator.get("num_reference")
    if num_reference is not None:
        refer(network, num_reference)
        # Zeros for the shape: the reference itself comes with the weights.
        network = Referenced(network, torch.zeros(num_reference, config["latent_dim"]))
    try:
        fill(network, weights)
    except RuntimeError as error:
        raise ValueError(f"the weights of seed {seed} do not fit config.json: {error}") from None
    return network.eval()


@torch.no_grad()
def fill(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy `weights` into the parameters and buffers of the same names.

    Not by load_state_dict, which does not know of buffers that are not persistent: a drawn one would
    be another than the trained network's. Raise RuntimeError where names or shapes differ.
    """
    own: dict[str, Tensor] = {
        **dict(network.named_parameters(remove_duplicate=False)),
        **dict(network.named_buffers(remove_duplicate=False)),
    }
    missing, unexpected = network.state_dict().keys() - weights, weights.keys() - own
    if missing or unexpected:
        raise RuntimeError(f"missing: {sorted(missing)}, unexpected: {sorted(unexpected)}")
    for name, value in weights.items():
        if own[name].shape != value.shape:
            raise RuntimeError(f"{name} is {list(value.shape)}, not {list(own[name].shape)}")
        own[name].copy_(value)
    # One tensor under two names, of which spectral normalisation divided one: two from now on.
    for name, value in weights.items():
        if not torch.equal(own[name], value):
            owner, _, last = name.rpartition(".")
            kept = nn.Parameter(value) if isinstance(own[name], nn.Parameter) else value
            setattr(network.get_submodule(owner), last, kept)


def settings(folder: Path = HERE) -> dict[str, Any]:
    """Return the content of config.json."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def refer(network: nn.Module, num_reference: int) -> None:
    """Replace every batch normalisation below `network` by VirtualBatchNorm."""
    replaced: dict[nn.Module, VirtualBatchNorm] = {}
    for module in list(network.modules()):
        # Not by named_children, which gives a layer that is registered twice only once.
        for name, child in module._modules.items():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                if child not in replaced:
                    replaced[child] = VirtualBatchNorm(child, num_reference)
                setattr(module, name, replaced[child])


def _own(own: dict[str, Any], folder: Path) -> nn.Module:
    """Return the generator that the author's own function builds, from the code beside this file."""
    # Files that import one another lie in a folder of their own.
    files = own.get("files") or {}
    base = folder / CODE if files else folder
    for name, expected in (files or {Path(own["file"]).name: own["digest"]}).items():
        digest = hashlib.blake2b((base / name).read_bytes(), digest_size=8).hexdigest()
        # Before the import below, which runs the file.
        if digest != expected:
            raise ValueError(
                f"{name} is not the file that was exported: its digest is {digest}, not {expected}"
            )
    with _neighbours(base, {name.split("/")[0].removesuffix(".py") for name in files}):
        # Under the seed of the training, so that what the file draws on import is the same.
        python_state, numpy_state = random.getstate(), np.random.get_state()
        with torch.random.fork_rng(devices=[]):
            random.seed(IMPORT_SEED)
            np.random.seed(IMPORT_SEED % 2**32)
            torch.manual_seed(IMPORT_SEED)
            module = _imported(base, own["file"], bool(files))
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        players = getattr(module, own["function"])(
            **{**own["arguments"], "shape": tuple(own["arguments"]["shape"])}
        )
    network: nn.Module = players["generator"] if isinstance(players, dict) else players[0]
    if any(is_lazy(value) for value in network.parameters()):
        with torch.no_grad():
            network.eval()(torch.zeros(2, own["arguments"]["latent_dim"]))
    return network


def _imported(base: Path, file: str, in_folder: bool) -> ModuleType:
    if in_folder:
        return importlib.import_module(file.removesuffix(".py").replace("/", "."))
    path = base / Path(file).name
    spec = importlib.util.spec_from_file_location(f"own_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _neighbours(base: Path, names: set[str]) -> Iterator[None]:
    """Context manager in which the modules of `names` are those of `base`, and no others."""
    if not names:
        yield
        return
    kept = _taken(names)
    sys.path.insert(0, str(base))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(base))
        _taken(names)
        sys.modules.update(kept)


def _taken(names: set[str]) -> dict[str, ModuleType]:
    """Take the modules with a first name among `names` out of those that Python knows."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}


def latents(number: int, seed: int, config: dict[str, Any]) -> Tensor:
    """Return latents [number, Z], the same for equal seeds."""
    stream = torch.Generator().manual_seed(seed)
    if config["latent"] == "normal":
        return torch.randn(number, config["latent_dim"], generator=stream)
    return 2 * torch.rand(number, config["latent_dim"], generator=stream) - 1


@torch.no_grad()
def sample(
    number: int, seed: int = 0, trained_on: int | None = None, folder: Path = HERE
) -> Tensor:
    """Return samples [number, ...] by the generator of the training seed `trained_on`.

    Latents are drawn from the random `seed`.
    """
    network = load(trained_on, folder)
    # All at once, then in parts: the samples do not depend on CHUNK.
    drawn = latents(number, seed, settings(folder))
    return torch.cat([network(part) for part in drawn.split(CHUNK)])


def picture(samples: Tensor, reach: float | None = None) -> Image.Image:
    """Draw all samples as one picture.

    That is images side by side, or points in the plane up to +-reach in either direction.

    samples: images [N, C, H, W] in [-1, 1], or points [N, D], of which the first two coordinates
    are drawn.
    """
    return _points(samples, reach) if samples.dim() == 2 else _images(samples)


def _images(images: Tensor) -> Image.Image:
    number, channels, height, width = images.shape
    columns, larger = math.ceil(math.sqrt(number)), max(1, math.ceil(MIN_TILE / max(height, width)))
    pitch_x, pitch_y = larger * width + SEAM, larger * height + SEAM
    whole = Image.new(
        "RGB", (columns * pitch_x - SEAM, math.ceil(number / columns) * pitch_y - SEAM), "white"
    )
    grey = images.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    colours = grey if channels == 3 else grey[:, :1].expand(-1, 3, -1, -1)
    for index, image in enumerate(colours.permute(0, 2, 3, 1).contiguous().numpy()):
        row, column = divmod(index, columns)
        tile = Image.fromarray(image).resize(
            (larger * width, larger * height), Image.Resampling.NEAREST
        )
        whole.paste(tile, (column * pitch_x, row * pitch_y))
    return whole


def _points(points: Tensor, reach: float | None) -> Image.Image:
    flat = (
        points[:, :2]
        if points.shape[1] > 1
        else torch.cat([points, torch.zeros_like(points)], dim=1)
    )
    reach = reach or 1.1 * float(flat.abs().max()) or 1.0
    whole = Image.new("RGB", (PANEL, PANEL), (247, 247, 247))
    pixels = torch.stack([flat[:, 0] / reach + 1, 1 - flat[:, 1] / reach], 1) * (PANEL / 2)
    for x, y in pixels[((pixels >= 0) & (pixels < PANEL)).all(1)].int().tolist():
        whole.paste((30, 70, 140), (x, y, min(x + 2, PANEL), min(y + 2, PANEL)))
    return whole

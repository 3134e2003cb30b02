"""The samples of an evaluation: from a sampler and the study's fixed latents, or given as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from ganstudy.trials.config.data import Images
from ganstudy.trials.config.global_streams import kept_streams, seed_all
from ganstudy.trials.data.images import read_pictures
from ganstudy.trials.ensemble.streams import LatentKind, derive, fixed_latents
from ganstudy.trials.training.functions.inputs import TrainingData, as_images
from ganstudy.trials.training.sample_grid import shown_latents

AT_ONCE = 64
"""Samples that are asked for at a time, as of a batch by default: what training has memory for,
sampling has too."""
FAR_OUTSIDE = 8.0
"""Of an image's values, which lie in [-1, 1]: those of untrained networks do not reach so far, and
those of pixels from 0 to 255 do."""


@dataclass(frozen=True)
class Samples:
    """What one evaluation scores and shows."""

    scored: Tensor
    """[n, *shape], on the device."""
    shown: Tensor
    """For the picture: of images from a sampler those of latents that all seeds share."""


@dataclass(frozen=True)
class SampleRequest:
    """What run.evaluate was given."""

    sampler: Callable[[Tensor], Any] | None
    latent_dim: int | None
    latent: LatentKind
    images: Any
    num: int
    """Samples that are scored."""


def samples_of(
    request: SampleRequest,
    data: TrainingData,
    seed: int,
    device: torch.device,
) -> Samples:
    """Return the samples of a request; ValueError where they will not do."""
    if (request.sampler is None) == (request.images is None):
        raise ValueError(
            "run.evaluate takes a sampler and its latent_dim, or images=..., "
            f"got {'neither' if request.images is None else 'both'}"
        )
    given = request.images is not None
    scored = _given(request, data) if given else _sampled(request, data, seed, device)
    if data.is_images:
        _check_range(scored)
    shown = scored
    if data.is_images and not given:
        assert request.latent_dim is not None  # it was sampled with
        latents = shown_latents(request.latent_dim, request.latent)
        shown = _images_of(request, latents, data, seed, device)
    return Samples(scored.to(device), shown)


def _sampled(request: SampleRequest, data: TrainingData, seed: int, device: torch.device) -> Tensor:
    dim = request.latent_dim
    if isinstance(dim, bool) or not isinstance(dim, int) or dim < 1:
        raise ValueError(
            f"run.evaluate needs latent_dim, the dimensions of the sampler's latents, got {dim!r}"
        )
    if request.latent not in get_args(LatentKind):
        kinds = " or ".join(map(repr, get_args(LatentKind)))
        raise ValueError(f"latent must be {kinds}, got {request.latent!r}")
    latents = fixed_latents((seed,), "latents/evaluation", request.num, dim, request.latent)[0]
    return _images_of(request, latents, data, seed, device)


def _images_of(
    request: SampleRequest,
    latents: Tensor,
    data: TrainingData,
    seed: int,
    device: torch.device,
) -> Tensor:
    """Return what the sampler makes of the latents [n, dim]."""
    assert request.sampler is not None
    parts = []
    # Nothing here may change what is trained: a sampler that draws has numbers of its own, the same
    # at every evaluation.
    devices = [device] if device.type == "cuda" else []
    with kept_streams(), torch.random.fork_rng(devices=devices), torch.no_grad():
        seed_all(derive(seed, "evaluation"))
        for part in latents.to(device).split(AT_ONCE):
            made = request.sampler(part)
            if not isinstance(made, Tensor):
                raise ValueError(
                    f"the sampler must return a tensor [{len(part)}, *{list(data.shape)}], got "
                    f"{type(made).__name__}"
                )
            parts.append(_checked(made, len(part), data, "the sampler must return"))
    return torch.cat(parts)


def _given(request: SampleRequest, data: TrainingData) -> Tensor:
    if isinstance(request.images, str | os.PathLike):
        images = _pictures(Path(request.images), data)
    else:
        try:
            images = as_images(request.images)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(
                "images must be a tensor, an array or a folder of pictures, got "
                f"{type(request.images).__name__}: {error}"
            ) from error
    if len(images.shape) and len(images) < request.num:
        raise ValueError(
            f"an evaluation scores {request.num} samples (run.num_samples; [measures] samples), and "
            f"images has {len(images)}"
        )
    # Numbers of samples must be alike, as FID's bias depends on them.
    return _checked(images[: request.num] if images.dim() else images, request.num, data, "images")


def _pictures(folder: Path, data: TrainingData) -> Tensor:
    if not data.is_images:
        raise ValueError("the data are points: give images= as a tensor or an array [n, D]")
    channels = "grey" if data.shape[0] == 1 else "colour"
    options = Images(name="images", path=str(folder), channels=channels, labels="none")
    return as_images(read_pictures(options).pixels)


def _checked(samples: Tensor, num: int, data: TrainingData, what: str) -> Tensor:
    expected = (num, *data.shape)
    if tuple(samples.shape) != expected:
        hint = ""
        if tuple(samples.shape) == (num, *data.shape[1:], *data.shape[:1]) and data.is_images:
            hint = "; channels come first: images.permute(0, 3, 1, 2)"
        elif samples.numel() == num * data.images[0].numel():
            hint = f"; reshape it by .view(-1, {', '.join(map(str, data.shape))})"
        raise ValueError(
            f"{what} of shape {list(expected)}, got {list(samples.shape)}{hint}"
            if what != "images"
            else f"images must have the shape {list(expected)}, got {list(samples.shape)}{hint}"
        )
    samples = as_images(samples)
    if not samples.is_floating_point():
        raise ValueError(f"samples must be floats, or uint8 from 0 to 255, got {samples.dtype}")
    return samples


def _check_range(samples: Tensor) -> None:
    finite = samples[torch.isfinite(samples)]
    reach = float(finite.abs().max()) if finite.numel() else 0.0
    # A generator that diverges may reach anywhere; whole numbers beside that are pixels.
    if reach > FAR_OUTSIDE and bool((finite == finite.round()).all()):
        raise ValueError(
            f"images must lie in [-1, 1], got whole numbers up to {reach:g}: give pixels as uint8, or "
            "divide them by 127.5 and subtract 1"
        )

"""Random numbers that depend on the seed, the stream's name and the position alone.

Every stream is addressed by position, never advanced: the batch of step t is the same whichever
remedy is on, however often evaluations are made, whichever seeds are trained beside it, and after a
resume. So a checkpoint needs no generator state, and configurations meet common random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

LatentKind = Literal["normal", "uniform"]
LATENT_BLOCK = 32
"""Steps drawn at once; drawing one step at a time costs more than the numbers themselves."""


def derive(seed: int, *names: object) -> int:
    """Return a 63-bit seed for the stream `names` of `seed`.

    Different names give independent streams.
    """
    text = "/".join([str(seed), *map(str, names)])
    # manual_seed takes signed 64 bits, hence 63 of them.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator at the start of the stream `names` of `seed`."""
    return torch.Generator().manual_seed(derive(seed, *names))


def draw(shape: tuple[int, ...], kind: LatentKind, stream: torch.Generator) -> Tensor:
    """Draw latents of any shape: N(0, 1), or uniform on [-1, 1]."""
    return (
        torch.randn(shape, generator=stream)
        if kind == "normal"
        else torch.rand(shape, generator=stream) * 2 - 1
    )


def per_seed(seeds: Sequence[int], draw_of: Callable[[int], Tensor]) -> list[Tensor]:
    """Return draw_of(seed) of every lane, drawn once for lanes of the same seed."""
    drawn = {seed: draw_of(seed) for seed in dict.fromkeys(seeds)}
    return [drawn[seed] for seed in seeds]


def fixed_latents(seeds: Sequence[int], name: str, num: int, dim: int, kind: LatentKind) -> Tensor:
    """Draw latents [S, num, dim] that stay the same over the training."""
    return torch.stack(per_seed(seeds, lambda s: draw((num, dim), kind, generator(s, name))))


class Latents:
    """z for every seed, a new batch at every step: `at(t)` has shape [S, batch, dim]."""

    def __init__(
        self,
        seeds: Sequence[int],
        name: str,
        batch: int,
        dim: int,
        device: torch.device,
        kind: LatentKind = "normal",
    ) -> None:
        self._seeds = seeds
        self._name = name
        self._shape = (LATENT_BLOCK, batch, dim)
        self._device = device
        self._kind: LatentKind = kind
        self._block = -1
        self._drawn = torch.empty(0)

    def at(self, step: int) -> Tensor:
        """Return the latents of step `step` (0 is the first)."""
        block, offset = divmod(step, LATENT_BLOCK)
        if block != self._block:
            drawn = per_seed(
                self._seeds,
                lambda s: draw(self._shape, self._kind, generator(s, self._name, block)),
            )
            self._block = block
            self._drawn = torch.stack(drawn, dim=1).to(self._device)
        return self._drawn[offset]


class _ByEpoch:
    """Numbers per training image, drawn anew by each seed and epoch: `at(t)` is [S, batch]."""

    def __init__(
        self, seeds: Sequence[int], name: str, num_images: int, batch: int, device: torch.device
    ) -> None:
        self._seeds = seeds
        self._name = name
        self._num_images = num_images
        self._batch = batch
        self._device = device
        self._epochs: dict[int, Tensor] = {}

    def _draw(self, seed: int, epoch: int) -> Tensor:
        """Return the numbers of a seed's epoch, by position in it: [num_images]."""
        raise NotImplementedError

    def _of_epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            drawn = per_seed(self._seeds, lambda s: self._draw(s, epoch))
            # The epoch before is kept: a batch may straddle two.
            self._epochs = {old: order for old, order in self._epochs.items() if old >= epoch - 1}
            self._epochs[epoch] = torch.stack(drawn).to(self._device)
        return self._epochs[epoch]

    def at(self, step: int) -> Tensor:
        """Return what step `step` (0 is the first) meets."""
        first = step * self._batch
        last = first + self._batch
        parts = []
        while first < last:
            epoch, offset = divmod(first, self._num_images)
            take = min(last - first, self._num_images - offset)
            parts.append(self._of_epoch(epoch)[:, offset : offset + take])
            first += take
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class Batches(_ByEpoch):
    """Order in which each seed meets the training images: `at(t)` are indices [S, batch].

    Every image is met once per epoch, in an order that each seed and epoch draws anew; a batch may
    straddle two epochs, so no image is dropped.
    """

    def _draw(self, seed: int, epoch: int) -> Tensor:
        return torch.randperm(self._num_images, generator=generator(seed, self._name, epoch))


class Flips(_ByEpoch):
    """Which images of the batches of the same name are mirrored: `at(t)` are booleans [S, batch].

    Each with a probability of 1/2, drawn anew by each seed, epoch and position.
    """

    def _draw(self, seed: int, epoch: int) -> Tensor:
        stream = generator(seed, self._name, "mirror", epoch)
        return torch.randint(2, (self._num_images,), generator=stream).bool()


def mirrored(images: Tensor, flips: Tensor) -> Tensor:
    """Return images [..., C, H, W], those with a true value in flips [...] turned left to right."""
    return torch.where(flips[..., None, None, None], images.flip(-1), images)

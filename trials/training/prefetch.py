"""Real images that stay on the host while a GPU trains: the next batch is copied while this one trains.

Small data lie on the GPU as a whole. Large ones stay in the memory that all workers of a node share:
a batch is picked out into pinned memory, and copied from there on a stream beside the one that
computes. No thread takes part: calls of another thread may break the capture of a CUDA graph, and
kernels run behind Python anyway.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ganstudy.trials.ensemble.streams import Batches

RESIDENT = 2**30
"""Bytes up to which data lie on a GPU, which several workers may share."""
Copy = tuple[Tensor, torch.Event | None]
"""A batch on the device, and what says that all of it is there."""


def stays_on_host(images: Tensor, device: torch.device) -> bool:
    """Return whether the training images are too large to lie on the device as a whole."""
    return device.type == "cuda" and images.nbytes > RESIDENT


class Copies(Protocol):
    """Copying of batches to a device."""

    def begin(self, images: Tensor, places: Tensor) -> Copy:
        """Begin to copy the images [N, ...] at places [S, B]."""

    def finished(self, copy: Copy) -> Tensor:
        """Return a batch [S, B, ...] that what is computed from now on may read."""


class PinnedCopies:
    """Copies through two pinned buffers, on a stream of their own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._buffers: list[Copy | None] = [None, None]

    def begin(self, images: Tensor, places: Tensor) -> Copy:
        """Pick the images out, and begin to copy them."""
        shape = (*places.shape, *images.shape[1:])
        used = self._buffers.pop(0)
        if used is None or used[0].shape != shape:
            buffer = torch.empty(shape, dtype=images.dtype, pin_memory=True)
        else:
            buffer = used[0]
            assert used[1] is not None
            used[1].synchronize()  # the copy before the last, which read it
        torch.index_select(images, 0, places.flatten(), out=buffer.flatten(0, 1))
        copied = torch.cuda.Event()
        with torch.cuda.stream(self._stream):
            batch = buffer.to(self._device, non_blocking=True)
            copied.record(self._stream)
        self._buffers.append((buffer, copied))
        return batch, copied

    def finished(self, copy: Copy) -> Tensor:
        """Make the computing stream, not Python, wait for the copy."""
        batch, copied = copy
        assert copied is not None
        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(copied)
        # Or its memory would be given to the next copy while a step still reads it.
        batch.record_stream(computing)
        return batch


class PrefetchedBatches:
    """Batches [S, B, ...] of images on the host, by step, each copied while the one before trains."""

    def __init__(self, images: Tensor, order: Batches, copies: Copies) -> None:
        """order: the places of each step, on the host."""
        self._images, self._order, self._copies = images, order, copies
        self._ahead: tuple[int, Copy] | None = None

    def at(self, step: int) -> Tensor:
        """Return the batch of step `step` (0 is the first), and begin the next one."""
        if self._ahead is None or self._ahead[0] != step:
            self._ahead = step, self._begin(step)
        found = self._copies.finished(self._ahead[1])
        self._ahead = step + 1, self._begin(step + 1)
        return found

    def _begin(self, step: int) -> Copy:
        return self._copies.begin(self._images, self._order.at(step))


class HostImages:
    """Images on the host that are read by index as if they lay on a device."""

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self._images, self._device = images, device

    def __getitem__(self, index: Tensor) -> Tensor:
        """Return the images at the indices, on the device."""
        return self._images[index.cpu()].to(self._device)

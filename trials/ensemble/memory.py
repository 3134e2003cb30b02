"""Running out of memory, on a GPU or on the host: how it shows, and how to get rid of what is in
the way.
"""

from __future__ import annotations

import errno
import gc

import torch

PHRASES = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "ALLOC_FAILED",
)
"""What allocators say that have no exception of their own: torch's on the CPU, CUDA's beside
torch's, those of cuBLAS and cuDNN."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether memory was short, or an error says so that `error` was raised from."""
    while error is not None:
        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in PHRASES):
            return True
        error = error.__cause__
    return False


def is_scarce(device: torch.device) -> bool:
    """Whether less of a GPU's memory is free, of all processes, than this one has had at most."""
    free, _ = torch.cuda.mem_get_info(device)
    return free < torch.cuda.max_memory_allocated(device)


def release() -> None:
    """Frees what nothing refers to any more, on the GPU for other processes too."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()

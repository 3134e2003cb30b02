"""Running out of memory, on a GPU or on the host: recognising it, and freeing what is unused."""

from __future__ import annotations

import ctypes
import errno
import gc
import sys

import torch

PHRASES = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "ALLOC_FAILED",
)
"""In messages of allocators without an exception class of their own: torch's on the CPU, CUDA's
beside torch's, those of cuBLAS and cuDNN."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether `error`, or an error that it was raised from, is a lack of memory."""
    # Along the causes: a user's network that fails for lack of memory is reported as its error.
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
    """Return whether less of the GPU's memory is free than this process has used at its peak."""
    free, _ = torch.cuda.mem_get_info(device)
    return free < torch.cuda.max_memory_allocated(device)


def release() -> None:
    """Free what nothing refers to any more, on the GPU for other processes too."""
    # Reference cycles, such as autograd's graphs and tracebacks, first: their tensors are in use.
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def trim() -> None:
    """Give back to the system what the C library keeps of freed memory, where that is known how."""
    if sys.platform == "linux":
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if give_back is not None:
            give_back(0)

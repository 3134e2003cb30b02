"""The global random streams of Python, NumPy and torch, seeded together for a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

IMPORT_SEED = 8138230066443293779
"""Under which a user's file is imported, so that what it draws then is the same in every process:
derive(0, "data", "plugin") of trials/ensemble/streams.py, which this room cannot import."""


def seed_all(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global streams, of at most 63 bits."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def kept_streams(seed: int | None = None) -> Iterator[None]:
    """Context manager that restores all global streams at its end.

    seed: under which they begin; None lets them go on from where they are.
    """
    # Here, since a study file is read without torch.
    import numpy as np
    import torch

    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            seed_all(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)

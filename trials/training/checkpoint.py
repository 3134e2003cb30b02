"""Trial checkpoints: one safetensors file each, written atomically, found by digest.

A file is its tensors plus a JSON text; its name holds its position in the training and the digest
of its bytes, so a torn or altered file is recognised and the one before it is used. No clock
decides which is newest.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from ganstudy.trials.results.atomic_file import write_whole

KEEP = 2
"""Newest checkpoints kept: the second is the way back when the first is damaged."""


def write_checkpoint(
    folder: Path, position: int, tensors: dict[str, Tensor], state: dict[str, Any]
) -> Path:
    """Write the state after `position` updates, remove all but the newest, and return the file."""
    data = save(
        {name: value.detach().contiguous() for name, value in tensors.items()},
        {"state": json.dumps(state)},
    )
    digest = hashlib.blake2b(data, digest_size=8).hexdigest()
    path = folder / f"{position:012d}-{digest}.safetensors"
    # Before the old ones go: at any time there is a whole one.
    write_whole(path, data)
    for old in _newest_first(folder)[KEEP:]:
        old.unlink(missing_ok=True)
    return path


def read_newest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return (tensors, state) of the newest undamaged checkpoint, or None without one."""
    # The whole file is read before torch sees it: a damaged one must not raise half way.
    for path in _newest_first(folder):
        data = path.read_bytes()
        if hashlib.blake2b(data, digest_size=8).hexdigest() == path.stem.split("-")[1]:
            # safetensors' load() gives the tensors alone; the JSON text lies in the file's header,
            # after its length in 8 bytes.
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            return load(data), json.loads(header["__metadata__"]["state"])
    return None


def newest_position(folder: Path) -> int:
    """Return the updates of the newest checkpoint, damaged or not; 0 without one."""
    newest = next(iter(_newest_first(folder)), None)
    return 0 if newest is None else int(newest.name.split("-")[0])


def _newest_first(folder: Path) -> list[Path]:
    # By name: positions have leading zeros, so that text sorts as numbers do.
    return sorted(folder.glob("[0-9]*-*.safetensors"), reverse=True)

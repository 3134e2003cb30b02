"""The Ray cluster that a study runs on: connected to with our code, and asked whether it suffices."""

from __future__ import annotations

import functools
import logging
import math
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from study import shipping
from study.errors import UserError
from study.spec import StudySpec

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Signals are for study/stopping.py.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The ledger is the truth, so Tune's own snapshots may stay away.
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Of Ray, through the environment; what the user has set stays."""
AUTHENTICATION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Of Ray, through the environment: whether it asks for a token, and for which."""
OBJECT_STORE_BYTES = 200 * 2**20


@contextmanager
def connected(address: str | None, plugin_digests: Iterable[str] = ()) -> Iterator[None]:
    """A connection to Ray that ships our code and the user's own files of those digests; it ends with the study."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="ganstudy-") as staging:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        options["runtime_env"] = {"working_dir": str(shipping.stage(Path(staging), plugin_digests))}
        if address is None:
            options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        try:
            with nullcontext() if address else _own_token():
                ray.init(address=address or "local", **options)
        except (ConnectionError, ValueError, RuntimeError, RayError) as error:
            if address is None:
                raise
            raise UserError(f"no Ray cluster answers at {address}: {str(error).splitlines()[0]}") from None
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _own_token() -> Iterator[None]:
    """A token for the Ray that is started here, unless the user has decided on authentication.

    Ray by itself writes its token to a file in the user's home folder that everyone can read. Its processes keep
    what they were started with, so nothing stays behind in this one, and none of its other children learns the token.
    """
    if any(name in os.environ for name in AUTHENTICATION):
        yield
        return
    os.environ["RAY_AUTH_TOKEN"] = _token()
    try:
        yield
    finally:
        for name in AUTHENTICATION:
            os.environ.pop(name, None)


@functools.cache
def _token() -> str:
    return secrets.token_hex(32)  # one per process, in which Ray reads it only once


def slots(spec: StudySpec) -> int:
    """Trials that the cluster can train at once."""
    total: dict[str, float] = ray.cluster_resources()
    per_kind = [total.get("CPU", 0) / spec.resources.cpus]
    if spec.resources.gpus:
        per_kind.append(total.get("GPU", 0) / spec.resources.gpus)
    return max(1, math.floor(min(per_kind) + 1e-9))


def check_cpus(spec: StudySpec, cpus: float, place: str) -> None:
    """UserError if one trial asks for more CPUs than there are; needs no Ray."""
    if spec.resources.cpus > cpus:
        raise UserError(f"resources.cpus: a trial asks for {spec.resources.cpus:g} CPUs, but {place} has {cpus:g}")


def check_cluster(spec: StudySpec) -> None:
    """UserError if no node of the connected cluster can hold a trial."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for kind, key, wanted in (("CPUs", "CPU", spec.resources.cpus), ("GPUs", "GPU", spec.resources.gpus)):
        largest = max((node.get(key, 0) for node in nodes), default=0)
        if wanted > largest:
            raise UserError(
                f"resources.{kind.lower()}: a trial asks for {wanted:g} {kind}, "
                f"but the largest node of this cluster has {largest:g}"
            )

"""Connect to the Ray cluster that a study runs on, or start one, with our code shipped to it."""

from __future__ import annotations

import functools
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import ray
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from ganstudy.study.cluster import code_version
from ganstudy.study.cluster.environment import (
    SILENT_BACKEND,
    default_environment,
    kept_environment,
    silent_loggers,
)
from ganstudy.study.cluster.session_folder import session_folder
from ganstudy.study.errors import UserError
from ganstudy.study.spec.study_spec import StudySpec

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Results go to MLflow by the outbox: CSV, JSON and TensorBoard files would double them.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Signals are for study/tune/stopping.py.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # The ledger is the truth, so Tune's own snapshots may stay away.
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
"""Ray's environment variables; what the user has set stays."""
AUTHENTICATION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Ray's environment variables that decide whether it asks for a token, and for which."""
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
"""MLflow's environment variables, for the driver's publisher alone: trials, which run users' own
code, talk to no MLflow.
"""
OBJECT_STORE_BYTES = 200 * 2**20
"""Ray would take 30% of the memory; a study keeps a classifier and its configurations there."""


IN_USE = (
    "Ray is in use in this process already, and a study needs one of its own: end the other with "
    "ray.shutdown() first, or run the study in a process of its own (ganstudy run)"
)


@contextmanager
def connected(
    address: str | None,
    plugin_digests: Iterable[str] = (),
    log: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Context manager that connects to Ray, shipping our code and the user's files of those digests.

    address: of a running cluster; None starts Ray on this machine. log: called with what the user
    should know. Raises UserError if no cluster of this machine's versions answers there, or if
    this process uses Ray already. Afterwards Ray can be used as if it had not been used here.
    """
    check_unused()
    with ExitStack() as stack:
        stack.enter_context(default_environment(SETTINGS))
        stack.enter_context(silent_loggers())
        if address is not None:
            stack.enter_context(default_environment(SILENT_BACKEND))
        stack.enter_context(_own_authentication())
        staging = stack.enter_context(tempfile.TemporaryDirectory(prefix="ganstudy-"))
        working_dir = str(code_version.stage(Path(staging), plugin_digests))
        options: dict[str, object] = {
            "log_to_driver": False,
            "logging_level": logging.CRITICAL,
            "runtime_env": {"working_dir": working_dir},
        }
        if address is None:
            options |= {
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_temp_dir": stack.enter_context(session_folder(log)),
            }
        try:
            # A cluster that runs already has its own token and environment.
            with nullcontext() if address else _own_environment():
                ray.init(address=address or "local", **options)
        except UserError:
            raise
        # Ray says that a node did not come up in time by a bare Exception.
        except Exception as error:
            message = str(error)
            raise UserError(
                _not_started(message) if address is None else _not_connected(address, message)
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _not_started(message: str) -> str:
    first = message.strip().splitlines()[0] if message.strip() else "no reason given"
    return (
        f"Ray did not start on this machine ({first}): it is too busy, or short of memory, disk or "
        "ports. Nothing was trained; the same command goes on where the study stands"
    )


def check_unused() -> None:
    """Raise UserError if this process uses Ray already, as a notebook may."""
    if ray.is_initialized():
        raise UserError(IN_USE)


@contextmanager
def _own_authentication() -> Iterator[None]:
    """Context manager that makes Ray read anew, at both ends, whether to ask for a token, and which.

    Ray keeps both for as long as the process lives: a later Ray would be started without our
    token, and be asked for it.
    """
    _forget_authentication()
    try:
        yield
    finally:
        _forget_authentication()


def _forget_authentication() -> None:
    # Ray has no public call for this; its own ray.init refreshes both in the same way.
    AuthenticationTokenLoader.instance().reset_cache()
    Config.initialize("")


def _not_connected(address: str, error: str) -> str:
    """Format a connection error in one line, with both versions if they are what differs."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    if lines[:1] and lines[0].startswith("Version mismatch"):
        return f"the Ray cluster at {address} has other versions than this machine: {' '.join(lines[:7])}"
    return f"no Ray cluster answers at {address}: {lines[0] if lines else 'no reason given'}"


@contextmanager
def _own_environment() -> Iterator[None]:
    """Context manager that gives Ray a token and hides what only the driver needs."""
    with kept_environment(CREDENTIALS), _own_token():
        for name in CREDENTIALS:
            os.environ.pop(name, None)
        yield


@contextmanager
def _own_token() -> Iterator[None]:
    """Context manager that sets a token for Ray, unless the user has decided on authentication.

    Ray by itself writes its token to a file in the user's home folder that everyone can read. Its
    processes keep what they were started with, so nothing stays behind in this one, and none of its
    other children learns the token.
    """
    if any(name in os.environ for name in AUTHENTICATION):
        yield
        return
    # Ray itself sets RAY_AUTH_MODE then.
    with kept_environment(AUTHENTICATION):
        os.environ["RAY_AUTH_TOKEN"] = _token()
        yield


@functools.cache
def _token() -> str:
    return secrets.token_hex(32)  # one per process, whose studies may follow each other


def check_cpus(spec: StudySpec, cpus: float, where: str) -> None:
    """Raise UserError if one trial asks for more CPUs than there are; needs no Ray."""
    if spec.resources.cpus > cpus:
        raise UserError(
            f"resources.cpus: a trial asks for {spec.resources.cpus:g} CPUs, but {where} has {cpus:g}"
        )

"""What this process sets for Ray, environment variables and log levels, and puts back afterwards."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

SILENT_BACKEND = {"RAY_BACKEND_LOG_LEVEL": "fatal"}
"""For a cluster that may not answer: Ray's own lines would come beside our message."""
LOGGERS = ("ray", "ray.tune", "ray.train")


@contextmanager
def kept_environment(names: Iterable[str]) -> Iterator[None]:
    """Context manager that puts the variables of those names back to what they were."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def default_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Context manager that sets the variables that the user has not set, and unsets them again."""
    with kept_environment(values):
        for name, value in values.items():
            os.environ.setdefault(name, value)
        yield


@contextmanager
def silent_loggers() -> Iterator[None]:
    """Context manager in which Ray's Python logs nothing that is not critical."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

"""Metrics that a user's own training reports of itself: named own/NAME beside ganstudy's measures.

They were measured in some way of the user's, so nothing is decided by them, and no score of ganstudy's is
compared with them.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable

PREFIX = "own/"
"""Begins their names in rows, MLflow and frames."""
NAME = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)
"""What MLflow takes as well."""
NAMES_IN_WORDS = "letters, digits, _, - and ., at most 100, of which the first is a letter or _"


def check_name(name: str) -> None:
    """Raise ValueError unless it may follow own/."""
    if not NAME.fullmatch(name):
        raise ValueError(f"an own metric's name has {NAMES_IN_WORDS}, got {name[:120]!r}")


def named(names: Iterable[str]) -> list[str]:
    """Return the names among these that are own metrics, in alphabetical order."""
    return sorted(name for name in names if name.startswith(PREFIX))


def median_of_present(values: Iterable[float | None]) -> float | None:
    """Return the median of the seeds that have a value: which way is better is not known."""
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None

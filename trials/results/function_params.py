"""Names of a training function's parameters: as a study file searches them, and as the report has them."""

from __future__ import annotations

PREFIX = "params."
"""Of a parameter as a key of a search space: "params.width"."""
REPORTED = ("k", "lr_d", "lr_g", "remedies")
"""Parameters that are the settings of these names for the report."""


def reported_name(key: str) -> str:
    """Return the name of a setting in the report, from its key in a search space."""
    name = key.removeprefix(PREFIX)
    return name if name in REPORTED else key

"""Why a configuration is confirmed on fresh seeds: the roles that the ledger gives and the report
reads.
"""

from __future__ import annotations

BEST = "best"
"""One of the best within the constraints; "best with LABEL" is the best of a set of remedies."""
NEAREST = "nearest"
"""The nearest to the constraints, which none satisfied."""
BASELINE = "baseline"
"""The best without remedies."""
SEPARATOR = "; "


def joined(roles: tuple[str, ...]) -> str:
    """Return all roles of a configuration as one text, as trials carry them."""
    return SEPARATOR.join(roles)


def has_role(roles: object, role: str) -> bool:
    """Return whether a trial's roles, as `joined` makes them, include this one."""
    return role in str(roles).split(SEPARATOR)

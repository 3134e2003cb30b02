"""Roles of a configuration that is confirmed on fresh seeds: why it was selected.

The ledger gives them and the report reads them.
"""

from __future__ import annotations

BEST = "best"
"""One of the best within the constraints; "best with LABEL" is the best of a set of remedies."""
NEAREST = "nearest"
"""The nearest to the constraints, which none satisfied."""
BASELINE = "baseline"
"""The best without remedies. In studies of before also the best with its remedies switched off,
where the search never drew one without.
"""
TWIN = "twin"
""" "twin of trial 7": that configuration with its remedies switched off, and all else equal."""
EARLIER = "chosen earlier"
"""Confirmed before the search went on and found something else."""
SEPARATOR = "; "


def joined(roles: tuple[str, ...]) -> str:
    """Return all roles of a configuration as one text, as trials carry them."""
    return SEPARATOR.join(roles)


def has_role(roles: object, role: str) -> bool:
    """Return whether a trial's roles, as `joined` makes them, include this one."""
    return role in str(roles).split(SEPARATOR)


def best_with(label: str) -> str:
    """Return the role of the best configuration of a set of remedies."""
    return f"{BEST} with {label}"


def is_best_with(roles: object) -> bool:
    """Return whether a trial is the best of some set of remedies."""
    return any(role.startswith(best_with("")) for role in str(roles).split(SEPARATOR))


def twin_of(number: int) -> str:
    """Return the role of the twin of a search trial."""
    return f"{TWIN} of trial {number}"

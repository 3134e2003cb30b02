"""Durations as people read them."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """Format a duration to two or three digits: "90 s", "12 min", "2.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

"""Text in Markdown that stays text, whatever it looks like."""

from __future__ import annotations

import re

SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$^]")
BLOCK_START = re.compile(r"^(\d*)([-=.])")
"""Begins a list or a heading, if it is the first of its line."""


def escape(value: object) -> str:
    """Return `value` on one line, as text that Markdown does not act on."""
    printable = "".join(c if c.isprintable() else " " for c in str(value))
    line = SPECIAL.sub(r"\\\g<0>", " ".join(printable.split()))
    # A bare URL would become a link.
    return BLOCK_START.sub(r"\1\\\2", line).replace("://", "&#58;//")

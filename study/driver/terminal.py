"""Lines for people: broken between words on a terminal of any width, whole in a file or a pipe."""

from __future__ import annotations

import textwrap

from rich.console import Console

INDENT = "  "
"""Of the rest of a broken line."""


def say(console: Console, text: str) -> None:
    """Print plain text; words, paths and commands stay whole."""
    # Not wrapped by rich, which cuts a path that is longer than a line, so that nobody can copy it.
    console.print(
        wrap(text, console.width) if console.is_terminal else text,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def wrap(text: str, width: int) -> str:
    """Return the text with every line broken between words where it is longer than `width`."""
    return "\n".join(
        textwrap.fill(
            line,
            max(width - 1, len(INDENT) + 1),
            subsequent_indent=INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )

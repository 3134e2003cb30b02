"""Files and folders below a script's folder, by patterns that may hold a number: "fakes-{kimg}.npy"."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ganstudy.trials.config.command import PLACEHOLDER, UNITS

DEPTH = 5
"""Folders below a script's own that are looked into."""


class Pattern:
    """A pattern of paths; without a slash it is one of names."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.size = 1.0
        """Of one of its numbers, in the budget's unit."""
        parts, end = [], 0
        for match in PLACEHOLDER.finditer(text):
            parts.append(_escaped(text[end : match.start()]))
            if match["name"] in UNITS:
                parts.append(r"(\d+(?:\.\d+)?)")
                self.size = UNITS[match["name"]][1]
            else:
                parts.append(_escaped(match[0]))
            end = match.end()
        parts.append(_escaped(text[end:]))
        self._expression = re.compile("".join(parts))
        self._of_names = "/" not in text

    def amount(self, relative: str) -> float | None:
        """Return the number in a path in the budget's unit, 0 without one; None where it is no match."""
        text = relative.rpartition("/")[2] if self._of_names else relative
        # Of a path, its end: scripts make a folder of their own for every run.
        found = self._expression.fullmatch(text)
        if found is None and not self._of_names:
            parts = relative.split("/")[-self.text.count("/") - 1 :]
            found = self._expression.fullmatch("/".join(parts))
        if found is None:
            return None
        return float(found[1]) * self.size if found.groups() else 0.0


def _escaped(text: str) -> str:
    whole = re.escape(text)
    return whole.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


@dataclass(frozen=True)
class Entry:
    """A file or folder below a script's folder."""

    relative: str
    path: Path
    is_folder: bool
    signature: tuple[int, int]
    """Changes where it is written to."""


def entries(folder: Path, closed: Pattern | None = None) -> Iterator[Entry]:
    """Iterate over all that lies below a folder.

    closed: of folders that are not looked into, as those of samples, which may hold thousands.
    """
    stack = [("", folder, 0)]
    while stack:
        prefix, place, depth = stack.pop()
        try:
            found = sorted(os.scandir(place), key=lambda each: each.name)
        except OSError:  # gone by now
            continue
        for each in found:
            relative = f"{prefix}{each.name}"
            try:
                state, is_folder = each.stat(), each.is_dir()
            except OSError:
                continue
            size = 0 if is_folder else state.st_size
            path = Path(each.path)
            yield Entry(relative, path, is_folder, (state.st_mtime_ns, size))
            looked_into = closed is None or closed.amount(relative) is None
            if is_folder and depth < DEPTH and looked_into and not each.is_symlink():
                stack.append((f"{relative}/", path, depth + 1))

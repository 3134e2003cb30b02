"""The log of one trial, in the study's folder: whatever node it ran on, nothing has to be fetched
from there.

It holds what a trial's process says while the trial is its own: starts with node and position,
evaluations, errors with their tracebacks, warnings, and whatever the user's own files print.
"""

from __future__ import annotations

import io
import logging
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TextIO

MOST_BYTES = 5 * 2**20
"""Of one trial; a print in every step must not fill the disk."""
LEVEL = logging.WARNING
"""Records of Python's logging from here on, warnings among them."""


def path(folder: Path, number: int) -> Path:
    """The log of trial `number` of the study whose logs lie in `folder`."""
    return folder / f"trial-{number:06d}.txt"


class TrialLog:
    """Where the present trial of this process writes; one process trains one trial after another."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, Path()
        self._room = 0
        sys.stdout, sys.stderr = _Tee(sys.stdout, self), _Tee(sys.stderr, self)
        handler = logging.StreamHandler(_Lines(self))
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        handler.setLevel(LEVEL)
        logging.getLogger().addHandler(handler)
        logging.captureWarnings(True)

    def begin(self, number: int) -> None:
        """From here on, everything is trial `number`'s."""
        self._file = path(self._folder, number)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._room = MOST_BYTES - (self._file.stat().st_size if self._file.exists() else 0)

    def say(self, text: str) -> None:
        """One line or more, with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self.write("".join(f"{stamp} {line}\n" for line in text.splitlines()))

    def error(self, error: BaseException) -> None:
        """With its traceback."""
        self.say("".join(traceback.format_exception(error)))

    def write(self, text: str) -> None:
        """As it is, while there is room; a full disk is found by those whose files matter."""
        data = text.encode(errors="replace")
        if self._room <= 0:
            return
        self._room -= len(data)
        if self._room <= 0:
            data += f"\n(the rest is left out: a trial's log ends at {MOST_BYTES} bytes)\n".encode()
        with suppress(OSError), self._file.open("ab") as file:
            file.write(data)


class _Lines(io.TextIOBase):
    """A text file whose lines get the time."""

    def __init__(self, log: TrialLog) -> None:
        self._log = log

    def write(self, text: str) -> int:
        if text.strip():
            self._log.say(text)
        return len(text)


class _Tee(io.TextIOBase):
    """Standard output or error as it was, and into the log."""

    def __init__(self, before: TextIO, log: TrialLog) -> None:
        self._before, self._log = before, log

    def write(self, text: str) -> int:
        self._log.write(text)
        with suppress(OSError, ValueError):
            self._before.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._before.flush()

    def fileno(self) -> int:
        return self._before.fileno()

    def isatty(self) -> bool:
        return False

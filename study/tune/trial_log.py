"""Log file of one trial, in the study's folder, whatever node it ran on.

It holds starts with node and position, evaluations, errors with their tracebacks, warnings, and
whatever the user's own files print. contextlib.redirect_stdout and a logging.FileHandler do not
replace this: output must also reach the process's own stdout, where Ray collects it, and a trial's
log has a limit of bytes that prints and log records share.
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
"""Size of one trial's log; a print in every step must not fill the disk."""
LEVEL = logging.WARNING
"""Lowest level of Python's log records that are kept; warnings are among them."""


def path(folder: Path, number: int) -> Path:
    """Return the log file of trial `number` of the study whose logs lie in `folder`."""
    return folder / f"trial-{number:06d}.txt"


class TrialLog:
    """Log of the present trial of this process, which trains one trial after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = Path()
        self._room = 0
        # Once per process, not per trial: Ray keeps workers, and each trial would wrap the last
        # wrapper.
        sys.stdout = _Tee(sys.stdout, self)
        sys.stderr = _Tee(sys.stderr, self)
        handler = logging.StreamHandler(_Lines(self))
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        handler.setLevel(LEVEL)
        logging.getLogger().addHandler(handler)
        logging.captureWarnings(True)

    def begin(self, number: int) -> None:
        """Log to the file of trial `number` from here on."""
        self._file = path(self._folder, number)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._room = MOST_BYTES - (self._file.stat().st_size if self._file.exists() else 0)

    def log(self, text: str) -> None:
        """Write one line or more, with the time."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self.write("".join(f"{stamp} {line}\n" for line in text.splitlines()))

    def error(self, error: BaseException) -> None:
        """Write an exception with its traceback."""
        self.log("".join(traceback.format_exception(error)))

    def write(self, text: str) -> None:
        """Write `text` as it is, while there is room; a full disk is ignored here.

        Checkpoints and records, which matter more, fail on it and stop the study.
        """
        data = text.encode(errors="replace")
        if self._room <= 0:
            return
        self._room -= len(data)
        if self._room <= 0:
            data += f"\n(the rest is left out: a trial's log ends at {MOST_BYTES} bytes)\n".encode()
        with suppress(OSError), self._file.open("ab") as file:
            file.write(data)


class _Lines(io.TextIOBase):
    """Text stream that writes lines with the time to a log."""

    def __init__(self, log: TrialLog) -> None:
        self._log = log

    def write(self, text: str) -> int:
        if text.strip():
            self._log.log(text)
        return len(text)


class _Tee(io.TextIOBase):
    """Text stream that writes to standard output or error as before, and to a log."""

    def __init__(self, before: TextIO, log: TrialLog) -> None:
        self._before = before
        self._log = log

    def write(self, text: str) -> int:
        self._log.write(text)
        with suppress(OSError, ValueError):
            self._before.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._before.flush()

    def fileno(self) -> int:
        # Of the stream as it was: C code and faulthandler write there, beside the log.
        return self._before.fileno()

    def isatty(self) -> bool:
        return False

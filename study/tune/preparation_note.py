"""What a worker says while it prepares what a study is scored with, for whoever waits for it.

In a file of the study's folder, which every machine of a cluster sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ganstudy.trials.results.atomic_file import write_whole


class PreparationNote:
    """One line on what is being prepared and how long it takes."""

    def __init__(self, file: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """file: where the line is kept; None says nothing to anybody."""
        self._file = file
        self._clock = clock
        self._start = clock()

    def say(self, text: str) -> None:
        """Say what is being done from here on."""
        self._start = self._clock()
        self._write(text)

    def epoch(self, done: int, epochs: int, accuracy: float) -> None:
        """Say how far the training of the classifier is. accuracy: on the images of that epoch."""
        left = (self._clock() - self._start) / done * (epochs - done)
        about = f"about {left:.0f} s" if left < 120 else f"about {left / 60:.0f} min"
        self._write(
            f"training the classifier that FID looks through: epoch {done} of {epochs}, "
            f"{accuracy:.0%}, {about} left, once per data set"
        )

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        # Preparing matters more than saying so.
        with suppress(OSError):
            write_whole(self._file, text.encode())


def read_note(file: Path) -> str:
    """Return what is being prepared; '' where there is no note yet."""
    with suppress(OSError):
        return file.read_text(encoding="utf-8")
    return ""

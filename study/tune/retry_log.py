"""How often a trial was begun, where, and how that ended: a process that dies cannot say so itself.

A trial may fail by itself as often as [resources] retries allows without getting any further: by an
exception, by a death of its process on a node that lives on, by silence. A node that went away, or
a driver that was stopped, takes its trials with it through no fault of theirs; that costs no retry.
"""

from __future__ import annotations

import faulthandler
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ganstudy.trials.atomic_file import write_whole

FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')


@dataclass
class Attempt:
    """One process's go at a trial."""

    job: str
    """The driver's, by Ray's id: another one after each resume."""
    node: str
    position: int
    """Updates that its checkpoint held when it began."""
    end: str | None = None
    """In words; None while it is under way, or if nobody could say."""
    harmless: bool = False
    """It ended through no fault of the trial."""


class RetryLog:
    """The attempts at one trial, kept in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file, self._silence = folder / "attempts.json", folder / "silence.txt"
        self._all = (
            [Attempt(**each) for each in json.loads(self._file.read_text())]
            if self._file.exists()
            else []
        )
        self._watch: TextIO | None = None

    def begin(self, job: str, node: str, living_nodes: set[str]) -> None:
        """Notes a new attempt, after finding out what became of the last."""
        if self._all and self._all[-1].end is None:
            last = self._all[-1]
            last.harmless = last.job != job or last.node not in living_nodes
            last.end = self._silent_place() or (
                "its driver or node was lost" if last.harmless else "its process died"
            )
        self._silence.unlink(missing_ok=True)
        self._all.append(Attempt(job, node, self._position()))
        self._write()

    @property
    def failures(self) -> list[str]:
        """How the attempts ended that failed by themselves and came no further than where the trial
        is now.
        """
        position = self._position()
        return [
            a.end
            for a in self._all
            if a.end is not None and not a.harmless and a.position == position
        ]

    @property
    def deaths(self) -> int:
        """Of these, those by a process that died without a word, as one that the system kills for
        its memory does.
        """
        return sum(end == "its process died" for end in self.failures)

    def end(self, how: str, harmless: bool) -> None:
        """Notes how the present attempt ended."""
        self._all[-1].end, self._all[-1].harmless = how, harmless
        with suppress(OSError):  # a full disk: then it counts as an end that nobody could tell
            self._write()

    def watch(self, seconds: float) -> None:
        """Ends this process if the next call does not come within `seconds`.

        Where it hung is written beside the trial. The watch needs no lock of Python's, so a thread
        that holds it for ever is ended too.
        """
        if self._watch is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._watch = self._silence.open("w")
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._watch)

    def unwatch(self) -> None:
        """The trial is done, or waits for nothing of its own."""
        faulthandler.cancel_dump_traceback_later()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
            self._silence.unlink(missing_ok=True)

    @property
    def position(self) -> int:
        """Updates that its checkpoint held when the present attempt began."""
        return self._all[-1].position

    def _position(self) -> int:
        from ganstudy.trials.training.checkpoint import (
            newest_position,  # loads torch, which the driver does without
        )

        return newest_position(self._folder)

    def _silent_place(self) -> str | None:
        """Where the last attempt fell silent, if it did: the innermost line of its training."""
        if not self._silence.exists():
            return None
        frames = FRAME.findall(self._silence.read_text())
        if not frames:
            return None
        file, line, _ = next((frame for frame in frames if "/plugins/" in frame[0]), frames[0])
        return f"it was silent for too long, at {Path(file).name}:{line}"

    def _write(self) -> None:
        write_whole(self._file, json.dumps([asdict(each) for each in self._all]).encode())

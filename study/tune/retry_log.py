"""Attempts at a trial: where each began and how it ended.

They stand in a file, as a process that dies cannot record its own end. A trial may fail by itself
as often as [resources] retries allows without getting any further: by an exception, by the death of
its process on a node that lives on, by silence. A node that went away, or a driver that was
stopped, takes its trials with it through no fault of theirs; that costs no retry.
"""

from __future__ import annotations

import faulthandler
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from ganstudy.trials.results.atomic_file import write_whole

FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')
PROCESS_DIED = "its process died"
PACK_FAILED = "the pack that it was trained in failed"
"""End of an attempt among others: which of them was at fault, the next attempts by themselves show."""


@dataclass
class Attempt:
    """One process's attempt at a trial."""

    job: str
    """Ray's id of the driver's job: another one after each resume."""
    node: str
    position: int
    """Updates in the checkpoint that it started from."""
    end: str | None = None
    """How it ended; None while it is under way, or if it could not be recorded."""
    harmless: bool = False
    """Whether it ended through no fault of the trial."""
    in_pack: bool = False
    """Whether other trials were trained in the same process, any of which may have ended it."""


class RetryLog:
    """The attempts at one trial, kept in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "attempts.json"
        self._silence = folder / "silence.txt"
        self._all: list[Attempt] = []
        if self._file.exists():
            self._all = [Attempt(**each) for each in json.loads(self._file.read_text())]
        self._watch: TextIO | None = None

    def begin(self, job: str, node: str, living_nodes: set[str], in_pack: bool = False) -> None:
        """Record a new attempt, after finding out how the last one ended."""
        if self._all and self._all[-1].end is None:
            last = self._all[-1]
            # Another job means another driver: the old one stopped, and its workers with it.
            last.harmless = last.job != job or last.node not in living_nodes
            if last.in_pack and not last.harmless:
                last.harmless, last.end = True, PACK_FAILED
            else:
                last.end = self._silent_at() or (
                    "its driver or node was lost" if last.harmless else PROCESS_DIED
                )
        self._silence.unlink(missing_ok=True)
        self._all.append(Attempt(job, node, self._position(), in_pack=in_pack))
        self._write()

    @property
    def pack_failed(self) -> bool:
        """Whether a pack with this trial in it failed at the trial's present position."""
        position = self._position()
        return any(each.end == PACK_FAILED and each.position == position for each in self._all)

    @property
    def failures(self) -> list[str]:
        """Ends of the attempts that failed by themselves at the trial's present position."""
        position = self._position()
        return [
            attempt.end
            for attempt in self._all
            if attempt.end is not None and not attempt.harmless and attempt.position == position
        ]

    @property
    def deaths(self) -> int:
        """Number of failures by a process that died without an exception.

        A process that the system kills for its memory dies like this.
        """
        return sum(end == PROCESS_DIED for end in self.failures)

    def end(self, how: str, harmless: bool) -> None:
        """Record how the present attempt ended."""
        self._all[-1].end = how
        self._all[-1].harmless = harmless
        with suppress(OSError):  # a full disk: then the end counts as unknown
            self._write()

    def watch(self, seconds: float) -> None:
        """End this process if the next call does not come within `seconds`.

        Where it hung is written beside the trial.
        """
        # faulthandler's thread needs no lock of Python's, so a thread that holds the GIL for ever
        # is ended too.
        if self._watch is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._watch = self._silence.open("w")
        faulthandler.dump_traceback_later(seconds, exit=True, file=self._watch)

    def unwatch(self) -> None:
        """Stop the watch: the trial is done, or waits for something that is not its own."""
        faulthandler.cancel_dump_traceback_later()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
            self._silence.unlink(missing_ok=True)

    @property
    def position(self) -> int:
        """Updates in the checkpoint that the present attempt started from."""
        return self._all[-1].position

    def _position(self) -> int:
        # Loads torch, which the driver does without.
        from ganstudy.trials.training.checkpoint import newest_position

        return newest_position(self._folder)

    def _silent_at(self) -> str | None:
        """Return where the last attempt hung, if it did: the innermost line, a user's file first."""
        if not self._silence.exists():
            return None
        # faulthandler lists frames from the innermost outwards.
        frames = FRAME.findall(self._silence.read_text())
        if not frames:
            return None
        file, line, _ = next((frame for frame in frames if "/plugins/" in frame[0]), frames[0])
        return f"it was silent for too long, at {Path(file).name}:{line}"

    def _write(self) -> None:
        write_whole(self._file, json.dumps([asdict(each) for each in self._all]).encode())

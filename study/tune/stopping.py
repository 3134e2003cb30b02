"""Stopping a study without losing anything: a file that asks for it, which every worker looks for.

Ctrl-C, SIGTERM, `ganstudy stop` and a full disk all come to this. Workers see the file within a
second or two of training, save their trials between two steps and end; nothing new is begun. A
second signal ends the driver at once, at the cost of what was trained since the last checkpoint.
"""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class StopRequest:
    """Whether, and why, a study is to stop; shared through its folder."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._reason: str | None = None

    def ask(self, reason: str) -> None:
        """Asks for it; the first reason stays."""
        if self.reason() is None:
            self._reason = reason
            with suppress(
                OSError
            ):  # no room for it: this process knows, and workers find the disk full themselves
                self.file.write_text(reason, encoding="utf-8")

    def reason(self) -> str | None:
        """Why it was asked for; None where it was not."""
        if self._reason is None and self.file.exists():
            self._reason = self.file.read_text(encoding="utf-8") or "asked to stop"
        return self._reason

    def clear(self) -> None:
        """The study goes on."""
        self._reason = None
        self.file.unlink(missing_ok=True)


@contextmanager
def handling(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Those signals go to `handler`. Outside the main thread, where Python takes no signals,
    nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def terminated_as_interrupted() -> AbstractContextManager[None]:
    """SIGTERM ends what is inside as Ctrl-C does, by KeyboardInterrupt; Ray's own handler would
    print its stack.
    """
    return handling(signal.default_int_handler, signal.SIGTERM)


def stop_on_signals(
    stop: StopRequest, at_once: Callable[[], bool], say: Callable[[str], None]
) -> AbstractContextManager[None]:
    """The first SIGINT or SIGTERM asks the study to stop, the second raises KeyboardInterrupt.

    So does the first where `at_once` says that there is nothing to ask for.
    """

    def asked(number: int, _frame: FrameType | None) -> None:
        if at_once() or stop.reason() is not None:
            raise KeyboardInterrupt
        stop.ask(signal.Signals(number).name)
        say("Stopping: the trials in training save where they are (once more: stop at once)")

    return handling(asked, signal.SIGINT, signal.SIGTERM)


def no_room(error: BaseException | None) -> str | None:
    """What a full disk says, where that is the cause of `error`."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            place = f": {error.filename}" if error.filename else ""
            return f"{error.strerror}{place}"
        if "database or disk is full" in str(error):
            return str(error).splitlines()[0]
        error = error.__cause__ or error.__context__
    return None

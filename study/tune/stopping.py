"""Stop a study without losing anything: by a file, which every worker looks for.

Ctrl-C, SIGTERM, `ganstudy stop` and a full disk all write this file. Workers see the file within a
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

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class StopRequest:
    """A request to stop a study, with its reason; shared through the study's folder."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._reason: str | None = None

    def ask(self, reason: str) -> None:
        """Request the stop; the first reason stays."""
        if self.reason() is None:
            self._reason = reason
            # No room for the file: this process knows, and workers find the disk full themselves.
            with suppress(OSError):
                self.file.write_text(reason, encoding="utf-8")

    def reason(self) -> str | None:
        """Return why the stop was requested; None if it was not."""
        if self._reason is None and self.file.exists():
            self._reason = self.file.read_text(encoding="utf-8") or "asked to stop"
        return self._reason

    def clear(self) -> None:
        """Withdraw the request."""
        self._reason = None
        self.file.unlink(missing_ok=True)


@contextmanager
def handling(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Context manager that handles those signals by `handler`.

    Outside the main thread, where Python takes no signals, nothing changes.
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
    """Context manager in which SIGTERM raises KeyboardInterrupt, as Ctrl-C does.

    Ray's own handler would print its stack.
    """
    return handling(signal.default_int_handler, signal.SIGTERM)


def stop_on_signals(
    stop: StopRequest, at_once: Callable[[], bool], log: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Context manager in which the first SIGINT or SIGTERM requests a stop, the second interrupts.

    at_once: whether the first is to raise KeyboardInterrupt, too.
    """

    def asked(number: int, _frame: FrameType | None) -> None:
        if at_once() or stop.reason() is not None:
            raise KeyboardInterrupt
        stop.ask(signal.Signals(number).name)
        log("Stopping: trials in training save their state (again: stop at once)")

    return handling(asked, signal.SIGINT, signal.SIGTERM)


def no_room(error: BaseException | None) -> str | None:
    """Return the message of a full disk, if that is a cause of `error`."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        # SQLite's message: SQLAlchemy's exceptions hold it as text alone.
        if "database or disk is full" in str(error):
            return str(error).splitlines()[0]
        error = error.__cause__ or error.__context__
    return None
